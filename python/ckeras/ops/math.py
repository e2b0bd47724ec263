"""Functions of real numbers made of the elementwise primitives: logarithms, hyperbolas, angles, robust arithmetic."""

import math

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import DTypeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, binary, cast_p, float_operand, operand
from ckeras.ops.elementwise import (
    absolute,
    choose,
    equal,
    exp,
    exp2,
    expm1,
    greater,
    isnan,
    less,
    log,
    log1p,
    logical_or,
    maximum,
    minimum,
    mod,
    reciprocal,
    sign,
    sin,
    sqrt,
    square,
    trunc,
)

__all__ = [
    "cosh",
    "deg2rad",
    "divide_no_nan",
    "fabs",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "ldexp",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "nan_to_num",
    "rad2deg",
    "sinc",
    "sinh",
]


def _floats(op, x1, x2):
    """Two operands of one float dtype whose shapes broadcast."""
    x1, x2 = binary(op, x1, x2)
    return float_operand(x1), float_operand(x2)


@fused_op
def cosh(x):
    """The hyperbolic cosine, `(exp(x) + exp(-x)) / 2`; it overflows only where the result does."""
    half = exp(0.5 * absolute(float_operand(x)))
    return 0.5 * half * half + 0.5 * square(reciprocal(half))


@fused_op
def sinh(x):
    """The hyperbolic sine, `(exp(x) - exp(-x)) / 2`, accurate near 0; it overflows only where the result does."""
    x = float_operand(x)
    root = expm1(0.5 * absolute(x))  # whose square is infinite only where the result is
    half = 0.5 * root * (root + 2)  # of expm1(|x|)
    return sign(x) * (half * (1 + reciprocal(2 * half + 1)))


@fused_op
def log2(x):
    """The logarithm to base 2; -inf at 0, NaN below."""
    return log(float_operand(x)) * (1 / math.log(2))


@fused_op
def log10(x):
    """The logarithm to base 10; -inf at 0, NaN below."""
    return log(float_operand(x)) * (1 / math.log(10))


def _log_of_sum(a, b, exponential, logarithm_of_1_plus):
    top = maximum(a, b)
    gap = absolute(a - b)  # NaN for two equal infinities, whose sum is theirs
    same = equal(a, b)
    gap = choose(same, scalar(0, a.dtype), gap)
    return top + logarithm_of_1_plus(exponential(-gap))


@fused_op
def logaddexp(x1, x2):
    """`log(exp(x1) + exp(x2))`, without overflow. Operands broadcast.

    >>> float(ops.logaddexp(0.0, 0.0))
    0.6931471824645996
    """
    return _log_of_sum(*_floats("logaddexp", x1, x2), exp, log1p)


@fused_op
def logaddexp2(x1, x2):
    """`log2(2 ** x1 + 2 ** x2)`, without overflow. Operands broadcast."""
    return _log_of_sum(*_floats("logaddexp2", x1, x2), exp2, lambda x: log1p(x) * (1 / math.log(2)))


@fused_op
def hypot(x1, x2):
    """`sqrt(x1 ** 2 + x2 ** 2)`, without overflow; infinite where an operand is, even beside NaN."""
    a, b = _floats("hypot", x1, x2)
    a, b = absolute(a), absolute(b)
    long, short = maximum(a, b), minimum(a, b)
    at_zero = equal(long, 0)
    ratio = short / choose(at_zero, scalar(1, long.dtype), long)
    inf = scalar(math.inf, a.dtype)
    return choose(logical_or(equal(a, inf), equal(b, inf)), inf, long * sqrt(1 + square(ratio)))


@public_op
def deg2rad(x):
    """Degrees as radians."""
    return float_operand(x) * (math.pi / 180)


@public_op
def rad2deg(x):
    """Radians as degrees."""
    return float_operand(x) * (180 / math.pi)


@fused_op
def sinc(x):
    """`sin(pi x) / (pi x)`, 1 at 0."""
    x = float_operand(x)
    at_zero = equal(x, 0)
    scaled = math.pi * choose(at_zero, scalar(1, x.dtype), x)
    return choose(at_zero, scalar(1, x.dtype), sin(scaled) / scaled)


@fused_op
def heaviside(x1, x2):
    """0 below 0, 1 above, `x2` at 0, NaN at NaN. Operands broadcast and become floats."""
    a, b = _floats("heaviside", x1, x2)
    step = choose(greater(a, 0), scalar(1, a.dtype), scalar(0, a.dtype))
    return choose(equal(a, 0), b, choose(isnan(a), a, step))


def _limits(dtype):
    if dtype == "bfloat16":
        return 3.3895313892515355e38
    return {"float16": 65504.0, "float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}[dtype]


@fused_op
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """`x` with NaN replaced by `nan`, and infinities by `posinf` and `neginf` (the dtype's extremes by default).

    Integers and bools stay as they are.

    >>> ops.nan_to_num([float("nan"), 1.0]).numpy()
    array([0., 1.], dtype=float32)
    """
    x = operand(x)
    if x.dtype not in dtypes.FLOATS:
        return x
    most = _limits(x.dtype)
    posinf, neginf = most if posinf is None else posinf, -most if neginf is None else neginf
    inf = scalar(math.inf, x.dtype)
    out = choose(isnan(x), as_dtype(operand(nan), x.dtype), x)
    out = choose(equal(x, inf), as_dtype(operand(posinf), x.dtype), out)
    return choose(equal(x, scalar(-math.inf, x.dtype)), as_dtype(operand(neginf), x.dtype), out)


@public_op
def fabs(x):
    """`|x|` as a float."""
    return absolute(float_operand(x))


def _but_nan(op, pick, x1, x2):
    a, b = binary(op, x1, x2)
    if a.dtype not in dtypes.FLOATS:
        return pick(a, b)
    return choose(isnan(a), b, choose(isnan(b), a, pick(a, b)))


@public_op
def fmax(x1, x2):
    """The larger of two elements; of a NaN and a number, the number."""
    return _but_nan("fmax", maximum, x1, x2)


@public_op
def fmin(x1, x2):
    """The smaller of two elements; of a NaN and a number, the number."""
    return _but_nan("fmin", minimum, x1, x2)


@fused_op
def fmod(x1, x2):
    """The remainder of `x1 / x2` with the sign of `x1` (`ops.mod` has that of `x2`)."""
    a, b = binary("fmod", x1, x2)
    if a.dtype == "bool":
        a, b = cast_p.bind(a, dtype="int32"), cast_p.bind(b, dtype="int32")
    if a.dtype.startswith("uint"):
        return mod(a, b)
    size = mod(absolute(a), absolute(b))
    return choose(less(a, 0), -size, size)


@public_op
def ldexp(x1, x2):
    """`x1 * 2 ** x2` for whole numbers `x2`; raises `DTypeError` when `x2` holds floats."""
    x, e = operand(x1), operand(x2)
    if e.dtype in dtypes.FLOATS:
        raise DTypeError(f"[ldexp] x2 must be integers, got {e.dtype}; ops.exp2 takes floats")
    x = as_dtype(x, dtypes.result_type(x.dtype, e.dtype, float))
    e = as_dtype(e, x.dtype)
    half = trunc(e * 0.5)  # in two steps: 2 ** e may overflow where the product does not
    return x * exp2(half) * exp2(e - half)


@fused_op
def divide_no_nan(x1, x2):
    """`x1 / x2`, and 0 where `x2` is 0."""
    a, b = _floats("divide_no_nan", x1, x2)
    none = equal(b, 0)
    zero, one = scalar(0, a.dtype), scalar(1, a.dtype)
    return choose(none, zero, a / choose(none, one, b))
