# ruff: noqa: F403, F405
"""Functions on tensors, with Keras 3's names.

All accept tensors, variables, NumPy arrays, scalars and KerasTensors; results are tensors. What most networks are made
of is loaded here; the rest, `further`, when the first of its names is asked for.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ckeras._core import hooks as _hooks
from ckeras._core import remat as _remat  # installs itself in `_core.hooks`
from ckeras._core.tape import custom_gradient as custom_gradient
from ckeras.ops import operators as operators
from ckeras.ops.angles import *
from ckeras.ops.attention import *
from ckeras.ops.complex import *
from ckeras.ops.conv import *
from ckeras.ops.create import *
from ckeras.ops.cumulative import *
from ckeras.ops.diagonals import *
from ckeras.ops.elementwise import *
from ckeras.ops.encodings import *
from ckeras.ops.indexing import *
from ckeras.ops.joining import *
from ckeras.ops.linalg import *
from ckeras.ops.lookup import *
from ckeras.ops.losses import *
from ckeras.ops.math import *
from ckeras.ops.nn import *
from ckeras.ops.normalization import *
from ckeras.ops.padding import *
from ckeras.ops.pooling import *
from ckeras.ops.reduce import *
from ckeras.ops.shape import *
from ckeras.ops.sorting import *
from ckeras.ops.statistics import *

abs = absolute
swish = silu
hard_swish = hard_silu
true_divide = divide

if _TYPE_CHECKING:
    from ckeras.ops.further import *


def _load_further():
    """All modules of `further` at once; what they define."""
    found = vars(_importlib.import_module("ckeras.ops.further"))
    globals().update({name: value for name, value in found.items() if not name.startswith("_")})
    return found


_hooks.load_ops = _load_further


def __getattr__(name):
    if name == "__all__":  # of `import *`
        _load_further()
        return [public for public in globals() if not public.startswith("_")]
    if name.startswith("_") or name not in _load_further():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def __dir__():
    _load_further()
    return sorted(globals())
