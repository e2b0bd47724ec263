"""Callbacks: what `fit`, `evaluate` and `predict` call on their way."""

from ckeras import _lazy

_MODULES = {
    "ckeras.callbacks.backup_and_restore": "BackupAndRestore",
    "ckeras.callbacks.callback": "Callback",
    "ckeras.callbacks.callback_list": "CallbackList",
    "ckeras.callbacks.early_stopping": "EarlyStopping",
    "ckeras.callbacks.history": "History",
    "ckeras.callbacks.model_checkpoint": "ModelCheckpoint",
    "ckeras.callbacks.orbax_checkpoint": "OrbaxCheckpoint",
    "ckeras.callbacks.progbar_logger": "ProgbarLogger",
    "ckeras.callbacks.remote_monitor": "RemoteMonitor",
    "ckeras.callbacks.simple": "CSVLogger LambdaCallback LearningRateScheduler ReduceLROnPlateau TerminateOnNaN",
    "ckeras.callbacks.swap_ema_weights": "SwapEMAWeights",
    "ckeras.callbacks.tensorboard": "TensorBoard",
}
_names = _lazy.Names(globals(), _MODULES)
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all
