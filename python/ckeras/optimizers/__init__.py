"""Optimizers, and `get`, `serialize`, `deserialize` for them."""

from ckeras import _lazy
from ckeras._catalog import Catalog
from ckeras.optimizers.optimizer import Optimizer

_MODULES = {
    "ckeras.optimizers.legacy": "",
    "ckeras.optimizers.schedules": "",
    "ckeras.optimizers.adafactor": "Adafactor",
    "ckeras.optimizers.adagrad": "Adadelta Adagrad",
    "ckeras.optimizers.adam": "Adam Adamax AdamW Nadam ScheduleFreeAdamW",
    "ckeras.optimizers.ftrl": "Ftrl",
    "ckeras.optimizers.lamb": "Lamb",
    "ckeras.optimizers.lion": "Lion",
    "ckeras.optimizers.loss_scale_optimizer": "LossScaleOptimizer",
    "ckeras.optimizers.multi_optimizer": "MultiOptimizer OptimizerMap",
    "ckeras.optimizers.muon": "Muon",
    "ckeras.optimizers.rmsprop": "RMSprop",
    "ckeras.optimizers.sgd": "SGD",
}
_names = _lazy.Names(globals(), _MODULES, also="Optimizer deserialize get serialize")
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all

_catalog = Catalog("optimizer", "optimizers", Optimizer, aliases={"adamw": "AdamW"}, lazy=_names)


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
