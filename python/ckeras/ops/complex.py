"""Complex numbers as pairs of real tensors: views, polar form, parts."""

import math
from typing import NamedTuple

import numpy as np

from ckeras._core.dtypes import FLOATS
from ckeras._core.errors import DTypeError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import TensorBase, convert, scalar
from ckeras.ops import elementwise
from ckeras.ops._common import binary, float_operand, operand
from ckeras.ops.angles import arctan2
from ckeras.ops.create import constant
from ckeras.ops.elementwise import choose, cos, isnan, less, multiply, sin
from ckeras.ops.math import hypot
from ckeras.ops.shape import gather_p, stack

__all__ = ["absolute", "angle", "conj", "conjugate", "imag", "polar", "real", "view_as_complex", "view_as_real"]


class Complex(NamedTuple):
    """A complex tensor: the pair of its real and imaginary parts, equal in shape and dtype.

    Sums, differences, products and quotients with tensors, numbers and each other are those of complex numbers;
    `ops.real`, `imag`, `conj`, `angle`, `absolute` and `view_as_real` take it, `numpy()` gives a complex array. As a
    tuple of two it goes wherever a pair goes: `ops.fft`, traced functions, derivatives of its parts.
    """

    re: TensorBase
    im: TensorBase

    @property
    def shape(self):
        return self.re.shape

    @property
    def ndim(self):
        return self.re.ndim

    @property
    def dtype(self):
        return "complex128" if self.re.dtype == "float64" else "complex64"

    def numpy(self):
        return (self.re.numpy() + 1j * self.im.numpy()).astype(self.dtype)

    def __array__(self, dtype=None, copy=None):
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __neg__(self):
        return Complex(-self.re, -self.im)

    def __add__(self, other):
        re, im = _parts(other)
        return Complex(self.re + re, self.im + im)

    __radd__ = __add__

    def __sub__(self, other):
        re, im = _parts(other)
        return Complex(self.re - re, self.im - im)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        re, im = _parts(other)
        return Complex(self.re * re - self.im * im, self.re * im + self.im * re)

    __rmul__ = __mul__

    def __truediv__(self, other):
        re, im = _parts(other)
        size = re * re + im * im
        return Complex((self.re * re + self.im * im) / size, (self.im * re - self.re * im) / size)

    def __rtruediv__(self, other):
        re, im = _parts(other)
        return Complex(operand(re), operand(im)) / self

    def __abs__(self):
        return hypot(self.re, self.im)


def _parts(x):
    if isinstance(x, Complex):
        return x
    if isinstance(x, complex):
        return x.real, x.imag
    return x, 0.0


def as_complex(x):
    """`x`, a complex NumPy value as the pair of its parts."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "c":
        return Complex(convert(np.real(x)), convert(np.imag(x)))
    return x


@public_op
def absolute(x):
    """`|x|`; of complex numbers their length. Bools stay."""
    x = as_complex(x)
    return abs(x) if isinstance(x, Complex) else elementwise.absolute(x)


@public_op
def real(x):
    """The real part: of real numbers, `x` itself."""
    x = as_complex(x)
    return x.re if isinstance(x, Complex) else operand(x)


@public_op
def imag(x):
    """The imaginary part: of real numbers, zeros."""
    x = as_complex(x)
    if isinstance(x, Complex):
        return x.im
    x = operand(x)
    return constant(x.shape, 0, x.dtype)


@public_op
def conj(x):
    """The complex conjugate: of real numbers, `x` itself."""
    x = as_complex(x)
    return Complex(x.re, -x.im) if isinstance(x, Complex) else operand(x)


conjugate = conj


@public_op
def angle(x):
    """The angle in the complex plane, in (-pi, pi]: of real numbers pi where negative, 0 elsewhere, NaN at NaN."""
    x = as_complex(x)
    if isinstance(x, Complex):
        return arctan2(x.im, x.re)
    x = float_operand(x)
    turn = choose(less(x, 0), scalar(math.pi, x.dtype), scalar(0, x.dtype))
    return choose(isnan(x), x, turn)


@public_op
def polar(abs_, angle):
    """The complex numbers of these lengths and angles, which broadcast.

    >>> ops.real(ops.polar([2.0], [0.0])).numpy()
    array([2.], dtype=float32)
    """
    size, turn = binary("polar", float_operand(abs_), float_operand(angle))
    return Complex(multiply(size, cos(turn)), multiply(size, sin(turn)))


@public_op
def view_as_complex(x):
    """Float numbers `[..., 2]` as complex ones `[...]`: real and imaginary parts.

    Raises `ShapeError` for another last dimension, `DTypeError` for integers.
    """
    x = operand(x)
    if x.dtype not in FLOATS:
        raise DTypeError(f"[view_as_complex] x must be of a float dtype, got {x.dtype}")
    if not x.shape or x.shape[-1] != 2:
        raise ShapeError(f"[view_as_complex] the last dimension must be 2, real and imaginary; got shape {x.shape}")
    return Complex(*[gather_p.bind(x, scalar(i, "int32"), axis=x.ndim - 1) for i in (0, 1)])


@public_op
def view_as_real(x):
    """Complex numbers `[...]` as real ones `[..., 2]`: real and imaginary parts. Raises `DTypeError` for real ones."""
    x = as_complex(x)
    if not isinstance(x, Complex):
        raise DTypeError("[view_as_real] expected complex numbers, as ops.view_as_complex or ops.polar give them")
    return stack([x.re, x.im], axis=-1)
