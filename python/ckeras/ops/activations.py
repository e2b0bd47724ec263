"""Activations that fewer networks have than those of `nn`."""

import numpy as np

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy, scalar
from ckeras.ops._common import as_dtype, axis_index, float_operand, operand
from ckeras.ops.cumulative import cumsum
from ckeras.ops.elementwise import absolute, choose, greater, less, less_equal, maximum, sigmoid, sqrt, square
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import cut, to_shape
from ckeras.ops.sorting import sort

__all__ = ["glu", "hard_shrink", "soft_shrink", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "threshold"]


@public_op
def glu(x, axis=-1):
    """The first half of `x` along `axis`, times the sigmoid of the second half (Dauphin et al., 2017)."""
    x = float_operand(x)
    axis = axis_index("glu", axis, x.ndim)
    n = x.shape[axis]
    if n % 2:
        raise ShapeError(f"[glu] axis {axis} of shape {x.shape} must have an even size")
    return cut(x, axis, 0, n // 2) * sigmoid(cut(x, axis, n // 2, n))


def _zero_within(x, threshold, beyond):
    """0 where `|x| <= threshold`, `beyond` elsewhere."""
    return choose(less_equal(absolute(x), threshold), scalar(0, x.dtype), beyond)


@fused_op
def hard_shrink(x, threshold=0.5):
    """0 where `|x| <= threshold`, `x` elsewhere."""
    x = float_operand(x)
    return _zero_within(x, threshold, x)


@fused_op
def soft_shrink(x, threshold=0.5):
    """0 where `|x| <= threshold`, elsewhere `x` moved by `threshold` towards 0."""
    x = float_operand(x)
    return _zero_within(x, threshold, choose(greater(x, 0), x - threshold, x + threshold))


@fused_op
def threshold(x, threshold, default_value):
    """`x` where it is above `threshold`, `default_value` elsewhere."""
    x = float_operand(x)
    return choose(greater(x, threshold), x, as_dtype(operand(default_value), x.dtype))


@fused_op
def squareplus(x, b=4):
    """`(x + sqrt(x ** 2 + b)) / 2` (Barron, 2021)."""
    x = float_operand(x)
    return (x + sqrt(square(x) + b)) / 2


@fused_op
def sparse_plus(x):
    """0 up to -1, `(x + 1) ** 2 / 4` up to 1, `x` beyond (Martins and Astudillo, 2016)."""
    x = float_operand(x)
    inner = square(x + 1) / 4
    return choose(less_equal(x, -1), scalar(0, x.dtype), choose(less(x, 1), inner, x))


@fused_op
def sparse_sigmoid(x):
    """`(x + 1) / 2`, held within [0, 1]."""
    x = float_operand(x)
    inner = 0.5 * (x + 1)
    return choose(less_equal(x, -1), scalar(0, x.dtype), choose(less(x, 1), inner, scalar(1, x.dtype)))


@public_op
def sparsemax(x, axis=-1):
    """The point of the probability simplex nearest to `x` along `axis`: many of its parts are 0.

    Martins and Astudillo, 2016.

    >>> ops.sparsemax([1.0, 0.5, -1.0]).numpy()
    array([0.75, 0.25, 0.  ], dtype=float32)
    """
    x = float_operand(x)
    axis = axis_index("sparsemax", axis, x.ndim)
    falling = -sort(-x, axis)
    n = x.shape[axis]
    ranks = (n,) + (1,) * (x.ndim - 1 - axis)
    rank = to_shape(from_numpy(np.arange(1, n + 1, dtype=dtypes.numpy_dtype(x.dtype))), ranks)
    sums = cumsum(falling, axis)
    inside = as_dtype(greater(1 + rank * falling, sums), x.dtype)
    count = reduce(sum_p, inside, (axis,), True)
    excess = (reduce(sum_p, inside * falling, (axis,), True) - 1) / count
    return maximum(x - excess, 0)
