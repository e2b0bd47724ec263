"""Optimizers, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.optimizers import legacy as legacy
from ckeras.optimizers import schedules as schedules
from ckeras.optimizers.adafactor import Adafactor
from ckeras.optimizers.adagrad import Adadelta, Adagrad
from ckeras.optimizers.adam import Adam, Adamax, AdamW, Nadam, ScheduleFreeAdamW
from ckeras.optimizers.ftrl import Ftrl
from ckeras.optimizers.lamb import Lamb
from ckeras.optimizers.lion import Lion
from ckeras.optimizers.loss_scale_optimizer import LossScaleOptimizer
from ckeras.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
from ckeras.optimizers.muon import Muon
from ckeras.optimizers.optimizer import Optimizer
from ckeras.optimizers.rmsprop import RMSprop
from ckeras.optimizers.sgd import SGD

_CLASSES = (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    MultiOptimizer,
    Muon,
    Nadam,
    RMSprop,
    SGD,
    ScheduleFreeAdamW,
)
_catalog = Catalog("optimizer", "optimizers", Optimizer, classes=_CLASSES, aliases={"adamw": "AdamW"})


def get(identifier):
    """An optimizer of `None`, a name, a config, a class or an optimizer. Unknown names raise `ValueError`."""
    if callable(identifier) and not isinstance(identifier, (type, Optimizer)):
        raise ValueError(f"[optimizers.get] expected an optimizer, its name or config; got the function {identifier!r}")
    return _catalog.get(identifier)


def serialize(optimizer):
    """The config that `deserialize` makes an equal optimizer of."""
    return _catalog.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """An optimizer of its config or name."""
    return _catalog.deserialize(config, custom_objects)
