"""Callbacks: what `fit`, `evaluate` and `predict` call on their way."""

from ckeras.callbacks.backup_and_restore import BackupAndRestore
from ckeras.callbacks.callback import Callback
from ckeras.callbacks.callback_list import CallbackList
from ckeras.callbacks.early_stopping import EarlyStopping
from ckeras.callbacks.history import History
from ckeras.callbacks.model_checkpoint import ModelCheckpoint
from ckeras.callbacks.orbax_checkpoint import OrbaxCheckpoint
from ckeras.callbacks.progbar_logger import ProgbarLogger
from ckeras.callbacks.remote_monitor import RemoteMonitor
from ckeras.callbacks.simple import (
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from ckeras.callbacks.swap_ema_weights import SwapEMAWeights
from ckeras.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
