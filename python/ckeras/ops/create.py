"""Making tensors, and leaving them: constants, ranges, conversions."""

import math

import numpy as np

from ckeras._core import dtypes, hooks
from ckeras._core.eager import fused
from ckeras._core.errors import ArgumentError
from ckeras._core.short import short
from ckeras._core.symbolic import KerasTensor, get_public_op, public_op
from ckeras._core.tape import identity_p
from ckeras._core.tape import stop_gradient as _stop_gradient
from ckeras._core.tensor import Tensor, TensorBase, convert, from_numpy, scalar
from ckeras.ops._common import as_dtype, float_operand, operand, shape_tuple
from ckeras.ops.shape import cut, permute, to_shape, widen

__all__ = [
    "arange",
    "array",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "dtype",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "is_tensor",
    "linspace",
    "ndim",
    "ones",
    "ones_like",
    "shape",
    "size",
    "stop_gradient",
    "zeros",
    "zeros_like",
]


def constant(shape, value, dtype):
    """A tensor of one Python number."""
    number = scalar(value, dtype)
    if shape == ():
        return number
    t = widen(number, shape)
    if t.__class__ is Tensor:
        t._repeats = number
    return t


hooks.full = constant


def _one_hot_rows(i, n, dtype, rows=1):
    a = np.zeros((rows, n), dtypes.numpy_dtype(dtype))
    a[:, i] = 1
    return from_numpy(a, copy=False)


hooks.one_hot_rows = _one_hot_rows


@short
def zeros(shape, dtype=None):
    """Zeros of a shape and dtype (the default float by default)."""
    return constant(shape_tuple("zeros", shape), 0, dtypes.standardize(dtype))


@short
def ones(shape, dtype=None):
    """Ones of a shape and dtype (the default float by default)."""
    return constant(shape_tuple("ones", shape), 1, dtypes.standardize(dtype))


@public_op
def full(shape, fill_value, dtype=None):
    """`fill_value`, which may be a tensor that broadcasts, in every element; the default float by default."""
    shape, dtype = shape_tuple("full", shape), dtypes.standardize(dtype)
    if isinstance(fill_value, (bool, int, float)):
        return constant(shape, fill_value, dtype)
    return widen(convert(fill_value, dtype), shape)


def _like(x, dtype):
    x = operand(x)
    return x.shape, x.dtype if dtype is None else dtypes.standardize(dtype)


@public_op
def zeros_like(x, dtype=None):
    """Zeros in the shape, and the dtype unless given, of `x`."""
    shape, dtype = _like(x, dtype)
    return constant(shape, 0, dtype)


@public_op
def ones_like(x, dtype=None):
    """Ones in the shape, and the dtype unless given, of `x`."""
    shape, dtype = _like(x, dtype)
    return constant(shape, 1, dtype)


@public_op
def full_like(x, fill_value, dtype=None):
    """`fill_value` in the shape, and the dtype unless given, of `x`."""
    shape, dtype = _like(x, dtype)
    return widen(convert(fill_value, dtype), shape)


@short
def empty(shape, dtype=None):
    """A tensor whose values do not matter: zeros."""
    return zeros(shape, dtype)


@public_op
def empty_like(x, dtype=None):
    """A tensor in the shape, and the dtype unless given, of `x` whose values do not matter: zeros."""
    return zeros_like(x, dtype)


@short
def eye(N, M=None, k=0, dtype=None):
    """An `N` by `M` matrix with ones on diagonal `k`."""
    return from_numpy(np.eye(N, M, k, dtypes.numpy_dtype(dtypes.standardize(dtype))), copy=False)


@short
def identity(n, dtype=None):
    """The identity matrix of size `n`."""
    return eye(n, dtype=dtype)


def _number(op, name, x):
    if isinstance(x, TensorBase):
        x = x.item()
    if not isinstance(x, (int, float, np.number)):
        raise ArgumentError(f"[{op}] {name} must be a number, got {x!r}")
    return x


@short
def arange(start, stop=None, step=None, dtype=None):
    """Numbers from `start` (0 when there is no `stop`) up to but without `stop`, `step` apart.

    Of integers int32, of floats the default float, unless `dtype` says otherwise.

    >>> ops.arange(2, 8, 3).numpy()
    array([2, 5], dtype=int32)
    """
    start = _number("arange", "start", start)
    if stop is None:
        start, stop = 0, start
    stop, step = _number("arange", "stop", stop), _number("arange", "step", 1 if step is None else step)
    if step == 0:
        raise ArgumentError("[arange] step must not be 0")
    floats = any(isinstance(v, (float, np.floating)) for v in (start, stop, step))
    dtype = dtypes.standardize(dtype or (dtypes.floatx() if floats else "int32"))
    n = (stop - start) / step
    if _LONG <= n < 2**31 and all(isinstance(v, (int, float)) for v in (start, stop, step)):
        first, apart = float(start), float(start + step) - float(start)
        last = first + n * apart
        exact = all(v.is_integer() for v in (first, apart)) and max(abs(first), abs(last)) < _EXACT.get(dtype, 0)
        if exact or dtype in ("float32", "float64"):
            return _ramp(math.ceil(n), first, apart, dtype, exact)
    values = np.arange(start, stop, step)
    return from_numpy(values.astype(dtypes.numpy_dtype(dtype)), copy=False)


