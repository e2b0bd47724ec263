"""Running sums and products, and differences of neighbours.

A running sum takes log2(n) passes, each adding what lies 1, 2, 4, ... places before (Hillis and Steele, 1986): few
rounding errors, one order of sums, and derivatives with zeros among the factors of a product.
"""

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, axis_index, operand
from ckeras.ops.elementwise import choose, isnan, logical_xor, subtract
from ckeras.ops.shape import cut, pad_p, to_shape

__all__ = ["cumprod", "cumsum", "diff", "nancumprod", "nancumsum"]


def _later(x, axis, places, filler):
    """`x` moved `places` towards the end of `axis`, the gap filled."""
    lows = tuple([places if i == axis else 0 for i in range(x.ndim)])
    return pad_p.bind(x, filler, lows=lows, highs=tuple([-v for v in lows]), interiors=(0,) * x.ndim)


def running(x, axis, combine, neutral):
    """`combine` of each element with all before it along `axis`; `neutral` changes nothing."""
    filler, places = scalar(neutral, x.dtype), 1
    while places < x.shape[axis]:
        x = combine(x, _later(x, axis, places, filler))
        places *= 2
    return x


def _cumulative(op, x, axis, dtype, combine, neutral):
    x = operand(x)
    dtype = dtypes.standardize(dtype) if dtype is not None else "int32" if x.dtype == "bool" else x.dtype
    x = as_dtype(x, dtype)
    if axis is None:
        x, axis = to_shape(x, (x.size,)), 0
    axis = axis_index(op, axis, x.ndim)
    # Halves are summed in float32 and rounded once.
    wide = as_dtype(x, "float32") if dtype in ("float16", "bfloat16") else x
    return as_dtype(running(wide, axis, combine, neutral), dtype)


@public_op
def cumsum(x, axis=None, dtype=None):
    """The sums of all elements up to each along `axis` (of the raveled `x` by default), in `dtype` or that of `x`.

    Bools are counted in int32.

    >>> ops.cumsum([1, 2, 3]).numpy()
    array([1, 3, 6], dtype=int32)
    """
    return _cumulative("cumsum", x, axis, dtype, lambda a, b: a + b, 0)


@public_op
def cumprod(x, axis=None, dtype=None):
    """The products of all elements up to each along `axis` (of the raveled `x` by default), in `dtype` or that of `x`.

    Bools are multiplied in int32.
    """
    return _cumulative("cumprod", x, axis, dtype, lambda a, b: a * b, 1)


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
