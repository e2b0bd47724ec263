"""`x[key]`: integers, slices with steps, None, Ellipsis, one integer array, boolean masks."""

import numpy as np

from ckeras._core import dtypes, hooks
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, TensorBase
from ckeras.ops._common import operand
from ckeras.ops.shape import check_indices, gather_p, slice_p, to_shape

__all__ = [
    "get_item",
]


class _Rows(Primitive):
    """x[start:start+n] of the first axis, which shares memory: for concrete tensors; a trace gets a slice."""

    traced = slice_p

    def execute(self, args, attrs):
        (x,) = args
        start, shape = attrs["starts"][0], attrs["shape"]
        return (Tensor(x._array.slice0(start, start + shape[0]), shape, x.dtype),)


_rows_p = _Rows("slice_rows", slice_p.spec, slice_p.pack, slice_p.vjp, "A slice of the first axis, sharing memory.")


def _is_array(k):
    return isinstance(k, (TensorBase, np.ndarray, list)) and not (
        isinstance(k, (TensorBase, np.ndarray)) and k.ndim == 0 and str(k.dtype) in dtypes.INTS
    )


def _expand(x, key):
    """The key as one item a dimension of `x`, `None` apart; Ellipsis filled in."""
    key = key if isinstance(key, tuple) else (key,)
    used = 0
    for k in key:
        if k is None or k is Ellipsis:
            continue
        used += k.ndim if _is_array(k) and not isinstance(k, list) and str(k.dtype) == "bool" else 1
    if used > x.ndim:
        raise IndexError(f"[getitem] too many indices: {used} for a tensor of shape {x.shape}")
    dots = [i for i, k in enumerate(key) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("[getitem] an index may hold one Ellipsis")
    rest = (slice(None),) * (x.ndim - used)
    if dots:
        return key[: dots[0]] + rest + key[dots[0] + 1 :]
    return key + rest


def _whole(k, what):
    try:
        return k.__index__()
    except (AttributeError, TypeError):
        raise IndexError(
            f"[getitem] {what} must be an integer, slice, None, Ellipsis, or an array of integers or bools; got {k!r}"
        ) from None


@public_op
def get_item(x, key):
    """`x[key]` with NumPy's rules for integers, slices, None and Ellipsis, and for one array of integers or bools.

    A bool array picks as many elements as hold, so it needs concrete values. An integer out of range raises
    `IndexError`, an index inside an array `DataError`.
    """
    return _get_item(x, key)


def _get_item(x, key):
    x = operand(x)
    starts, steps, shape, out, arrays = [], [], [], [], []
    dim = 0
    for k in _expand(x, key):
        if k is None:
            out.append(1)
            continue
        if isinstance(k, (bool, np.bool_)):
            raise IndexError("[getitem] a bool is no index; use ops.where, or an array of bools")
        if _is_array(k):
            k = operand(k)
            if k.dtype == "bool":
                return _masked(x, key)
            arrays.append((len(out), k))
            k = slice(None)
        size = x.shape[dim]
        if isinstance(k, slice):
            bounds = [b if b is None else _whole(b, "a slice's bound") for b in (k.start, k.stop, k.step)]
            if bounds[2] == 0:
                raise IndexError("[getitem] a slice's step must not be 0")
            start, stop, step = slice(*bounds).indices(size)
            n = len(range(start, stop, step))
            out.append(n)
        elif isinstance(k, TensorBase) and not isinstance(k, Tensor):
            arrays.append((len(out), k))  # a traced integer: a gather whose dimension goes away
            start, step, n = 0, 1, size
            out.append(size)
        else:
            i = _whole(k, "an index")
            if not -size <= i < size:
                raise IndexError(f"[getitem] index {i} is out of range for axis {dim} of shape {x.shape}")
            start, step, n = i % size, 1, 1
        starts.append(start if n else 0)
        steps.append(step)
        shape.append(n)
        dim += 1
    if len(arrays) > 1:
        raise ArgumentError(
            "[getitem] arrays of indices on several axes are not supported; index one axis at a time, "
            "or compute flat indices for ops.take(x, indices)"
        )
    x = to_shape(_slice(x, tuple(starts), tuple(steps), tuple(shape)), tuple(out))
    for axis, k in arrays:
        x = gather_p.bind(x, check_indices("getitem", k), axis=axis)
    return x


def _slice(x, starts, steps, shape):
    if shape == x.shape and all(s == 1 for s in steps):
        return x
    if x.__class__ is Tensor and shape[1:] == x.shape[1:] and all(s == 1 for s in steps):
        return _rows_p.bind(x, starts=starts, steps=steps, shape=shape)
    return slice_p.bind(x, starts=starts, steps=steps, shape=shape)


def _masked(x, key):
    """A boolean mask over the leading dimensions, alone or after full slices."""
    key = key if isinstance(key, tuple) else (key,)
    mask = key[0]
    if len(key) > 1 and not all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in key[1:]):
        raise ArgumentError("[getitem] a bool array must be the first index, with nothing but `:` after it")
    mask = operand(mask)
    if mask.__class__ is not Tensor:
        mask._no_value("x[mask], whose size depends on the mask's values,")
    if mask.shape != x.shape[: mask.ndim]:
        raise ShapeError(f"[getitem] a mask of shape {mask.shape} does not fit the leading dimensions of {x.shape}")
    (rows,) = np.nonzero(mask.numpy().ravel())
    flat = to_shape(x, (mask.size, *x.shape[mask.ndim :]))
    return gather_p.bind(flat, operand(rows.astype("int32")), axis=0)


hooks.getitem = get_item
