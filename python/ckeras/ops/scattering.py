"""Writing at indices: scatter, updates of parts, reductions by segment."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, from_numpy, scalar
from ckeras.ops._common import as_dtype, cast_p, operand, shape_tuple
from ckeras.ops.create import constant
from ckeras.ops.elementwise import choose, equal, less, minimum
from ckeras.ops.lookup import checked
from ckeras.ops.shape import check_indices, gather_grad_p, gather_p, to_shape

__all__ = ["scatter", "scatter_update", "segment_max", "segment_min", "segment_prod", "segment_sum"]

_MODES = {None: 0, "add": 1, "max": 2, "min": 3, "mul": 4}


def _like_rows(x, t):
    """One number a row, shaped to broadcast with `t`."""
    return to_shape(x, x.shape + (1,) * (t.ndim - 1))


def _scatter_vjp(ctx, g):
    """Of a replaced row, only the update that wrote last has a share; of maxima, all that attain the result."""
    x, indices, updates = ctx.inputs
    mode, out = ctx.attrs["mode"], ctx.outputs[0]
    mine = gather_p.bind(g, indices, axis=0)
    if mode is None:
        n = indices.shape[0]
        turns = from_numpy(np.arange(n, dtype="int32"))
        winner = scatter_p.bind(constant((x.shape[0],), -1, "int32"), indices, turns, mode=None)
        kept, won = equal(winner, -1), equal(gather_p.bind(winner, indices, axis=0), turns)
        return (
            choose(_like_rows(kept, x), g, scalar(0, g.dtype)),
            None,
            choose(_like_rows(won, updates), mine, scalar(0, g.dtype)),
        )
    if mode == "add":
        return g, None, mine
    if mode == "mul":
        per_row = gather_p.bind(out, indices, axis=0)
        return g * out / x, None, mine * per_row / updates
    hit = cast_p.bind(equal(x, out), dtype=g.dtype)
    hits = cast_p.bind(equal(updates, gather_p.bind(out, indices, axis=0)), dtype=g.dtype)
    share = g / (hit + gather_grad_p.bind(indices, hits, axis=0, shape=x.shape))
    return hit * share, None, hits * gather_p.bind(share, indices, axis=0)


scatter_p = Primitive(
    "scatter",
    lambda x, indices, updates, mode: (x.shape, x.dtype),
    lambda x, indices, updates, mode: ((_MODES[mode],), ()),
    _scatter_vjp,
    "Rows of x at the indices replaced by, or combined with, updates.",
)


def _rows(x, indices, updates, mode):
    """`scatter_p`; halves are combined in float32, sums of floats by the parallel kernel."""
    if mode == "add" and x.dtype in dtypes.FLOATS:
        return x + gather_grad_p.bind(indices, updates, axis=0, shape=x.shape)
    if mode is not None and x.dtype in ("float16", "bfloat16", "bool"):
        wide = "int32" if x.dtype == "bool" else "float32"
        return as_dtype(_rows(as_dtype(x, wide), indices, as_dtype(updates, wide), mode), x.dtype)
    return scatter_p.bind(x, indices, updates, mode=mode)


def _flat_indices(op, indices, shape):
    """`indices` [..., K] into the first K dims of `shape`, as flat ones; out of range becomes one that is out of it."""
    indices = check_indices(op, indices)
    depth = indices.shape[-1] if indices.ndim else 0
    if not 0 < depth <= len(shape):
        raise ShapeError(
            f"[{op}] the last dimension of indices, of shape {indices.shape}, must be between 1 and the rank of {shape}"
        )
    total = math.prod(shape[:depth])
    count = math.prod(indices.shape[:-1])
    pairs = to_shape(indices, (count, depth))
    if total >= 2**31:
        pairs = as_dtype(pairs, "int64")
    if depth == 1:  # the kernels count from the end, and check
        return to_shape(pairs, (count,)), indices.shape[:-1], depth, total
    flat = bad = None
    for d in range(depth):
        line = to_shape(pairs[:, d], (count,))
        place = checked(line, shape[d], -1)
        outside = equal(place, -1)
        step = place * scalar(math.prod(shape[d + 1 : depth]), place.dtype)
        flat, bad = (step, outside) if flat is None else (flat + step, bad | outside)
    return choose(bad, scalar(total, flat.dtype), flat), indices.shape[:-1], depth, total


def _fitting(op, name, values, wanted, dtype):
    values = as_dtype(operand(values), dtype) if dtype else operand(values)
    if values.shape != wanted:
        raise ShapeError(f"[{op}] {name} must have shape {wanted}, got {values.shape}")
    return values


@public_op
def scatter(indices, values, shape):
    """Zeros of `shape` plus `values` at `indices`; several at one place are summed.

    `indices` [..., K] names places in the first K dimensions, `values` has shape [..., *shape[K:]]. An index out of
    range raises `DataError`.

    >>> ops.scatter([[1], [3]], [5, 7], (4,)).numpy()
    array([0, 5, 0, 7], dtype=int32)
    """
    shape = shape_tuple("scatter", shape)
    flat, lead, depth, total = _flat_indices("scatter", indices, shape)
    values = _fitting("scatter", "values", values, lead + shape[depth:], None)
    zeros = constant((total, *shape[depth:]), 0, values.dtype)
    rows = to_shape(values, (flat.shape[0], *shape[depth:]))
    return to_shape(_rows(zeros, flat, rows, "add"), shape)


@public_op
def scatter_update(inputs, indices, updates, reduction=None):
    """`inputs` with the places `indices` [..., K] replaced by `updates` [..., *inputs.shape[K:]].

    `reduction`: `"add"`, `"max"`, `"min"` or `"mul"` combines them with what was there; without, the last of several
    updates of a place counts. An index out of range raises `DataError`.

    >>> ops.scatter_update([0, 0, 0], [[1]], [9]).numpy()
    array([0, 9, 0], dtype=int32)
    """
    if reduction not in _MODES:
        raise ArgumentError(f"[scatter_update] reduction must be None, 'add', 'max', 'min' or 'mul', got {reduction!r}")
    x = operand(inputs)
    flat, lead, depth, total = _flat_indices("scatter_update", indices, x.shape)
    inner = x.shape[depth:]
    updates = _fitting("scatter_update", "updates", updates, lead + inner, x.dtype)
    rows = _rows(to_shape(x, (total, *inner)), flat, to_shape(updates, (flat.shape[0], *inner)), reduction)
    return to_shape(rows, x.shape)


# ---- segments


def _segments(op, mode, neutral, data, segment_ids, num_segments):
    data, ids = operand(data), check_indices(op, segment_ids)
    if ids.ndim != 1 or data.ndim < 1 or data.shape[0] != ids.shape[0]:
        raise ShapeError(
            f"[{op}] segment_ids must be a vector with an entry for each row of data {data.shape}, got "
            f"shape {ids.shape}"
        )
    if num_segments is None:
        if ids.__class__ is not Tensor:
            ids._no_value(f"ops.{op} without num_segments")
        num_segments = int(ids.numpy().max()) + 1 if ids.size else 0
    n = int(num_segments)
    # What lies outside goes into a row of its own, which is dropped.
    end = scalar(n, ids.dtype)
    places = choose(less(ids, 0), end, minimum(ids, end))
    if mode == "add" and data.dtype in dtypes.FLOATS:
        return gather_grad_p.bind(places, data, axis=0, shape=(n + 1, *data.shape[1:]))[:n]
    start = constant((n + 1, *data.shape[1:]), neutral(data.dtype), data.dtype)
    return _rows(start, places, data, mode)[:n]


def _least(dtype):
    if dtype in dtypes.FLOATS:
        return -math.inf
    return False if dtype == "bool" else int(np.iinfo(dtype).min)


def _greatest(dtype):
    if dtype in dtypes.FLOATS:
        return math.inf
    return True if dtype == "bool" else int(np.iinfo(dtype).max)


@public_op
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """The sums of the rows of `data` [n, ...] by their segment: [num_segments, ...].

    `segment_ids` [n] are integers; a row whose id is outside [0, num_segments) is dropped. Without `num_segments` it is
    the largest id and one, which needs concrete ids. `sorted` changes nothing.

    >>> ops.segment_sum([1, 2, 3], [0, 0, 1]).numpy()
    array([3, 3], dtype=int32)
    """
    return _segments("segment_sum", "add", lambda dtype: 0, data, segment_ids, num_segments)


@public_op
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """The products of the rows of `data` by their segment, 1 for an empty one; else as `ops.segment_sum`."""
    return _segments("segment_prod", "mul", lambda dtype: 1, data, segment_ids, num_segments)


@public_op
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """The maxima of the rows of `data` by their segment, the least value for an empty one; as `ops.segment_sum`."""
    return _segments("segment_max", "max", _least, data, segment_ids, num_segments)


@public_op
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """The minima of the rows of `data` by their segment, the greatest value for an empty one; as `ops.segment_sum`."""
    return _segments("segment_min", "min", _greatest, data, segment_ids, num_segments)
