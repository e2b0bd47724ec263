"""Initializers, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras._core import variable as _variable
from ckeras._core.tensor import TensorBase
from ckeras.initializers.initializer import Constant, Identity, Initializer, Ones, Zeros
from ckeras.initializers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from ckeras.initializers.stft import STFT

constant, identity, ones, zeros = Constant, Identity, Ones, Zeros
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
orthogonal, variance_scaling = Orthogonal, VarianceScaling
STFTInitializer = stft = STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal

_catalog = Catalog(
    "initializer",
    "initializers",
    Initializer,
    classes=(
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        STFT,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ),
    aliases={
        "uniform": "RandomUniform",
        "normal": "RandomNormal",
        "one": "Ones",
        "zero": "Zeros",
        "IdentityInitializer": "Identity",
        "OrthogonalInitializer": "Orthogonal",
        "STFTInitializer": "STFT",
    },
)


def get(identifier):
    """An initializer of `None`, a name, a config, a class, a callable or an array (then its values).

    Unknown names raise `ValueError`.
    """
    if isinstance(identifier, TensorBase) or (hasattr(identifier, "__array__") and not isinstance(identifier, type)):
        return lambda shape, dtype=None: identifier
    return _catalog.get(identifier)


def serialize(initializer):
    """The config that `deserialize` makes an equal initializer of."""
    return _catalog.serialize(initializer)


def deserialize(config, custom_objects=None):
    """An initializer of its config or name."""
    return _catalog.deserialize(config, custom_objects)


# Lets `Variable("zeros", shape=...)` find initializers by name.
_variable.resolve_initializer = get
