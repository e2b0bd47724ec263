# Generated from __init__.py by tests/test_public_stubs.py.
from ckeras.callbacks.backup_and_restore import BackupAndRestore as BackupAndRestore
from ckeras.callbacks.callback import Callback as Callback
from ckeras.callbacks.callback_list import CallbackList as CallbackList
from ckeras.callbacks.early_stopping import EarlyStopping as EarlyStopping
from ckeras.callbacks.history import History as History
from ckeras.callbacks.model_checkpoint import ModelCheckpoint as ModelCheckpoint
from ckeras.callbacks.orbax_checkpoint import OrbaxCheckpoint as OrbaxCheckpoint
from ckeras.callbacks.progbar_logger import ProgbarLogger as ProgbarLogger
from ckeras.callbacks.remote_monitor import RemoteMonitor as RemoteMonitor
from ckeras.callbacks.simple import CSVLogger as CSVLogger
from ckeras.callbacks.simple import LambdaCallback as LambdaCallback
from ckeras.callbacks.simple import LearningRateScheduler as LearningRateScheduler
from ckeras.callbacks.simple import ReduceLROnPlateau as ReduceLROnPlateau
from ckeras.callbacks.simple import TerminateOnNaN as TerminateOnNaN
from ckeras.callbacks.swap_ema_weights import SwapEMAWeights as SwapEMAWeights
from ckeras.callbacks.tensorboard import TensorBoard as TensorBoard
__all__ = ['BackupAndRestore', 'CSVLogger', 'Callback', 'CallbackList', 'EarlyStopping', 'History', 'LambdaCallback', 'LearningRateScheduler', 'ModelCheckpoint', 'OrbaxCheckpoint', 'ProgbarLogger', 'ReduceLROnPlateau', 'RemoteMonitor', 'SwapEMAWeights', 'TensorBoard', 'TerminateOnNaN']
