"""Constraints, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm

max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_catalog = Catalog("constraint", "constraints", Constraint, classes=(MaxNorm, MinMaxNorm, NonNeg, UnitNorm))


def get(identifier):
    """A constraint of `None`, a name, a config, a class or a callable. Unknown names raise `ValueError`."""
    return _catalog.get(identifier)


def serialize(constraint):
    """The config that `deserialize` makes an equal constraint of."""
    return _catalog.serialize(constraint)


def deserialize(config, custom_objects=None):
    """A constraint of its config."""
    return _catalog.deserialize(config, custom_objects)
