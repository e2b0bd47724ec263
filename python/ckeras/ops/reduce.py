"""Reductions: sums, extremes, means, and where the extremes are."""

import math

from ckeras._core import dtypes, hooks
from ckeras._core.eager import fused_op
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tape import derived, stop_gradient
from ckeras._core.tensor import convert
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, cast_p, float_operand, operand, widened
from ckeras.ops.elementwise import equal, exp, isfinite, log, maximum, minimum, sqrt, square, where
from ckeras.ops.shape import to_shape, widen

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]


def _kept(shape, axes):
    """`shape` with 1 for the reduced dims."""
    return tuple([1 if i in axes else d for i, d in enumerate(shape)])


def _spec(x, axes):
    return tuple([d for i, d in enumerate(x.shape) if i not in axes]), x.dtype


def _flags(x, axes):
    return tuple([int(i in axes) for i in range(x.ndim)]), ()


def _spread(g, x, axes):
    """A gradient of the reduced shape, repeated along the reduced dims."""
    return widen(to_shape(g, _kept(x.shape, axes)), x.shape)


def _extreme_vjp(ctx, g):
    """Shared equally by the elements that attain the extreme."""
    x, axes = ctx.inputs[0], ctx.attrs["axes"]
    kept = _kept(x.shape, axes)
    hit = cast_p.bind(equal(x, to_shape(ctx.outputs[0], kept)), dtype=x.dtype)
    count = to_shape(sum_p.bind(hit, axes=axes), kept)
    return (hit * (to_shape(g, kept) / count),)


def _prod_vjp(ctx, g):
    """The product of the others: right with zeros too, at one pass more an axis."""
    x, axes = ctx.inputs[0], ctx.attrs["axes"]
    kept = _kept(x.shape, axes)
    is_zero = equal(x, 0)
    zeros = to_shape(sum_p.bind(cast_p.bind(is_zero, dtype=x.dtype), axes=axes), kept)
    filled = where(is_zero, 1.0, x)
    others = to_shape(prod_p.bind(filled, axes=axes), kept) / filled
    mine = where(is_zero, equal(zeros, 1), equal(zeros, 0))
    return (to_shape(g, kept) * where(mine, others, 0.0),)


def _reduction(name, vjp, doc):
    return Primitive(name, _spec, _flags, vjp, doc)


sum_p = _reduction("reduce_sum", lambda ctx, g: (_spread(g, ctx.inputs[0], ctx.attrs["axes"]),), "sum over axes")
max_p = _reduction("reduce_max", _extreme_vjp, "maximum over axes; NaN wins")
min_p = _reduction("reduce_min", _extreme_vjp, "minimum over axes; NaN wins")
prod_p = _reduction("reduce_prod", _prod_vjp, "product over axes")
any_p = _reduction("reduce_any", None, "or over axes of bools")
all_p = _reduction("reduce_all", None, "and over axes of bools")


def _arg_spec(x, axis):
    return x.shape[:axis] + x.shape[axis + 1 :], "int32"


argmax_p = Primitive("argmax", _arg_spec, lambda x, axis: ((axis,), ()), None, "first index of the maximum")
argmin_p = Primitive("argmin", _arg_spec, lambda x, axis: ((axis,), ()), None, "first index of the minimum")


def reduce(primitive, x, axes, keepdims):
    """A reduction primitive over checked axes."""
    out = primitive.bind(x, axes=axes) if axes else x
    return to_shape(out, _kept(x.shape, axes)) if keepdims else out


def sum_to(x, shape):
    """`x` summed over what broadcasting from `shape` added or widened."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple([i for i, d in enumerate(x.shape) if i < extra or (shape[i - extra] == 1 and d != 1)])
    return to_shape(sum_p.bind(x, axes=axes) if axes else x, shape)


hooks.sum_to = sum_to


def summand(x):
    """Small integers and bools are summed in 32 bits."""
    x = operand(x)
    if x.dtype in ("bool", "int8", "int16"):
        return cast_p.bind(x, dtype="int32")
    return cast_p.bind(x, dtype="uint32") if x.dtype in ("uint8", "uint16") else x


@public_op
def sum(x, axis=None, keepdims=False):
    """The sum over `axis`: an integer, several, or all dimensions. Bools and small integers give int32 or uint32.

    >>> ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    x = summand(x)
    return reduce(sum_p, x, axes_tuple("sum", axis, x.ndim), keepdims)


@public_op
def prod(x, axis=None, keepdims=False, dtype=None):
    """The product over `axis`, computed in `dtype` when given."""
    x = summand(x) if dtype is None else as_dtype(operand(x), dtypes.standardize(dtype))
    return reduce(prod_p, x, axes_tuple("prod", axis, x.ndim), keepdims)


