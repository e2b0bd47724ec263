"""Optimizers, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.optimizers import schedules as schedules
from ckeras.optimizers.adam import Adam, AdamW
from ckeras.optimizers.optimizer import Optimizer
from ckeras.optimizers.rmsprop import RMSprop
from ckeras.optimizers.sgd import SGD

_catalog = Catalog(
    "optimizer", "optimizers", Optimizer, classes=(Adam, AdamW, RMSprop, SGD), aliases={"adamw": "AdamW"}
)


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
