"""Sorting and what rests on order: largest elements, medians, quantiles, distinct elements."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, scalar
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, float_operand, operand
from ckeras.ops.elementwise import ceil, choose, floor, isnan, logical_and, logical_not, not_equal
from ckeras.ops.lookup import take_along_axis
from ckeras.ops.reduce import any_p, reduce, sum_p
from ckeras.ops.shape import gather_p, inverse, moveaxis, permute, to_shape, widen

__all__ = [
    "argpartition",
    "argsort",
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
    "sort",
    "top_k",
    "unique",
]

argsort_p = Primitive(
    "argsort",
    lambda x, k, descending: ((*x.shape[:-1], k), "int32"),
    lambda x, k, descending: ((int(descending),), ()),
    None,
    "The places of the first k elements of each row in sorted order; equal ones keep theirs, NaN is greatest.",
)


def _at(x, places):
    """Of each row of `x` the elements at the same row of `places`, which are inside."""
    return gather_p.bind(x, places, axis=x.ndim - 1, along=True)


def _sort_vjp(ctx, g):
    order = _order(ctx.inputs[0], **ctx.attrs)
    return (_at(g, _order(order)),)


sort_p = Primitive(
    "sort",
    lambda x, descending: (x.shape, x.dtype),
    lambda x, descending: ((int(descending),), ()),
    _sort_vjp,
    "The elements of each row in sorted order, as argsort has it.",
)


def _last(op, x, axis):
    """`x` with `axis` moved to the end, raveled for `None`; and the way back."""
    if axis is None:
        return to_shape(x, (x.size,)), lambda y: y
    axis = axis_index(op, axis, x.ndim)
    perm = tuple([i for i in range(x.ndim) if i != axis] + [axis])
    return permute(x, perm), lambda y: permute(y, inverse(perm))


def _order(x, descending=False, k=None):
    if x.shape[-1] > 2**31:
        raise ShapeError(f"[argsort] indices are int32: {x.shape[-1]} elements along the axis are too many")
    return argsort_p.bind(x, k=x.shape[-1] if k is None else k, descending=descending)


def _sorted(x):
    if x.shape[-1] > 2**31:
        raise ShapeError(f"[sort] {x.shape[-1]} elements along the axis are too many: at most 2^31")
    return sort_p.bind(x, descending=False)


@public_op
def argsort(x, axis=-1):
    """The places that sort `x` along `axis` (raveled for `None`), int32. Equal elements keep their order; NaN is last.

    >>> ops.argsort([30, 10, 20]).numpy()
    array([1, 2, 0], dtype=int32)
    """
    x = operand(x)
    rows, back = _last("argsort", to_shape(x, (1,)) if x.ndim == 0 else x, axis)
    return back(_order(rows))


@public_op
def sort(x, axis=-1):
    """`x` sorted along `axis` (raveled for `None`), from least to greatest, NaN last.

    >>> ops.sort([3, 1, 2]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    x = operand(x)
    rows, back = _last("sort", x, axis)
    return back(_sorted(rows))


@public_op
def argpartition(x, kth, axis=-1):
    """Places that put the element of rank `kth` along `axis` where sorting does, the lesser before it. int32."""
    x = operand(x)
    rows, back = _last("argpartition", x, axis)
    axis_index("argpartition", kth, rows.shape[-1], "kth")
    return back(_order(rows))


@public_op
def top_k(x, k, sorted=True):
    """`(values, indices)` of the `k` largest elements of the last dimension, from the largest; equal ones in order.

    They come sorted with `sorted=False` too. Indices are int32. Raises `ArgumentError` for more than there are.

    >>> ops.top_k([5, 9, 7], 2)[1].numpy()
    array([1, 2], dtype=int32)
    """
    x = operand(x)
    if x.ndim < 1 or not 0 <= int(k) <= x.shape[-1]:
        raise ArgumentError(f"[top_k] k={k} does not fit the last dimension of shape {x.shape}")
    places = _order(x, descending=True, k=int(k))
    return _at(x, places), places


# ---- quantiles

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(op, x, q, axis, method, keepdims, skip_nan, scale=1.0):
    if method not in _METHODS:
        raise ArgumentError(f"[{op}] method must be one of {', '.join(_METHODS)}, got {method!r}")
    x = float_operand(x)
    q = as_dtype(operand(q), x.dtype)
    if q.ndim > 1:
        raise ShapeError(f"[{op}] q must be a number or a vector, got shape {q.shape}")
    if isinstance(q, Tensor) and not all(0 <= share * scale <= 1 for share in np.ravel(q.numpy()).tolist()):
        raise ArgumentError(f"[{op}] q must be within [0, {1 / scale:g}], got {q.numpy().tolist()}")
    axes = axes_tuple(op, axis, x.ndim)
    kept = tuple([d for i, d in enumerate(x.shape) if i not in axes])
    rest = tuple([i for i in range(x.ndim) if i not in axes])
    n = math.prod([x.shape[a] for a in axes])
    if not n:
        raise ShapeError(f"[{op}] over no elements (shape {x.shape}) has no value")
    rows = to_shape(permute(x, (*rest, *axes)), (*kept, n))
    holes = isnan(rows)
    rows = _sorted(rows)
    wide = "float64" if x.dtype == "float64" else "float32"
    share = to_shape(as_dtype(q, wide) * scale, q.shape)
    if skip_nan:
        counts = to_shape(as_dtype(reduce(sum_p, as_dtype(holes, "int32"), (len(kept),), False), wide), (*kept, 1))
        last = float(n - 1) - counts
        last = choose(last < 0, scalar(0, wide), last)
    else:
        last = scalar(n - 1, wide)
    at = widen(to_shape(share, (1,) * len(kept) + (q.size,)) * last, (*kept, q.size))
    low, high = floor(at), ceil(at)
    if method in ("lower", "higher", "nearest"):
        place = low if method == "lower" else high if method == "higher" else _nearest(at)
        out = _at(rows, place)
    else:
        a, b = _at(rows, low), _at(rows, high)
        part = as_dtype(at - low, x.dtype)
        out = a * 0.5 + b * 0.5 if method == "midpoint" else a * (1 - part) + b * part
    if not skip_nan:  # a NaN among them makes the result NaN
        spoilt = to_shape(reduce(any_p, holes, (len(kept),), False), (*kept, 1))
        out = choose(spoilt, scalar(math.nan, x.dtype), out)
    out = moveaxis(out, -1, 0)
    tail = tuple([1 if i in axes else d for i, d in enumerate(x.shape)]) if keepdims else kept
    return to_shape(out, q.shape + tail)


def _nearest(at):
    """Halves to even."""
    from_below = floor(at + 0.5)
    tie = (at - floor(at)) == 0.5
    return choose(tie, 2 * floor(at / 2 + 0.5), from_below)


def _at(rows, places):
    return take_along_axis(rows, as_dtype(places, "int32"), axis=-1)


@public_op
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which the share `q` (of [0, 1], a number or a vector) of the elements over `axis` lies.

    Between two elements `method` decides: `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`. A vector `q`
    gives a first dimension. NaN where there is one.

    >>> ops.quantile([1.0, 2.0, 3.0, 4.0], 0.5).numpy()
    2.5
    """
    return _quantile("quantile", x, q, axis, method, keepdims, False)


@public_op
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """`ops.quantile` for `q` in percent."""
    return _quantile("percentile", x, q, axis, method, keepdims, False, 0.01)


@public_op
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """`ops.quantile` of the elements that are not NaN; NaN where none is left."""
    return _quantile("nanquantile", x, q, axis, method, keepdims, True)


@public_op
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """`ops.percentile` of the elements that are not NaN; NaN where none is left."""
    return _quantile("nanpercentile", x, q, axis, method, keepdims, True, 0.01)


@public_op
def median(x, axis=None, keepdims=False):
    """The median over `axis`: the middle element in sorted order, or the mean of the two. NaN where there is one."""
    return _quantile("median", x, 0.5, axis, "linear", keepdims, False)


@public_op
def nanmedian(x, axis=None, keepdims=False):
    """The median over `axis` of the elements that are not NaN; NaN where none is left."""
    return _quantile("nanmedian", x, 0.5, axis, "linear", keepdims, True)


@public_op
def unique(
    x,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
):
    """The distinct elements of the raveled `x` (or its distinct slices along `axis`), from least to greatest.

    Also, where asked and in this order, as int32: the place where each occurs first, which of them each element is, and
    how often each occurs. They come sorted with `sorted=False` too. Their number depends on the values, so these must
    be concrete; `size` cuts the result or fills it up with `fill_value` (the least element by default; 0 for counts).

    >>> ops.unique([3, 1, 3]).numpy()
    array([1, 3], dtype=int32)
    """
    x = operand(x)
    if x.__class__ is not Tensor:
        x._no_value("ops.unique, whose size depends on the values,")
    places = x.shape if axis is None else (-1,)
    if axis is None:
        x, axis = to_shape(x, (x.size,)), 0
    axis = axis_index("unique", axis, x.ndim)
    wanted = return_index or return_inverse or return_counts
    if x.ndim == 1 and not wanted and size is None:
        return _distinct(x)
    if x.ndim == 1:
        first, which, counts = _ranked(x)
    else:
        values = x.numpy().astype("float32") if x.dtype == "bfloat16" else x.numpy()
        _, first, which, counts = np.unique(values, axis=axis, **_EVERYTHING)
    missing = 0 if size is None else int(size) - len(first)
    if missing < 0:
        first, counts, missing = first[:size], counts[:size], 0
    if missing and not len(first):
        raise ShapeError(f"[unique] size={size}, but x of shape {x.shape} has no elements to begin with")
    first, counts = (np.concatenate([v, [f] * missing]) for v, f in ((first, first[:1].sum()), (counts, 0)))
    out = gather_p.bind(x, _whole(first), axis=axis)
    if missing and fill_value is not None:
        filled = np.arange(len(first)) >= len(first) - missing
        shape = tuple([-1 if i == axis else 1 for i in range(x.ndim)])
        out = choose(operand(filled.reshape(shape)), as_dtype(operand(fill_value), x.dtype), out)
    extras = ((return_index, first), (return_inverse, which.reshape(places)), (return_counts, counts))
    extras = [_whole(v) for wanted, v in extras if wanted]
    return (out, *extras) if extras else out


_EVERYTHING = {"return_index": True, "return_inverse": True, "return_counts": True}


def _begins(ordered):
    """Where in the sorted vector another value begins, as a bool vector; all NaN are one value."""
    differ = not_equal(ordered[1:], ordered[:-1])
    if ordered.dtype in dtypes.FLOATS:
        differ = logical_and(differ, logical_not(isnan(ordered[:-1])))
    begins = np.ones(ordered.size, bool)
    begins[1:] = differ.numpy()
    return begins


def _distinct(x):
    """The distinct elements of a vector, sorted."""
    ordered = _sorted(x)
    return operand(ordered.numpy()[_begins(ordered)]) if x.size else x


def _ranked(x):
    """Of a vector's distinct elements, sorted: where each is first, which of them each element is, their counts."""
    if not x.size:
        return (np.zeros(0, "int32"),) * 3
    order = _order(x)
    begins, order = _begins(_at(x, order)), order.numpy()
    starts = np.flatnonzero(begins)
    which = np.empty(x.size, "int32")
    which[order] = np.cumsum(begins, dtype="int32") - np.int32(1)
    return order[starts], which, np.diff(starts, append=x.size)


def _whole(a):
    return operand(a.astype("int32"))
