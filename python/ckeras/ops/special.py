"""Functions of mathematics beyond the elementary ones: erfc, I0, divisors, neighbouring floats."""

import math

from ckeras._core import dtypes
from ckeras._core.errors import DTypeError
from ckeras._core.primitive import Elementwise
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, binary, float_operand
from ckeras.ops.elementwise import absolute, choose, equal, exp, floor_divide, isnan, less, logical_or, maximum, minimum
from ckeras.ops.elementwise import sqrt as _sqrt
from ckeras.ops.views import bits_as

__all__ = ["erfc", "gcd", "i0", "lcm", "nextafter"]


def _polynomial(x, coefficients):
    """The sum of `coefficients[k] * x ** k`."""
    out = coefficients[-1]
    for c in coefficients[-2::-1]:
        out = out * x + c
    return out


# erfc(a) exp(a^2) (1 + 2a) in (a - 3) / (a + 3), for a >= 0: a Chebyshev fit within 2e-15.
_ERFC = (
    1.2530080582697296,
    -0.13562110612457576,
    -0.04756229435342038,
    0.12964515870228346,
    -0.11927366341676002,
    0.06830802735638397,
    -0.023770514891530075,
    0.0025293916672051724,
    0.0018886900977441495,
    -0.0007798312797290158,
    -0.00010515831297813128,
    0.00012509531076254534,
    4.94412434222366e-06,
    -2.0089997833284275e-05,
    -7.187883834404266e-07,
    3.454294770277738e-06,
    3.3669790806407595e-07,
    -5.963983625522741e-07,
    -1.205414228648938e-07,
    8.765881411730558e-08,
    2.7843881265502222e-08,
    -7.641962892589975e-09,
    -3.1813541434969274e-09,
)


@public_op
def erfc(x):
    """The complementary error function `1 - erf(x)`, exact to the last digits also where it is tiny.

    >>> float(ops.erfc(0.0))
    1.0
    """
    x = float_operand(x)
    wide = as_dtype(x, "float64")
    a = minimum(choose(less(wide, 0.0), -wide, wide), 30.0)
    tail = exp(-a * a) * _polynomial((a - 3.0) / (a + 3.0), _ERFC) / (1.0 + 2.0 * a)
    return as_dtype(choose(less(wide, 0.0), 2.0 - tail, tail), x.dtype)


# I0(x) = sum of (x / 2)^2k / k!^2; from 20 on exp(x) / sqrt(2 pi x) times a sum of (2k - 1)!!^2 / (k! (8 x)^k):
# M. Abramowitz and I. Stegun, "Handbook of mathematical functions", 9.6.12 and 9.7.1.
_I0_NEAR = tuple([1 / math.factorial(k) ** 2 for k in range(40)])
_I0_FAR = tuple([math.prod(range(1, 2 * k, 2)) ** 2 / (math.factorial(k) * 8**k) for k in range(24)])
_I0_BETWEEN = 20.0


@public_op
def i0(x):
    """The modified Bessel function of the first kind and order 0, `I0(x)`."""
    x = float_operand(x)
    a = absolute(as_dtype(x, "float64"))
    small, large = minimum(a, _I0_BETWEEN), maximum(a, _I0_BETWEEN)
    near = _polynomial(small * small * 0.25, _I0_NEAR)
    far = exp(large) / _sqrt(large * (2 * math.pi)) * _polynomial(1.0 / large, _I0_FAR)
    return as_dtype(choose(less(a, _I0_BETWEEN), near, far), x.dtype)


gcd_p = Elementwise("gcd", None, None, "the greatest common divisor")


def _integers(op, x1, x2):
    x1, x2 = binary(op, x1, x2)
    if x1.dtype not in dtypes.INTS:
        raise DTypeError(f"[{op}] x1 and x2 must be integers, got {x1.dtype}; ops.cast them first")
    return x1, x2


@public_op
def gcd(x1, x2):
    """The greatest common divisors of integers, which broadcast; 0 of 0 and 0. Raises `DTypeError` for others.

    >>> ops.gcd([12, 0], 8).numpy()
    array([4, 8], dtype=int32)
    """
    return gcd_p.bind(*_integers("gcd", x1, x2))


@public_op
def lcm(x1, x2):
    """The least common multiples of integers, which broadcast; 0 where one is 0. Raises `DTypeError` for others."""
    x1, x2 = _integers("lcm", x1, x2)
    multiple = floor_divide(x1, gcd_p.bind(x1, x2)) * x2
    return multiple if x1.dtype.startswith("u") else absolute(multiple)


@public_op
def nextafter(x1, x2):
    """The number beside `x1`, in its dtype, on the way to `x2`; `x2` where they are equal. It has no derivative.

    Between 0 and the least normal number lie denormal ones, which other operations count as 0.
    """
    x1, x2 = binary("nextafter", float_operand(x1), float_operand(x2))
    kind = f"int{8 * dtypes.SIZES[x1.dtype]}"
    zero, one, least = (scalar(v, kind) for v in (0, 1, -(2 ** (8 * dtypes.SIZES[x1.dtype] - 1))))

    def ordered(bits):  # as floats are, both zeros at 0; its own inverse
        return choose(less(bits, zero), least - bits, bits)

    a, b = bits_as(x1, kind), bits_as(x2, kind)
    here, there = ordered(a), ordered(b)
    moved = choose(less(here, there), here + one, here - one)
    moved = choose(less(a, zero) & equal(moved, zero), least, ordered(moved))  # from below: -0
    moved = choose(equal(here, there), b, moved)
    nan = logical_or(isnan(x1), isnan(x2))
    return choose(nan, scalar(math.nan, x1.dtype), bits_as(moved, x1.dtype))
