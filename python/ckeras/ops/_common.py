"""What the public functions share: conversion, promotion, axes. Checks are made here; primitives trust."""

import numpy as np

from ckeras._core import dtypes
from ckeras._core import replay as _replay  # noqa: F401  learns the short ways of public functions
from ckeras._core.dtypes import result_type
from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.primitive import Cast, broadcast_shapes
from ckeras._core.tensor import Tensor, TensorBase, convert

cast_p = Cast("cast", vjp=lambda ctx, g: (cast_p.bind(g, dtype=ctx.inputs[0].dtype),))

_SCALARS = {bool: "bool", int: int, float: float, np.float64: float, np.int64: int}


def operand(x):
    """`x` as a tensor (or traced value)."""
    return x if x.__class__ is Tensor else convert(x)


def float_operand(x):
    """`x` as a float tensor: integers and bools become the default float."""
    x = x if x.__class__ is Tensor else convert(x)
    return x if x.dtype in dtypes.FLOATS else cast_p.bind(x, dtype=dtypes.floatx())


def as_dtype(x, dtype):
    """A tensor cast to a dtype name where it is another."""
    return x if x.dtype == dtype else cast_p.bind(x, dtype=dtype)


def widened(x):
    """A tensor of halves in float32; any other as it is."""
    return as_dtype(x, dtypes.computing(x.dtype))


_NUMBERS = (int, float)


def _typed(x):
    """A tensor and its dtype; Python scalars (and NumPy's 64-bit ones) stay as they are, with a weak dtype."""
    if x.__class__ is Tensor:
        return x, x.dtype
    weak = _SCALARS.get(x.__class__)
    if weak is not None:
        return x, weak
    x = convert(x)
    return x, x.dtype


def promote(*xs):
    """The operands as tensors of their common dtype."""
    typed = [_typed(x) for x in xs]
    dtype = result_type(*[d for _, d in typed])
    return [convert(x, dtype) for x, _ in typed]


def pair(x1, x2):
    """Two operands as tensors of their common dtype; the usual cases at once.

    These are tensors and variables of one dtype, and floats beside a number of Python, which takes their dtype.
    """
    if x1.__class__ is not Tensor and isinstance(x1, TensorBase):
        x1 = x1._as_operand()
    if x2.__class__ is not Tensor and isinstance(x2, TensorBase):
        x2 = x2._as_operand()
    if x1.__class__ is Tensor and x2.__class__ is Tensor and x1.dtype == x2.dtype:
        return x1, x2
    if x1.__class__ is Tensor and x2.__class__ in _NUMBERS and x1.dtype in dtypes.FLOATS:
        return x1, convert(x2, x1.dtype)
    if x2.__class__ is Tensor and x1.__class__ in _NUMBERS and x2.dtype in dtypes.FLOATS:
        return convert(x1, x2.dtype), x2
    if isinstance(x1, TensorBase) and isinstance(x2, TensorBase) and x1.dtype == x2.dtype:  # in a trace
        return x1, x2
    return promote(x1, x2)


def binary(op, x1, x2):
    """Two operands of a binary elementwise function: common dtype, shapes that broadcast."""
    x1, x2 = pair(x1, x2)
    if x1.shape != x2.shape:
        check_broadcast(op, x1.shape, x2.shape)
    return x1, x2


def check_broadcast(op, *shapes):
    out = shapes[0]
    try:
        for s in shapes[1:]:
            out = broadcast_shapes(out, s)
    except ShapeError as e:
        raise ShapeError(f"[{op}] {e}. Operand shapes: {', '.join(map(str, shapes))}") from None
    return out


def axis_index(op, axis, rank, name="axis"):
    """One axis as a number in [0, rank)."""
    try:
        i = axis.__index__()
    except (AttributeError, TypeError):
        raise ArgumentError(f"[{op}] {name} must be an integer, got {axis!r}") from None
    if not -rank <= i < rank:
        raise ShapeError(
            f"[{op}] {name}={i} is out of range for a tensor of rank {rank}: expected {-rank} to {rank - 1}"
        )
    return i + rank if i < 0 else i


def axes_tuple(op, axis, rank):
    """`axis` (None: all, an integer, or a tuple) as a sorted tuple of axes, each once."""
    if axis is None:
        return tuple(range(rank))
    axes = [axis_index(op, a, rank) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"[{op}] axis={axis} names an axis twice")
    return tuple(sorted(axes))


def shape_tuple(op, shape):
    """A shape argument as a tuple of integers that are not negative."""
    if isinstance(shape, TensorBase):
        shape = shape.numpy().tolist()
    if not isinstance(shape, (tuple, list, np.ndarray)):
        shape = (shape,)
    try:
        dims = tuple([d.__index__() for d in shape])
    except (AttributeError, TypeError):
        raise ArgumentError(f"[{op}] a shape is a tuple of integers, got {shape!r}") from None
    if any(d < 0 for d in dims):
        raise ShapeError(f"[{op}] dimensions must not be negative, got {dims}")
    return dims


def check_float(op, x, name="x"):
    if x.dtype not in dtypes.FLOATS:
        raise DTypeError(f"[{op}] {name} must be of a float dtype, got {x.dtype}; ops.cast it first")
