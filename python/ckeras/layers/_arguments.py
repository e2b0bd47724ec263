"""Checks of layers' arguments."""

import contextlib
import inspect
import math
import numbers
import operator
import threading

from ckeras._catalog import near_matches
from ckeras._core import dtypes


class _State(threading.local):
    # The most bytes that one variable may take; loaders set it from what the file stores.
    max_variable_bytes = 2**38


_state = _State()


@contextlib.contextmanager
def max_variable_bytes(n):
    """No variable made inside may take more than `n` bytes."""
    saved = _state.max_variable_bytes
    _state.max_variable_bytes = n
    try:
        yield
    finally:
        _state.max_variable_bytes = saved


def check_size(layer, shape, dtype):
    """Raises `ValueError` for a weight with unknown or negative dimensions, or too large to be meant."""
    if any(d is None or d < 0 for d in shape):
        raise ValueError(
            f"Layer '{layer}' cannot make a weight of shape {shape}: its dimensions must be known. Give the input a "
            "full shape (only the batch and, where the layer allows it, spatial dimensions may be None)."
        )
    need = math.prod(shape) * dtypes.itemsize(dtype)
    if need > _state.max_variable_bytes:
        raise ValueError(
            f"Layer '{layer}': a weight of shape {shape} ({dtype}) takes {need} bytes; the limit is "
            f"{_state.max_variable_bytes}"
        )


def is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def tuple_of(where, name, value):
    """`value`, a list, tuple or other iterable, as a tuple."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError(f"[{where}] {name} must be a list or tuple, got {value!r}; for one, write {name}=({value!r},)")
    return tuple(value)


def positive(where, name, value):
    """`value` as a positive integer."""
    try:
        n = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        n = None
    if n is None or n <= 0:
        raise ValueError(f"[{where}] {name} must be a positive integer, got {value!r}")
    return n


def per_dim(where, name, value, n):
    """One positive integer for all of `n` spatial dimensions, or one each, as a tuple."""
    if isinstance(value, (tuple, list)):
        if len(value) != n:
            raise ValueError(f"[{where}] {name} must be an integer or {n} of them, got {value!r}")
        return tuple(positive(where, name, v) for v in value)
    return (positive(where, name, value),) * n


def given(frame, *besides):
    """The arguments of a constructor, from its `locals()`: `kwargs` spread out, without the names in `besides`."""
    arguments = {k: v for k, v in frame.items() if k not in ("self", "kwargs", "__class__", *besides)}
    return {**arguments, **frame["kwargs"]}


def padding_name(where, value, names=("valid", "same")):
    name = value.lower() if isinstance(value, str) else value
    if name not in names:
        raise ValueError(f"[{where}] padding must be one of {names}, got {value!r}")
    return name


def window_output(size, window, stride, padding, dilation=1):
    """The output size of a sliding window along one dimension, `None` for an unknown size."""
    if size is None:
        return None
    if padding == "same":
        return -(-size // stride)
    return (size - dilation * (window - 1) - 1) // stride + 1


def refuse_arguments(cls, names):
    """Raises `ValueError` for arguments that no constructor of the class takes, with the name that was meant."""
    known = set()
    for base in cls.__mro__:
        if "__init__" in vars(base) and base is not object:
            known |= inspect.signature(base.__init__).parameters.keys()
    hints = " ".join(near_matches(name, known - {"self", "args", "kwargs"}) for name in sorted(names))
    raise ValueError(f"[{cls.__name__}] unexpected arguments {sorted(names)}. {hints}")
