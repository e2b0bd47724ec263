"""Finding and picking elements by place: slices, indices along an axis, sorted search, counts by bin."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive, broadcast_shapes
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, TensorBase, from_numpy, scalar
from ckeras.ops._common import as_dtype, axis_index, operand, promote, shape_tuple
from ckeras.ops.create import constant, linspace
from ckeras.ops.elementwise import choose, clip, greater, less, less_equal, logical_and, logical_or, where
from ckeras.ops.reduce import max as max_of
from ckeras.ops.reduce import min as min_of
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import check_indices, cut, frames_p, gather_grad_p, gather_p, to_shape, widen

__all__ = [
    "bincount",
    "digitize",
    "extract_sequences",
    "histogram",
    "in_top_k",
    "nonzero",
    "searchsorted",
    "slice",
    "slice_update",
    "take_along_axis",
    "unravel_index",
]


def checked(indices, size, outside):
    """Indices into an axis of `size`, negative ones counted from the end; those out of range become `outside`."""
    n = scalar(size, indices.dtype)
    from_start = choose(less(indices, 0), indices + n, indices)
    bad = logical_or(less(from_start, 0), less_equal(n, from_start))
    return choose(bad, scalar(outside, indices.dtype), from_start)


@public_op
def take_along_axis(x, indices, axis=None):
    """Of each line of `x` along `axis`, the elements at the same line of `indices`; raveled both by default.

    The other dimensions broadcast. Negative indices count from the end; one out of range raises `DataError`.

    >>> ops.take_along_axis([[10, 20], [30, 40]], [[1], [0]], axis=1).numpy()
    array([[20],
           [30]], dtype=int32)
    """
    x, indices = operand(x), check_indices("take_along_axis", indices)
    if axis is None:
        x, indices, axis = to_shape(x, (x.size,)), to_shape(indices, (indices.size,)), 0
    if x.ndim != indices.ndim:
        raise ShapeError(f"[take_along_axis] x and indices must be of one rank, got {x.shape} and {indices.shape}")
    axis = axis_index("take_along_axis", axis, x.ndim)
    line = broadcast_shapes(
        x.shape[:axis] + (1,) + x.shape[axis + 1 :], indices.shape[:axis] + (1,) + indices.shape[axis + 1 :]
    )
    x = widen(x, line[:axis] + (x.shape[axis],) + line[axis + 1 :])
    indices = widen(indices, line[:axis] + (indices.shape[axis],) + line[axis + 1 :])
    return gather_p.bind(x, indices, axis=axis, along=True)


def _starts(op, start_indices, rank):
    """The starts as a list of Python integers, or of scalar tensors while traced."""
    t = operand(start_indices) if isinstance(start_indices, (TensorBase, np.ndarray)) else None
    starts = list(start_indices) if t is None else [t[i] for i in range(t.shape[0])] if t.ndim else [t]
    if len(starts) != rank:
        raise ShapeError(f"[{op}] start_indices must have one entry for each of {rank} dimensions, got {len(starts)}")
    return [s if isinstance(s, TensorBase) and s.__class__ is not Tensor else int(s) for s in starts]


@public_op
def slice(inputs, start_indices, shape):
    """The part of `inputs` of `shape` that begins at `start_indices`, which may be traced.

    A -1 in `shape` goes to the end (of concrete starts). A start that lies too far is moved so that the part fits.

    >>> ops.slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2)).numpy()
    array([[2, 3],
           [5, 6]], dtype=int32)
    """
    x = operand(inputs)
    starts = _starts("slice", start_indices, x.ndim)
    wanted = [int(n) for n in shape]
    if len(wanted) != x.ndim:
        raise ShapeError(f"[slice] shape must have one entry for each of {x.ndim} dimensions, got {tuple(wanted)}")
    for axis, (start, n) in enumerate(zip(starts, wanted)):
        size = x.shape[axis]
        if n == -1 and not isinstance(start, TensorBase):
            n = size - start
        if not 0 <= n <= size:
            raise ShapeError(f"[slice] shape[{axis}]={wanted[axis]} does not fit dimension {axis} of {x.shape}")
        if isinstance(start, TensorBase):
            first = clip(as_dtype(start, "int32"), 0, size - n)
            x = gather_p.bind(x, first + from_numpy(np.arange(n, dtype="int32")), axis=axis)
        else:
            first = min(max(start + size if start < 0 else start, 0), size - n)
            x = cut(x, axis, first, first + n)
    return x


@public_op
def slice_update(inputs, start_indices, updates):
    """`inputs` with the part that begins at `start_indices` (which may be traced) replaced by `updates`.

    `updates` has the rank of `inputs`. A start that lies too far is moved so that the part fits.

    >>> ops.slice_update([0, 0, 0, 0], [1], [7, 8]).numpy()
    array([0, 7, 8, 0], dtype=int32)
    """
    x = operand(inputs)
    u = as_dtype(operand(updates), x.dtype)
    if u.ndim != x.ndim or any(n > size for n, size in zip(u.shape, x.shape)):
        raise ShapeError(f"[slice_update] updates of shape {u.shape} do not fit into inputs of shape {x.shape}")
    inside = None
    for axis, start in enumerate(_starts("slice_update", start_indices, x.ndim)):
        n, size = u.shape[axis], x.shape[axis]
        if n == size:
            continue
        if isinstance(start, TensorBase):
            place = from_numpy(np.arange(size, dtype="int32")) - clip(as_dtype(start, "int32"), 0, size - n)
        else:
            first = min(max(start + size if start < 0 else start, 0), size - n)
            place = from_numpy(np.arange(size, dtype="int32") - np.int32(first))
        if not n:
            return x
        u = gather_p.bind(u, clip(place, 0, n - 1), axis=axis)
        here = to_shape(logical_and(less(-1, place), less(place, n)), (size,) + (1,) * (x.ndim - 1 - axis))
        inside = here if inside is None else logical_and(inside, here)
    return u if inside is None else choose(inside, u, x)


@public_op
def unravel_index(indices, shape):
    """The places in a tensor of `shape` that flat `indices` stand for: one tensor a dimension. Negative ones count
    from the end.

    >>> [int(i) for i in ops.unravel_index(5, (2, 3))]
    [1, 2]
    """
    left = check_indices("unravel_index", indices)
    shape = shape_tuple("unravel_index", shape)
    total = scalar(math.prod(shape), left.dtype)
    left = choose(less(left, 0), left + total, left)
    out = []
    for n in reversed(shape):
        n = scalar(n, left.dtype)
        out.append(left % n)
        left = left // n
    return tuple(reversed(out))


@public_op
def nonzero(x):
    """The places of the elements that are not 0: one int32 tensor a dimension. Needs concrete values."""
    return where(x)


# ---- sorted search and counting


searchsorted_p = Primitive(
    "searchsorted",
    lambda seq, v, side: (v.shape, "int32"),
    lambda seq, v, side: ((int(side == "right"),), ()),
    None,
    "The places of v in the ascending vector seq; NaN counts as the greatest number.",
)
bincount_p = Primitive(
    "bincount",
    lambda x, bins: ((bins,), "int32"),
    doc="How often each of the integers below bins occurs.",
)


@public_op
def searchsorted(sorted_sequence, values, side="left"):
    """Where each of `values` belongs in the sorted vector: before equal elements, or with `side="right"` after. int32.

    >>> ops.searchsorted([1, 3, 5], [0, 3, 9]).numpy()
    array([0, 1, 3], dtype=int32)
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"[searchsorted] side must be 'left' or 'right', got {side!r}")
    seq, v = promote(sorted_sequence, values)
    if seq.ndim != 1:
        raise ShapeError(f"[searchsorted] sorted_sequence must be a vector, got shape {seq.shape}")
    return searchsorted_p.bind(seq, v, side=side)


