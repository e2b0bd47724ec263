"""Norms of vectors and matrices, and dividing by them."""

import math

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import epsilon as default_epsilon
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import axis_index, float_operand
from ckeras.ops.decompositions import svd
from ckeras.ops.elementwise import absolute, cast_p, maximum, not_equal, power, rsqrt, sqrt, square
from ckeras.ops.reduce import max, min, sum
from ckeras.ops.shape import moveaxis, to_shape

__all__ = ["norm", "normalize"]


@public_op
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors (`axis` an integer, or `None` for all elements) or matrices (`axis` two integers).

    Vectors: `ord` a number, `inf`, `-inf`, or `None` for 2. Matrices: `None` or `"fro"`, 1, -1, `inf`, `-inf`, and of
    the singular values 2 (the largest), -2 (the smallest) and `"nuc"` (their sum). Raises `ArgumentError` for others.

    >>> float(ops.norm([3.0, 4.0]))
    5.0
    """
    x = float_operand(x)
    if axis is None and (ord is None or (x.ndim == 2 and ord == "fro") or (x.ndim == 1 and ord == 2)):
        out = sqrt(sum(square(x)))
        return to_shape(out, (1,) * x.ndim) if keepdims else out
    if axis is None:
        if x.ndim not in (1, 2):
            raise ShapeError(f"[norm] ord={ord!r} without axis needs a vector or a matrix, got shape {x.shape}")
        axis = tuple(range(x.ndim))
    axes = tuple([axis_index("norm", a, x.ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))])
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ArgumentError(f"[norm] axis must be an integer or two different ones, got {axis}")
    if ord in (None, "fro"):
        return sqrt(sum(square(x), axes, keepdims))
    if ord in (1, -1, math.inf, -math.inf):
        rows, columns = axes if ord in (1, -1) else axes[::-1]
        pick = max if ord > 0 else min
        out = pick(sum(absolute(x), rows, True), columns, True)
        return out if keepdims else to_shape(out, tuple([d for i, d in enumerate(x.shape) if i not in axes]))
    if ord in (2, -2, "nuc"):
        values = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        out = {2: max, -2: min, "nuc": sum}[ord](values, -1)
        return to_shape(out, tuple([1 if i in axes else d for i, d in enumerate(x.shape)])) if keepdims else out
    raise ArgumentError(f"[norm] ord of a matrix must be None, 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")


def _vector_norm(x, ord, axis, keepdims):
    if ord in (None, 2):
        return sqrt(sum(square(x), axis, keepdims))
    if isinstance(ord, str):
        raise ArgumentError(f"[norm] ord of vectors must be a number, got {ord!r}")
    if ord == math.inf:
        return max(absolute(x), axis, keepdims)
    if ord == -math.inf:
        return min(absolute(x), axis, keepdims)
    if ord == 0:
        return sum(cast_p.bind(not_equal(x, scalar(0, x.dtype)), dtype=x.dtype), axis, keepdims)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    return power(sum(power(absolute(x), ord), axis, keepdims), 1.0 / ord)


@public_op
def normalize(x, axis=-1, order=2, epsilon=None):
    """`x` divided by its norm of `order` (a positive number) over `axis`, which is at least `epsilon` (1e-7).

    >>> ops.normalize([[3.0, 4.0]]).numpy()
    array([[0.6, 0.8]], dtype=float32)
    """
    if not isinstance(order, (int, float)) or not order >= 1:
        raise ArgumentError(f"[normalize] order must be a number of at least 1, got {order!r}")
    x = float_operand(x)
    least = default_epsilon() if epsilon is None else epsilon
    if x.ndim == 0:
        x = to_shape(x, (1,))
    if order == 2:
        # The root of the larger square: its derivative is finite at 0.
        return x * rsqrt(maximum(sum(square(x), axis, True), least * least))
    return x / maximum(_vector_norm(x, order, axis, True), least)
