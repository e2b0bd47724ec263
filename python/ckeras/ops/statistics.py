"""Averages, norms and counts made of reductions, with and without NaN."""

import math

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, cast_p, float_operand, operand, promote, widened
from ckeras.ops.elementwise import choose, clip, divide, isnan, not_equal, sqrt, square
from ckeras.ops.linalg import matmul
from ckeras.ops.reduce import (
    all_p,
    argmax,
    argmin,
    max,
    mean,
    min,
    prod,
    reduce,
    spread_about,
    sum,
    sum_p,
)
from ckeras.ops.shape import cut, permute, to_shape

__all__ = [
    "amax",
    "amin",
    "average",
    "corrcoef",
    "count_nonzero",
    "moments",
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "ptp",
    "trapezoid",
]


@public_op
def amax(x, axis=None, keepdims=False):
    """The maximum over `axis`; NaN wins. `ops.max` under NumPy's other name."""
    return max(x, axis, keepdims)


@public_op
def amin(x, axis=None, keepdims=False):
    """The minimum over `axis`; NaN wins. `ops.min` under NumPy's other name."""
    return min(x, axis, keepdims)


@public_op
def average(x, axis=None, weights=None):
    """The mean over `axis`, each element counted `weights` times.

    `weights` has the shape of `x`, or one entry for each place along one `axis`. Raises `ShapeError` otherwise. Weights
    that sum to 0 give NaN or infinity.

    >>> float(ops.average([1.0, 3.0], weights=[3.0, 1.0]))
    1.5
    """
    if weights is None:
        return mean(x, axis)
    x, w = promote(x, weights)
    x, w = float_operand(x), float_operand(w)
    axes = axes_tuple("average", axis, x.ndim)
    if w.shape != x.shape:
        if len(axes) != 1 or w.shape != (x.shape[axes[0]],):
            raise ShapeError(
                f"[average] weights must have the shape of x {x.shape}, or one entry along a single axis; got shape "
                f"{w.shape} with axis={axis}"
            )
        w = to_shape(w, tuple([d if i == axes[0] else 1 for i, d in enumerate(x.shape)]))
    return divide(reduce(sum_p, x * w, axes, False), reduce(sum_p, w, axes, False))


@public_op
def count_nonzero(x, axis=None):
    """How many elements along `axis` are not 0, int32."""
    x = operand(x)
    hit = cast_p.bind(not_equal(x, scalar(0, x.dtype)), dtype="int32")
    return reduce(sum_p, hit, axes_tuple("count_nonzero", axis, x.ndim), False)


