"""Dtype names, their codes in the engine, and the promotion rules of Keras 3."""

import functools

import numpy as np

from ckeras import _engine

# In the order of the engine's enum (csrc/base/dtype.h); a dtype's code is its position.
NAMES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
)
CODES = {name: i for i, name in enumerate(NAMES)}
SIZES = dict(zip(NAMES, (1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8)))
FLOATS = frozenset(NAMES[9:])
INTS = frozenset(NAMES[1:9])
HALVES = frozenset(("float16", "bfloat16"))

_ALIASES = {"float": "float32", "int": "int32", "half": "float16", "double": "float64", "long": "int64"}

# The promotion lattice: the immediate successors of each dtype; "int" and "float" stand for Python's scalars.
_ABOVE = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("uint16", "int16"),
    "uint16": ("uint32", "int32"),
    "uint32": ("uint64", "int64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}

_floatx = "float32"


def floatx():
    """The default float dtype, `"float32"` unless `set_floatx` changed it."""
    return _floatx


def set_floatx(value):
    """Sets the default float dtype: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`."""
    global _floatx
    if value not in FLOATS:
        raise ValueError(f"[set_floatx] expected one of {sorted(FLOATS)}, got {value!r}")
    _floatx = value
    _engine.forget_replays()
    result_type.cache_clear()


def code(name):
    return CODES[name]


_names = {}  # NumPy dtype -> its name, which NumPy itself makes anew at every look


def name_of(dtype):
    """The name of a NumPy dtype: "float32" in any byte order."""
    name = _names.get(dtype)
    if name is None:
        name = dtype.name
        if name in CODES:
            _names[dtype] = name
    return name


def itemsize(name):
    return SIZES[name]


@functools.lru_cache(None)
def numpy_dtype(name):
    """The NumPy dtype of a dtype name; bfloat16 comes from ml_dtypes, loaded on first use."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def standardize(dtype):
    """A dtype name for a name, a Python type, a NumPy dtype or `None` (the default float).

    Raises `ValueError` for anything that is no dtype of ckeras.
    """
    if dtype.__class__ is str and dtype in CODES:
        return dtype
    if dtype is None:
        return _floatx
    if dtype is bool:
        return "bool"
    if dtype is int:
        return "int32"
    if dtype is float:
        return _floatx
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", None)
    if not isinstance(name, str):
        name = str(dtype)
    name = name.rpartition(".")[2]
    name = _ALIASES.get(name, name)
    if name not in CODES:
        raise ValueError(f"[dtype] expected one of {', '.join(NAMES)}; got {dtype!r}")
    return name


def computing(name):
    """The dtype that sums and moments of a dtype are computed in: float32 for halves."""
    return "float32" if name in HALVES else name


@functools.lru_cache(None)
def _upset(name):
    """Everything a dtype may be promoted to, itself included."""
    found = {name}
    for above in _ABOVE[name]:
        found |= _upset(above)
    return frozenset(found)


@functools.lru_cache(None)
def result_type(*dtypes):
    """The dtype an operation on these dtypes computes in (Keras 3's rules).

    Python's `int` and `float` (the types themselves) are weak: they take the other operand's precision.

    >>> result_type("int32", float), result_type("float16", int), result_type("float16", "bfloat16")
    ('float32', 'float16', 'float32')
    """
    names = {d.__name__ if d in (int, float) else standardize(d) for d in dtypes}
    if not names:
        return _floatx
    common = functools.reduce(frozenset.intersection, map(_upset, names))
    (least,) = (c for c in common if common <= _upset(c))
    return {"int": "int32", "float": _floatx}.get(least, least)


def is_float(name):
    return name in FLOATS


def is_integer(name):
    return name in INTS


def default_of(value):
    """The dtype of a Python scalar without a stated one."""
    if isinstance(value, bool):
        return "bool"
    return "int32" if isinstance(value, int) else _floatx