_LONG = 4096  # elements: NumPy makes fewer sooner
_EXACT = {"int32": 2**30, "int64": 2**52, "float32": 2**24, "float64": 2**52}  # integers below, and their sums


@fused
def _spaced(i, first, step, dtype):
    """`first + i * step` of float64, rounded."""
    return as_dtype(first + i * step, dtype)


def _ramp(n, first, step, dtype, exact=False):
    """`first + i * step` for i = 0 ... n - 1, in float64 and rounded, or, where that is `exact`, in the dtype itself.

    A grid is the sum of the numbers of its rows and columns; where none has n elements, the rest is cut off."""
    width = next((w for w in range(_LONG // 4, _LONG // 8, -1) if n % w == 0), _LONG // 4)
    columns = np.arange(width, dtype="float64")
    rows = np.arange(-(-n // width), dtype="float64")[:, None] * width
    if exact:
        columns, rows = [v.astype(dtypes.numpy_dtype(dtype)) for v in (columns * step, first + rows * step)]
    grid = from_numpy(rows, copy=False) + from_numpy(columns, copy=False)
    if not exact:
        grid = _spaced(grid, scalar(first, "float64"), scalar(step, "float64"), dtype)
    return cut(to_shape(grid, (grid.size,)), 0, 0, n)


@public_op
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` evenly spaced numbers from `start` to `stop`, along a new dimension `axis`; with `retstep` also the step.

    >>> ops.linspace(0.0, 1.0, 3).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    num = int(num)
    if num < 0:
        raise ArgumentError(f"[linspace] num must not be negative, got {num}")
    start, stop = float_operand(start), float_operand(stop)
    span = stop - start
    parts = num - 1 if endpoint else num
    places = _ramp(num, 0.0, 1.0, "float64", True) if num >= _LONG else from_numpy(np.arange(num, dtype="float64"))
    i = to_shape(places, (num,) + (1,) * span.ndim)
    step = as_dtype(span, "float64") / float(parts or 1)
    dtype = span.dtype if dtype is None else dtypes.standardize(dtype)
    out = _spaced(i, as_dtype(start, "float64"), step, dtype)
    if axis % out.ndim:
        from_axes = list(range(1, out.ndim))
        from_axes.insert(axis % out.ndim, 0)
        out = permute(out, tuple(from_axes))
    return (out, span / float(parts) if parts else constant(span.shape, float("nan"), span.dtype)) if retstep else out


def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """A tensor of numbers: a tensor, variable, NumPy array, scalar, or nested lists of equal length.

    Memory of a NumPy array is shared only when nobody can write it. Raises `ValueError` for what is no array of
    numbers, and for `sparse` or `ragged`, which are not supported.

    >>> ops.convert_to_tensor([[1, 2]]).shape
    (1, 2)
    """
    if sparse or ragged:
        raise ArgumentError("[convert_to_tensor] sparse and ragged tensors are not supported")
    if isinstance(x, KerasTensor):
        return x if dtype is None or dtypes.standardize(dtype) == x.dtype else get_public_op("cast")(x, dtype)
    return convert(x, None if dtype is None else dtypes.standardize(dtype))


def array(x, dtype=None):
    """A tensor of `x`; see `convert_to_tensor`."""
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x):
    """`x` as a NumPy array; of a tensor, a read-only view of its memory."""
    return np.asarray(x)


def is_tensor(x):
    """Whether `x` is a tensor, concrete, traced or symbolic; a variable is not."""
    return isinstance(x, TensorBase) and not hasattr(x, "assign")


def shape(x):
    """The shape of `x` as a tuple; a symbolic tensor's may hold `None`."""
    return x.shape if isinstance(x, TensorBase) else convert(x).shape


def ndim(x):
    """The number of dimensions of `x`."""
    return len(shape(x))


def size(x):
    """The number of elements of `x`."""
    return x.size if isinstance(x, TensorBase) else convert(x).size


def dtype(x):
    """The dtype name of `x`."""
    return x.dtype if isinstance(x, TensorBase) else convert(x).dtype


@public_op
def stop_gradient(variable):
    """The value as a constant of differentiation: no gradient flows through."""
    return _stop_gradient(variable)


@public_op
def copy(x):
    """A tensor of the same values; tensors never change, so it shares the memory."""
    return identity_p.bind(operand(x))