@public_op
def digitize(x, bins):
    """The number of the bin of each element of `x`: how many of the rising edges `bins` are not above it. int32."""
    return searchsorted(bins, x, side="right")


def _counts(places, weights, bins):
    """The sums of `weights` by place; a place outside [0, bins) counts nowhere."""
    lost = logical_or(less(places, 0), less(bins - 1, places))
    places = choose(lost, scalar(bins, places.dtype), places)
    return cut(gather_grad_p.bind(places, weights, axis=0, shape=(bins + 1,)), 0, 0, bins)


@public_op
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer from 0 occurs in the vector `x` (or in each row of a matrix), or the sum of its `weights`.

    The result has `max(x) + 1` places, at least `minlength`: it needs concrete values of `x`. int32, or the dtype of
    the weights. Negative integers raise `ArgumentError`.

    >>> ops.bincount([1, 2, 2]).numpy()
    array([0, 1, 2], dtype=int32)
    """
    if sparse:
        raise ArgumentError("[bincount] sparse=True: sparse tensors are not supported")
    x = check_indices("bincount", x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"[bincount] x must be a vector or a matrix, got shape {x.shape}")
    if x.__class__ is not Tensor:
        x._no_value("ops.bincount, whose length depends on the values,")
    values = x.numpy()
    if values.size and values.min() < 0:
        raise ArgumentError(f"[bincount] x must not be negative, got {values.min()}")
    bins = max(int(values.max()) + 1 if values.size else 0, int(minlength))
    w = None if weights is None else operand(weights)
    if w is not None and w.shape != x.shape:
        raise ShapeError(f"[bincount] weights must have the shape of x {x.shape}, got {w.shape}")
    rows = x.shape[0] if x.ndim == 2 else 1
    if x.ndim == 2:
        if rows * bins >= 2**31:
            x = as_dtype(x, "int64")
        x = x + from_numpy((np.arange(rows, dtype=x.dtype) * bins).reshape(-1, 1))
    x, shape = to_shape(x, (x.size,)), (rows, bins) if values.ndim == 2 else (bins,)
    if w is None:
        return to_shape(bincount_p.bind(x, bins=rows * bins), shape)
    dtype = w.dtype
    exact = w if dtype in dtypes.FLOATS else as_dtype(w, "float64")
    return as_dtype(to_shape(_counts(x, to_shape(exact, (x.size,)), rows * bins), shape), dtype)


@public_op
def histogram(x, bins=10, range=None):
    """`(counts, edges)` of the raveled `x` in `bins` of equal width over `range`, from least to largest by default.

    The last bin holds its upper edge. Both in the float dtype of `x`. Raises `ArgumentError` for `bins` that is no
    positive integer or a `range` that falls.
    """
    if not isinstance(bins, int) or bins < 1:
        raise ArgumentError(f"[histogram] bins must be a positive integer, got {bins!r}")
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise ArgumentError(f"[histogram] range must be (least, largest), got {range!r}")
    x = operand(x)
    x = to_shape(x if x.dtype in dtypes.FLOATS else as_dtype(x, dtypes.floatx()), (x.size,))
    low, high = (min_of(x), max_of(x)) if range is None else (scalar(float(v), x.dtype) for v in range)
    flat = less_equal(high, low)  # one value alone gets a bin of width 1 around it
    low, high = choose(flat, low - 0.5, low), choose(flat, high + 0.5, high)
    edges = linspace(low, high, bins + 1)
    place = searchsorted(edges, x, side="right") - 1
    place = choose(logical_and(less_equal(x, high), less(bins - 1, place)), scalar(bins - 1, "int32"), place)
    return _counts(place, constant(x.shape, 1, x.dtype), bins), edges


@public_op
def in_top_k(targets, predictions, k):
    """Whether the prediction at each target is among the `k` largest of its row: bools.

    `targets` [n] integers, `predictions` [n, classes]. Equal predictions all count as the larger rank; one that is not
    finite never counts.
    """
    targets, predictions = check_indices("in_top_k", targets), operand(predictions)
    if predictions.ndim != 2 or targets.shape != predictions.shape[:1]:
        raise ShapeError(
            f"[in_top_k] expected targets [n] and predictions [n, classes], got {targets.shape} and {predictions.shape}"
        )
    mine = take_along_axis(predictions, to_shape(targets, (*targets.shape, 1)), axis=1)
    above = reduce(sum_p, as_dtype(greater(predictions, mine), "int32"), (1,), False)
    return less(above, int(k))


@public_op
def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of `sequence_length` elements of the last dimension, `sequence_stride` apart: [..., windows, length]."""
    x = operand(x)
    length, stride = int(sequence_length), int(sequence_stride)
    if not x.ndim or not 0 < length <= x.shape[-1] or stride < 1:
        raise ArgumentError(
            f"[extract_sequences] sequence_length={length} and sequence_stride={stride} must be positive and fit the "
            f"last dimension of shape {x.shape}"
        )
    return frames_p.bind(x, count=(x.shape[-1] - length) // stride + 1, size=length, step=stride)
