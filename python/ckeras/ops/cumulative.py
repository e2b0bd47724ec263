"""Running sums and products, and differences of neighbours."""

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, axis_index, operand
from ckeras.ops.elementwise import choose, isnan, logical_xor, subtract
from ckeras.ops.shape import cut, pad_p, to_shape

__all__ = ["cumprod", "cumsum", "diff", "nancumprod", "nancumsum"]


def _scan_spec(*xs, axis, reverse):
    return xs[0].shape, xs[0].dtype


def _scan_pack(*xs, axis, reverse):
    return (axis, int(reverse)), ()


def _shifted(x, axis, reverse, filler):
    """`x` moved one place the way the scan goes (back where `reverse`), the gap filled."""
    lows = tuple([(-1 if reverse else 1) if i == axis else 0 for i in range(x.ndim)])
    return pad_p.bind(x, scalar(filler, x.dtype), lows=lows, highs=tuple([-v for v in lows]), interiors=(0,) * x.ndim)


def _sum_vjp(ctx, g):
    return (sum_p.bind(g, axis=ctx.attrs["axis"], reverse=not ctx.attrs["reverse"]),)


def _prod_vjp(ctx, g):
    # The derivative by x[i] is the product before it times g[i] + x[i+1] (g[i+1] + x[i+2] (...)): no division.
    (x,), axis, reverse = ctx.inputs, ctx.attrs["axis"], ctx.attrs["reverse"]
    later = recurrence_p.bind(_shifted(x, axis, not reverse, 0), g, axis=axis, reverse=not reverse)
    return (later * _shifted(ctx.outputs[0], axis, reverse, 1),)


def _recurrence_vjp(ctx, g):
    a, axis, reverse = ctx.inputs[0], ctx.attrs["axis"], ctx.attrs["reverse"]
    db = recurrence_p.bind(_shifted(a, axis, not reverse, 0), g, axis=axis, reverse=not reverse)
    return db * _shifted(ctx.outputs[0], axis, reverse, 0), db


sum_p = Primitive("cumulative_sum", _scan_spec, _scan_pack, _sum_vjp, "Sums of all elements up to each.")
prod_p = Primitive("cumulative_prod", _scan_spec, _scan_pack, _prod_vjp, "Products of all elements up to each.")
recurrence_p = Primitive(
    "recurrence", _scan_spec, _scan_pack, _recurrence_vjp, "y[i] = a[i] * y[i-1] + b[i], from y[-1] = 0."
)


def _cumulative(op, x, axis, dtype, primitive):
    x = operand(x)
    dtype = dtypes.standardize(dtype) if dtype is not None else "int32" if x.dtype == "bool" else x.dtype
    if dtype == "bool":
        raise DTypeError(f"[{op}] dtype must be a number's, got bool")
    x = as_dtype(x, dtype)
    if axis is None:
        x, axis = to_shape(x, (x.size,)), 0
    return primitive.bind(x, axis=axis_index(op, axis, x.ndim), reverse=False)


@public_op
def cumsum(x, axis=None, dtype=None):
    """The sums of all elements up to each along `axis` (of the raveled `x` by default), in `dtype` or that of `x`.

    Bools are counted in int32.

    >>> ops.cumsum([1, 2, 3]).numpy()
    array([1, 3, 6], dtype=int32)
    """
    return _cumulative("cumsum", x, axis, dtype, sum_p)


@public_op
def cumprod(x, axis=None, dtype=None):
    """The products of all elements up to each along `axis` (of the raveled `x` by default), in `dtype` or that of `x`.

    Bools are multiplied in int32.
    """
    return _cumulative("cumprod", x, axis, dtype, prod_p)


def _without_nan(x, neutral):
    x = operand(x)
    return choose(isnan(x), scalar(neutral, x.dtype), x) if x.dtype in dtypes.FLOATS else x


@public_op
def nancumsum(x, axis=None, dtype=None):
    """`ops.cumsum` with NaN counted as 0."""
    return cumsum(_without_nan(x, 0), axis, dtype)


@public_op
def nancumprod(x, axis=None, dtype=None):
    """`ops.cumprod` with NaN counted as 1."""
    return cumprod(_without_nan(x, 1), axis, dtype)


@public_op
def diff(a, n=1, axis=-1):
    """The `n`-th differences of neighbours along `axis`, which gets `n` shorter; of bools, whether they differ.

    >>> ops.diff([1, 4, 9]).numpy()
    array([3, 5], dtype=int32)
    """
    a = operand(a)
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"[diff] n must be an integer that is not negative, got {n!r}")
    axis = axis_index("diff", axis, a.ndim)
    for _ in range(min(n, a.shape[axis])):
        size = a.shape[axis]
        later, earlier = cut(a, axis, 1, size), cut(a, axis, 0, size - 1)
        a = logical_xor(later, earlier) if a.dtype == "bool" else subtract(later, earlier)
    return a
