"""Activation functions, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.activations.activations import (
    exponential,
    gelu,
    leaky_relu,
    linear,
    log_softmax,
    mish,
    relu,
    softmax,
)
from ckeras.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    log_sigmoid,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

hard_swish, swish = hard_silu, silu

_functions = (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
_catalog = Catalog(
    "activation", "activations", functions=_functions, aliases={"swish": "silu", "hard_swish": "hard_silu"}
)
_names = {fn: fn.__name__ for fn in _functions}


def get(identifier):
    """A function of `None` (then `linear`), a name, a config or a callable. Unknown names raise `ValueError`.

    >>> ckeras.activations.get("relu") is ckeras.activations.relu
    True
    """
    return linear if identifier is None else _catalog.get(identifier)


def serialize(activation):
    """The name of a function of this module; else the config that `deserialize` makes an equal object of."""
    return _names.get(activation) or _catalog.serialize(activation)


def deserialize(config, custom_objects=None):
    """A function (or activation layer) of its name or config."""
    return _catalog.deserialize(config, custom_objects)
