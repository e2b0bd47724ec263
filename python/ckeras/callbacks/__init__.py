"""Callbacks: what `fit`, `evaluate` and `predict` call on their way."""

from ckeras.callbacks.callback import Callback
from ckeras.callbacks.callback_list import CallbackList
from ckeras.callbacks.early_stopping import EarlyStopping
from ckeras.callbacks.history import History
from ckeras.callbacks.model_checkpoint import ModelCheckpoint
from ckeras.callbacks.progbar_logger import ProgbarLogger
from ckeras.callbacks.simple import (
    CSVLogger,
    LambdaCallback,
    LearningRateScheduler,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
