"""Borders around a tensor: of a constant, or of its own elements."""

from operator import index

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import TensorBase, from_numpy
from ckeras.ops._common import as_dtype, operand
from ckeras.ops.shape import concatenate_p, gather_p, pad_p

__all__ = ["pad"]

_MIRRORS = ("edge", "reflect", "symmetric", "wrap")


def _pairs(pad_width, shape):
    """`pad_width` as one (before, after) a dimension."""
    pairs = pad_width
    if isinstance(pairs, (TensorBase, np.ndarray)):
        pairs = np.asarray(pairs).tolist()
    if isinstance(pairs, int):
        pairs = ((pairs, pairs),)
    elif len(pairs) == 2 and not isinstance(pairs[0], (tuple, list)) and isinstance(pairs[0], int):
        pairs = (tuple(pairs),)
    try:
        pairs = [tuple(map(index, p)) if isinstance(p, (tuple, list)) else (index(p), index(p)) for p in pairs]
    except TypeError:
        raise ArgumentError(
            f"[pad] pad_width must hold integers, (before, after) a dimension; got {pad_width}"
        ) from None
    if len(pairs) == 1:
        pairs = pairs * len(shape)
    if len(pairs) != len(shape) or any(len(p) != 2 for p in pairs):
        raise ShapeError(f"[pad] expected one (before, after) a dimension of shape {shape}, got {pad_width}")
    if any(v < 0 for p in pairs for v in p):
        raise ArgumentError(f"[pad] pad_width must not be negative, got {pad_width}")
    return pairs


@public_op
def pad(x, pad_width, mode="constant", constant_values=None):
    """`x` with borders: `pad_width` is `(before, after)` per dimension, one pair for all, or one integer.

    `mode`: `"constant"` (`constant_values`, 0 by default), `"edge"` repeats the outermost element, `"reflect"` and
    `"symmetric"` mirror without and with it, `"wrap"` goes on with the other end. Any other raises `ArgumentError`.

    >>> ops.pad([[1, 2]], ((0, 1), (1, 0))).numpy()
    array([[0, 1, 2],
           [0, 0, 0]], dtype=int32)
    """
    x = operand(x)
    if mode != "constant" and mode not in _MIRRORS:
        raise ArgumentError(f"[pad] mode must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', got {mode!r}")
    if mode != "constant" and constant_values is not None:
        raise ArgumentError(f"[pad] constant_values goes with mode='constant', got mode={mode!r}")
    pairs = _pairs(pad_width, x.shape)
    if mode != "constant":
        return _mirrored(x, pairs, mode)
    value = as_dtype(operand(0 if constant_values is None else constant_values), x.dtype)
    if value.shape != ():
        raise ArgumentError(f"[pad] constant_values must be one number, got shape {value.shape}")
    if not any(v for p in pairs for v in p):
        return x
    return pad_p.bind(
        x, value, lows=tuple([p[0] for p in pairs]), highs=tuple([p[1] for p in pairs]), interiors=(0,) * x.ndim
    )


def _mirrored(x, pairs, mode):
    for axis, (low, high) in enumerate(pairs):
        if not low and not high:
            continue
        if x.shape[axis] == 0:
            raise ShapeError(f"[pad] mode={mode!r} cannot extend axis {axis} of shape {x.shape}: it has no elements")
        places = np.pad(np.arange(x.shape[axis], dtype="int32"), (low, high), mode)
        ends = places[:low], places[low + x.shape[axis] :]
        before, after = (gather_p.bind(x, from_numpy(p), axis=axis) for p in ends)
        x = concatenate_p.bind(before, x, after, axis=axis)
    return x
