"""OrbaxCheckpoint: a name of Keras that stands for a format of JAX's."""

from ckeras.callbacks.callback import Callback


class OrbaxCheckpoint(Callback):
    """Checkpoints in Orbax's format, which needs JAX: raises `NotImplementedError` that names what to use instead."""

    def __init__(
        self,
        directory,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        max_to_keep=1,
        save_on_background=True,
        save_weights_only=False,
    ):
        raise NotImplementedError(
            "[OrbaxCheckpoint] Orbax stores arrays of JAX, which ckeras has none of; use "
            "ckeras.callbacks.ModelCheckpoint for files of the best or every epoch, or BackupAndRestore to go on after "
            "an interruption"
        )
