"""Regularizers, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_catalog = Catalog(
    "regularizer",
    "regularizers",
    Regularizer,
    classes=(L1, L2, L1L2, OrthogonalRegularizer),
    aliases={"l1_l2": "L1L2", "orthogonal": "OrthogonalRegularizer"},
)


def get(identifier):
    """A regularizer of `None`, a name, a config, a class or a callable. Unknown names raise `ValueError`."""
    return _catalog.get(identifier)


def serialize(regularizer):
    """The config that `deserialize` makes an equal regularizer of."""
    return _catalog.serialize(regularizer)


def deserialize(config, custom_objects=None):
    """A regularizer of its config."""
    return _catalog.deserialize(config, custom_objects)
