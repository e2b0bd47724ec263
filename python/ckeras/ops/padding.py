"""Borders around a tensor: of a constant, or of its own elements."""

from operator import index

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import TensorBase, from_numpy
from ckeras.ops._common import as_dtype, operand
from ckeras.ops.shape import cut, gather_grad_p, pad_p

__all__ = ["pad"]

_MODES = {"edge": 0, "reflect": 1, "symmetric": 2, "wrap": 3}


def _extend_vjp(ctx, g):
    x, pairs, mode = ctx.inputs[0], ctx.attrs["pairs"], ctx.attrs["mode"]
    if mode == "wrap" and not any(low + high for low, high in pairs):  # rolled: back
        return (extend_p.bind(g, pairs=tuple([(high, low) for low, high in pairs]), mode=mode),)
    for axis, (low, high) in reversed(list(enumerate(pairs))):
        n = x.shape[axis]
        places = np.pad(np.arange(n, dtype="int32"), (low, high), mode)
        shape = (*g.shape[:axis], n, *g.shape[axis + 1 :])
        whole, g = g, cut(g, axis, low, low + n)
        for start, stop in ((low + n, low + n + high), (0, low)):
            if start < stop:
                border = cut(whole, axis, start, stop)
                g = g + gather_grad_p.bind(from_numpy(places[start:stop]), border, axis=axis, shape=shape)
    return (g,)


extend_p = Primitive(
    "extend",
    lambda x, pairs, mode: (tuple([low + n + high for n, (low, high) in zip(x.shape, pairs)]), x.dtype),
    lambda x, pairs, mode: ((*[low for low, _ in pairs], _MODES[mode]), ()),
    _extend_vjp,
    "With borders of its own elements, pairs of (before, after) a dimension; of those that wrap also (-i, i): rolled.",
)


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
    if mode != "constant" and mode not in _MODES:
        raise ArgumentError(f"[pad] mode must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', got {mode!r}")
    if mode != "constant" and constant_values is not None:
        raise ArgumentError(f"[pad] constant_values goes with mode='constant', got mode={mode!r}")
    pairs = _pairs(pad_width, x.shape)
    if mode != "constant":
        return extended(x, pairs, mode)
    value = as_dtype(operand(0 if constant_values is None else constant_values), x.dtype)
    if value.shape != ():
        raise ArgumentError(f"[pad] constant_values must be one number, got shape {value.shape}")
    if not any(v for p in pairs for v in p):
        return x
    return pad_p.bind(
        x, value, lows=tuple([p[0] for p in pairs]), highs=tuple([p[1] for p in pairs]), interiors=(0,) * x.ndim
    )


def extended(x, pairs, mode):
    """`x` with borders of its own elements: `pairs` of (before, after) a dimension."""
    if not any(v for p in pairs for v in p):
        return x
    for axis, (low, high) in enumerate(pairs):
        if (low or high) and x.shape[axis] == 0:
            raise ShapeError(f"[pad] mode={mode!r} cannot extend axis {axis} of shape {x.shape}: it has no elements")
    return extend_p.bind(x, pairs=tuple(pairs), mode=mode)