def _extreme(name, primitive, pair, x, axis, keepdims, initial):
    x = operand(x)
    axes = axes_tuple(name, axis, x.ndim)
    if initial is None and any_empty(x.shape, axes):
        raise ShapeError(f"[{name}] over no elements (shape {x.shape}) has no value; pass `initial`")
    if any_empty(x.shape, axes):
        return widen(convert(initial, x.dtype), _kept(x.shape, axes) if keepdims else _spec(x, axes)[0])
    out = reduce(primitive, x, axes, keepdims)
    return out if initial is None else pair(out, initial)


def any_empty(shape, axes):
    return 0 in [shape[a] for a in axes]


@public_op
def max(x, axis=None, keepdims=False, initial=None):
    """The maximum over `axis`, at least `initial`; NaN wins. Equal maxima share the gradient."""
    return _extreme("max", max_p, maximum, x, axis, keepdims, initial)


@public_op
def min(x, axis=None, keepdims=False, initial=None):
    """The minimum over `axis`, at most `initial`; NaN wins. Equal minima share the gradient."""
    return _extreme("min", min_p, minimum, x, axis, keepdims, initial)


@public_op
def any(x, axis=None, keepdims=False):
    """Whether an element along `axis` is nonzero, as bools."""
    x = as_dtype(operand(x), "bool")
    return reduce(any_p, x, axes_tuple("any", axis, x.ndim), keepdims)


@public_op
def all(x, axis=None, keepdims=False):
    """Whether every element along `axis` is nonzero, as bools."""
    x = as_dtype(operand(x), "bool")
    return reduce(all_p, x, axes_tuple("all", axis, x.ndim), keepdims)


def _mean(x, axes, keepdims):
    """Halves are summed in float32: their own range is too small for a sum."""
    wide = widened(x)
    n = math.prod([x.shape[a] for a in axes])
    return as_dtype(reduce(sum_p, wide, axes, keepdims) / float(n), x.dtype)


@public_op
def mean(x, axis=None, keepdims=False):
    """The mean over `axis`; integers become the default float. Over no elements it is NaN.

    >>> float(ops.mean([1, 2, 3, 4]))
    2.5
    """
    x = float_operand(x)
    return _mean(x, axes_tuple("mean", axis, x.ndim), keepdims)


def _spread_slope(ctx, g, axes, keepdims):
    x, middle = ctx.inputs
    n = math.prod([x.shape[a] for a in axes])
    slope = to_shape(g, middle.shape) * (2.0 / (n or 1))
    return x * slope - middle * slope, None  # x is there for others; x - middle would have to be kept


@derived(_spread_slope)
def spread_about(x, middle, axes, keepdims):
    """The mean of `(x - middle) ** 2` over sorted `axes`, where `middle` is the mean of `x`, with the reduced dims.

    Around the mean the distances add up to 0, so nothing flows back to `middle`.
    """
    return _mean(square(x - middle), axes, keepdims)


def _var(x, axes, keepdims):
    wide = widened(x)
    return as_dtype(spread_about(wide, _mean(wide, axes, True), axes=axes, keepdims=keepdims), x.dtype)


@fused_op
def var(x, axis=None, keepdims=False):
    """The variance over `axis`, the mean squared distance from the mean, in two passes."""
    x = float_operand(x)
    return _var(x, axes_tuple("var", axis, x.ndim), keepdims)


@fused_op
def std(x, axis=None, keepdims=False):
    """The standard deviation over `axis`."""
    x = float_operand(x)
    return sqrt(_var(x, axes_tuple("std", axis, x.ndim), keepdims))


def _arg(name, primitive, x, axis, keepdims):
    x = operand(x)
    rank = x.ndim
    flat = to_shape(x, (x.size,)) if axis is None else x
    i = 0 if axis is None else axis_index(name, axis, rank)
    if flat.shape[i] == 0:
        raise ArgumentError(f"[{name}] over no elements (shape {x.shape}) has no value")
    if flat.shape[i] > 2**31:
        raise ShapeError(f"[{name}] indices are int32: {flat.shape[i]} elements are too many; give an axis, or a part")
    out = primitive.bind(flat, axis=i)
    if not keepdims:
        return out
    return to_shape(out, (1,) * rank if axis is None else _kept(x.shape, (i,)))


@public_op
def argmax(x, axis=None, keepdims=False):
    """The first index of the maximum along `axis` (of the raveled `x` by default), int32.

    >>> int(ops.argmax([3.0, 9.0, 9.0]))
    1
    """
    return _arg("argmax", argmax_p, x, axis, keepdims)


@public_op
def argmin(x, axis=None, keepdims=False):
    """The first index of the minimum along `axis` (of the raveled `x` by default), int32."""
    return _arg("argmin", argmin_p, x, axis, keepdims)


@fused_op
def logsumexp(x, axis=None, keepdims=False):
    """`log(sum(exp(x)))` over `axis`, without overflow."""
    x = float_operand(x)
    axes = axes_tuple("logsumexp", axis, x.ndim)
    top = stop_gradient(reduce(max_p, x, axes, True))
    top = where(isfinite(top), top, 0.0)
    out = log(reduce(sum_p, exp(x - top), axes, True)) + top
    return out if keepdims else to_shape(out, _spec(x, axes)[0])
