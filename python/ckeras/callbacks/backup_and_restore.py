"""BackupAndRestore: training that was interrupted goes on where it was."""

import json
import os
import shutil

from ckeras.callbacks.callback import Callback
from ckeras.saving.atomic import write_atomically


class BackupAndRestore(Callback):
    """Keeps the state of training in the folder `backup_dir`; a new `fit` with the same arguments goes on from it.

    `save_freq`: "epoch", or the number of batches between two backups; training goes on at the start of the epoch that
    the backup is from. `double_checkpoint` keeps the backup before the last one too, which is read when the last is
    damaged. `delete_checkpoint`: the folder is removed when training is complete.
    Raises `ValueError` for a `save_freq` that is neither, an empty folder name, and a model that is not built.

    >>> model.fit(x, y, epochs=20, callbacks=[ckeras.callbacks.BackupAndRestore("backup")])
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError("[BackupAndRestore] backup_dir must be the path of a folder, got nothing")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(f"[BackupAndRestore] save_freq must be 'epoch' or a positive int, got {save_freq!r}")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.per_slice = save_freq == "epoch"
        self._batches = self._epoch = 0  # batches since the last backup, epochs that are complete
        self._last_batch = -1

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                f"[BackupAndRestore] the model {self.model.name!r} is not built, so there is nothing to restore into: "
                "call it on a batch, or build(input_shape), before fit"
            )
        self._batches = self._epoch = 0
        latest, previous = (os.path.exists(self._files(kind)[0]) for kind in ("latest", "previous"))
        if latest:
            try:
                self._restore("latest")
            except (OSError, ValueError):
                if not previous:
                    raise
                self._restore("previous")
        elif previous:  # the process ended while it moved the files
            self._restore("previous")

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._last_batch = -1

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self.save_freq == "epoch":
            self._save(0)

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq == "epoch":
            return
        self._batches += batch - self._last_batch  # several with steps_per_execution
        self._last_batch = batch
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(batch)

    def on_train_end(self, logs=None):
        if self.delete_checkpoint and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)

    def _files(self, kind):
        """The files of a backup: weights, and what epoch they are from."""
        facts = "training_metadata.json" if kind == "latest" else "training_metadata.previous.json"
        return os.path.join(self.backup_dir, f"{kind}.weights.h5"), os.path.join(self.backup_dir, facts)

    def _restore(self, kind):
        weights, facts = self._files(kind)
        epoch = 0
        if os.path.exists(facts):
            with open(facts) as f:
                epoch = json.load(f)["epoch"]
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self.model.load_weights(weights)
        self._epoch = self.model._trainer.resumed_epoch = epoch

    def _save(self, batch):
        os.makedirs(self.backup_dir, exist_ok=True)
        weights, facts = self._files("latest")
        if self.double_checkpoint:
            for now, before in zip((weights, facts), self._files("previous"), strict=True):
                if os.path.exists(now):
                    os.replace(now, before)
        self.model.save_weights(weights)
        write_atomically(facts, json.dumps({"epoch": self._epoch, "batch": batch}).encode())