@public_op
def ptp(x, axis=None, keepdims=False):
    """The maximum less the minimum over `axis`."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


@fused_op
def moments(x, axes, keepdims=False, synchronized=False):
    """`(mean, variance)` over `axes`, halves computed in float32. `synchronized` has nothing to do on one device."""
    x = float_operand(x)
    wide = widened(x)
    axes = axes_tuple("moments", axes, x.ndim)
    middle = mean(wide, axes, True)
    spread = spread_about(wide, middle, axes=axes, keepdims=keepdims)
    if not keepdims:
        middle = to_shape(middle, spread.shape)
    if wide is not x:
        most = 65504.0 if x.dtype == "float16" else 3.3895313892515355e38
        middle, spread = clip(middle, -most, most), clip(spread, -most, most)
    return as_dtype(middle, x.dtype), as_dtype(spread, x.dtype)


@public_op
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """The integral of samples `y` along `axis` by trapezoids; the samples lie at `x`, or `dx` apart.

    >>> float(ops.trapezoid([1.0, 2.0, 3.0]))
    4.0
    """
    y = float_operand(y)
    axis = axis_index("trapezoid", axis, y.ndim)
    n = y.shape[axis]
    widths = dx
    if x is not None:
        y, x = promote(y, x)
        if x.ndim == 1:
            x = to_shape(x, (x.size,) + (1,) * (y.ndim - 1 - axis))
        at = x.ndim - (y.ndim - axis)
        if x.shape[at] != n:
            raise ShapeError(f"[trapezoid] x must have {n} points along axis {axis} of y, got shape {x.shape}")
        widths = cut(x, at, 1, n) - cut(x, at, 0, n - 1)
    parts = (cut(y, axis, 1, n) + cut(y, axis, 0, n - 1)) * widths
    return 0.5 * reduce(sum_p, parts, (axis % parts.ndim,), False)


@public_op
def corrcoef(x):
    """The correlation of each row of the matrix `x` [variables, samples] with each other: [variables, variables]."""
    x = float_operand(x)
    if x.ndim > 2:
        raise ShapeError(f"[corrcoef] x must be a matrix [variables, samples] or one variable, got shape {x.shape}")
    rows = to_shape(x, (1, x.size)) if x.ndim < 2 else x
    centred = rows - mean(rows, 1, True)
    products = matmul(centred, permute(centred, (1, 0)))
    lengths = sqrt(reduce(sum_p, square(centred), (1,), False))
    n = rows.shape[0]
    out = products / to_shape(lengths, (n, 1)) / to_shape(lengths, (1, n))
    one = scalar(1, out.dtype)
    out = choose(out > one, one, choose(out < -one, -one, out))
    return to_shape(out, ()) if x.ndim < 2 else out


# ---- without NaN


def _filled(x, value):
    """`x` with NaN replaced, and where it was NaN (or None for integers)."""
    x = operand(x)
    if x.dtype not in dtypes.FLOATS:
        return x, None
    mask = isnan(x)
    return choose(mask, scalar(value, x.dtype), x), mask


@public_op
def nansum(x, axis=None, keepdims=False):
    """`ops.sum` with NaN counted as 0."""
    return sum(_filled(x, 0)[0], axis, keepdims)


@public_op
def nanprod(x, axis=None, keepdims=False):
    """`ops.prod` with NaN counted as 1."""
    return prod(_filled(x, 1)[0], axis, keepdims)


def _nan_extreme(op, extreme, filler, x, axis, keepdims):
    x, mask = _filled(x, filler)
    out = extreme(x, axis, keepdims)
    if mask is None:
        return out
    none = reduce(all_p, mask, axes_tuple(op, axis, x.ndim), keepdims)
    return choose(none, scalar(math.nan, x.dtype), out)


@public_op
def nanmax(x, axis=None, keepdims=False):
    """The maximum over `axis` of what is not NaN; NaN where nothing is left."""
    return _nan_extreme("nanmax", max, -math.inf, x, axis, keepdims)


@public_op
def nanmin(x, axis=None, keepdims=False):
    """The minimum over `axis` of what is not NaN; NaN where nothing is left."""
    return _nan_extreme("nanmin", min, math.inf, x, axis, keepdims)


def _nan_arg(arg, filler, x, axis, keepdims):
    x, mask = _filled(x, filler)
    out = arg(x, axis, keepdims)
    if mask is None:
        return out
    none = reduce(all_p, mask, axes_tuple(arg.__name__, axis, x.ndim), keepdims)
    return choose(none, scalar(-1, "int32"), out)


@public_op
def nanargmax(x, axis=None, keepdims=False):
    """The first index of the maximum along `axis` of what is not NaN, int32; -1 where nothing is left."""
    return _nan_arg(argmax, -math.inf, x, axis, keepdims)


@public_op
def nanargmin(x, axis=None, keepdims=False):
    """The first index of the minimum along `axis` of what is not NaN, int32; -1 where nothing is left."""
    return _nan_arg(argmin, math.inf, x, axis, keepdims)


def _nan_mean(x, mask, axes, keepdims):
    """The mean of `x`, which is 0 where `mask` holds, over the rest."""
    wide = widened(x)
    one, zero = scalar(1, wide.dtype), scalar(0, wide.dtype)
    count = reduce(sum_p, choose(mask, zero, one), axes, keepdims)
    return as_dtype(reduce(sum_p, wide, axes, keepdims) / count, x.dtype)


@public_op
def nanmean(x, axis=None, keepdims=False):
    """The mean over `axis` of what is not NaN; NaN where nothing is left."""
    x, mask = _filled(float_operand(x), 0)
    return _nan_mean(x, mask, axes_tuple("nanmean", axis, x.ndim), keepdims)


@public_op
def nanvar(x, axis=None, keepdims=False):
    """The variance over `axis` of what is not NaN; NaN where nothing is left."""
    x, mask = _filled(float_operand(x), 0)
    wide = widened(x)
    axes = axes_tuple("nanvar", axis, x.ndim)
    off = choose(mask, scalar(0, wide.dtype), wide - _nan_mean(wide, mask, axes, True))
    return as_dtype(_nan_mean(square(off), mask, axes, keepdims), x.dtype)


@public_op
def nanstd(x, axis=None, keepdims=False):
    """The standard deviation over `axis` of what is not NaN; NaN where nothing is left."""
    return sqrt(nanvar(x, axis, keepdims))
