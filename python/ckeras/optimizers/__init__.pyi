# Generated from __init__.py by tests/test_public_stubs.py.
from ckeras.optimizers.adafactor import Adafactor as Adafactor
from ckeras.optimizers.adagrad import Adadelta as Adadelta
from ckeras.optimizers.adagrad import Adagrad as Adagrad
from ckeras.optimizers.adam import Adam as Adam
from ckeras.optimizers.adam import AdamW as AdamW
from ckeras.optimizers.adam import Adamax as Adamax
from ckeras.optimizers.adam import Nadam as Nadam
from ckeras.optimizers.adam import ScheduleFreeAdamW as ScheduleFreeAdamW
from ckeras.optimizers.ftrl import Ftrl as Ftrl
from ckeras.optimizers.lamb import Lamb as Lamb
from ckeras.optimizers import legacy as legacy
from ckeras.optimizers.lion import Lion as Lion
from ckeras.optimizers.loss_scale_optimizer import LossScaleOptimizer as LossScaleOptimizer
from ckeras.optimizers.multi_optimizer import MultiOptimizer as MultiOptimizer
from ckeras.optimizers.multi_optimizer import OptimizerMap as OptimizerMap
from ckeras.optimizers.muon import Muon as Muon
from ckeras.optimizers.optimizer import Optimizer as Optimizer
from ckeras.optimizers.rmsprop import RMSprop as RMSprop
from ckeras.optimizers import schedules as schedules
from ckeras.optimizers.sgd import SGD as SGD
def get(identifier): ...
def serialize(optimizer): ...
def deserialize(config, custom_objects=None): ...
__all__ = ['Adadelta', 'Adafactor', 'Adagrad', 'Adam', 'AdamW', 'Adamax', 'Ftrl', 'Lamb', 'Lion', 'LossScaleOptimizer', 'MultiOptimizer', 'Muon', 'Nadam', 'Optimizer', 'OptimizerMap', 'RMSprop', 'SGD', 'ScheduleFreeAdamW', 'deserialize', 'get', 'legacy', 'schedules', 'serialize']
