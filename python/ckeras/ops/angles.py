"""Inverse functions: angles, areas of hyperbolas, the cube root, the inverse of erf."""

import math

from ckeras._core.eager import fused_op
from ckeras._core.primitive import Elementwise
from ckeras._core.tensor import scalar
from ckeras.ops._common import binary, float_operand
from ckeras.ops.elementwise import (
    absolute,
    choose,
    equal,
    exp,
    greater,
    isfinite,
    less,
    log,
    log1p,
    logical_and,
    minimum,
    power_p,
    sign,
    sqrt,
    square,
    unary,
)

__all__ = ["arccosh", "arcsinh", "arctan2", "arctanh", "cbrt", "erfinv"]


def _arctan2_vjp(ctx, g):
    y, x = ctx.inputs
    share = g / (square(y) + square(x))
    return share * x if ctx.needs[0] else None, -share * y if ctx.needs[1] else None


arctan2_p = Elementwise("arctan2", _arctan2_vjp, doc="the angle of the point (x2, x1)")


@fused_op
def arctan2(x1, x2):
    """The angle, in [-pi, pi], of the point whose ordinate is `x1` and abscissa `x2`. Operands broadcast.

    >>> float(ops.arctan2(1.0, 1.0))
    0.7853981852531433
    """
    y, x = binary("arctan2", x1, x2)
    return arctan2_p.bind(float_operand(y), float_operand(x))


_LARGE = 2.0**13  # the square is finite even as a half widened to float32; 1 beside it is small


@fused_op
def arcsinh(x):
    """The inverse of sinh."""
    x = float_operand(x)
    size = absolute(x)
    near = minimum(size, scalar(_LARGE, x.dtype))
    small = log1p(near + square(near) / (1 + sqrt(1 + square(near))))
    large = log(choose(greater(size, _LARGE), size, scalar(1, x.dtype))) + math.log(2)
    value = choose(greater(size, _LARGE), large, small)
    return choose(equal(x, 0), x, choose(less(x, 0), -value, value))


@fused_op
def arccosh(x):
    """The inverse of cosh that is not negative; NaN below 1."""
    x = float_operand(x)
    beyond = minimum(x, scalar(_LARGE, x.dtype)) - 1
    small = log1p(beyond + sqrt(beyond * (beyond + 2)))
    large = log(choose(greater(x, _LARGE), x, scalar(1, x.dtype))) + math.log(2)
    return choose(greater(x, _LARGE), large, small)


@fused_op
def arctanh(x):
    """The inverse of tanh; infinite at -1 and 1, NaN beyond."""
    x = float_operand(x)
    size = absolute(x)
    value = 0.5 * log1p(2 * size / (1 - size))
    return choose(equal(x, 0), x, choose(less(x, 0), -value, value))


@fused_op
def cbrt(x):
    """The real cube root, of negative numbers too."""
    x = float_operand(x)
    size = absolute(x)
    usual = logical_and(greater(size, 0), isfinite(size))
    size = choose(usual, size, scalar(1, x.dtype))
    root = power_p.bind(size, scalar(1 / 3, x.dtype))
    # A third is not exact: one step of Newton's takes off what its rounding did.
    root = root - (root - size / square(root)) / 3
    return choose(usual, sign(x) * root, x)


erfinv = unary(
    "erfinv",
    "The inverse of the error function; infinite at -1 and 1, NaN beyond.",
    lambda ctx, g: (g * (math.sqrt(math.pi) / 2 * exp(square(ctx.outputs[0]))),),
)
