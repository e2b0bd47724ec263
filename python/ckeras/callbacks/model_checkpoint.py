"""ModelCheckpoint: save the model while it trains."""

import os
import re

from ckeras.callbacks.monitor import MonitorCallback
from ckeras.utils.progbar import log_line


class ModelCheckpoint(MonitorCallback):
    """Saves the model to `filepath` after every epoch, or every `save_freq` batches.

    `filepath` may hold `{epoch}`, `{batch}` and names of logs, with formats: `"{epoch:02d}-{val_loss:.2f}.keras"`.
    It ends with `.keras` (or `.h5`), or with `.weights.h5` when `save_weights_only`. `save_best_only` saves when
    `monitor` is the best so far, `initial_value_threshold` included. Raises `ValueError` for another ending and for an
    unknown `save_freq`.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, best=initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"[ModelCheckpoint] save_freq must be 'epoch' or a positive number of batches, got {save_freq!r}"
            )
        self.save_freq = save_freq
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings) or self.filepath.endswith(".weights.h5") != save_weights_only:
            raise ValueError(
                f"[ModelCheckpoint] filepath must end with {' or '.join(map(repr, endings))} when "
                f"save_weights_only={save_weights_only}, got {self.filepath!r}"
            )
        self._since = 0
        self._epoch = 0
        if save_freq != "epoch":
            # Only then does it listen to batches: without it the engine runs many steps at once.
            self.on_train_batch_end = self._after_batch

    def on_train_begin(self, logs=None):
        self._since = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def _after_batch(self, batch, logs=None):
        self._since += 1
        if self._since >= self.save_freq:
            self._since = 0
            self._save(self._epoch, logs, batch)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch, logs, batch=None):
        logs = logs or {}
        path = self._path(epoch, logs, batch)
        if self.save_best_only:
            value = self._monitored(logs)
            if value is None:
                return
            if not self._improves(value, self.best):
                if self.verbose:
                    log_line(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {self.best:.5f}")
                return
            if self.verbose:
                before = None if self.best is None else f"{self.best:.5f}"
                log_line(
                    f"\nEpoch {epoch + 1}: {self.monitor} improved from {before} to {value:.5f}, saving model to {path}"
                )
            self.best = value
        elif self.verbose:
            log_line(f"\nEpoch {epoch + 1}: saving model to {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            log_line(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _path(self, epoch, logs, batch):
        names = {"epoch": epoch + 1, **logs}
        if batch is not None:
            names["batch"] = batch + 1
        try:
            return self.filepath.format(**names)
        except KeyError as e:
            known = ", ".join(sorted(names))
            asked = re.findall(r"{(\w+)", self.filepath)
            raise KeyError(f"[ModelCheckpoint] filepath asks for {asked}, {e} is not there; there are: {known}") from e
