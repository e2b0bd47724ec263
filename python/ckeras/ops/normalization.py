"""Norms, and normalising by them."""

import math

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import epsilon as default_epsilon
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, float_operand, operand, widened
from ckeras.ops.decompositions import svd
from ckeras.ops.elementwise import absolute, cast_p, maximum, not_equal, power, rsqrt, sqrt, square
from ckeras.ops.norm_kernels import layer_norm_p
from ckeras.ops.reduce import max, min, sum
from ckeras.ops.shape import moveaxis, permute, to_shape
from ckeras.ops.statistics import moments

__all__ = ["batch_normalization", "layer_normalization", "norm", "normalize", "rms_normalization"]


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


def _along(op, name, t, x, axes):
    """A parameter of the normalised dims, shaped to broadcast with `x`, in the dtype that `x` is computed in."""
    t = as_dtype(operand(t), dtypes.computing(x.dtype))
    wanted = tuple([x.shape[a] for a in axes])
    if t.size != math.prod(wanted):
        raise ShapeError(f"[{op}] {name} must have shape {wanted}, that of axis {axes} of the input, got {t.shape}")
    return to_shape(t, tuple([d if i in axes else 1 for i, d in enumerate(x.shape)]))


def _by_rows(op, x, axes, rms, gamma, beta, epsilon):
    """The kernel on rows of the normalised dimensions, which are moved to the end where they are not there."""
    rank = x.ndim
    width = math.prod([x.shape[a] for a in axes])
    weights = [to_shape(_along(op, name, t, x, axes), (width,)) for name, t in (gamma, beta) if t is not None]
    if x.size == 0:
        return x
    perm = tuple([i for i in range(rank) if i not in axes]) + axes
    moved = x if perm == tuple(range(rank)) else permute(x, perm)
    rows = to_shape(moved, (x.size // width, width))
    flags = {"gamma": gamma[1] is not None, "beta": beta[1] is not None}
    out = to_shape(layer_norm_p.bind(rows, *weights, rms=rms, **flags, epsilon=epsilon)[0], moved.shape)
    return out if moved is x else permute(out, tuple([perm.index(i) for i in range(rank)]))


@fused_op
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, all four of them vectors along `axis`.

    Ioffe and Szegedy, 2015. Raises `ShapeError` when a vector does not fit the axis.
    """
    x = float_operand(x)
    axes = (axis_index("batch_normalization", axis, x.ndim),)
    wide = widened(x)
    middle, spread = (
        _along("batch_normalization", name, t, wide, axes) for name, t in (("mean", mean), ("variance", variance))
    )
    factor = rsqrt(spread + epsilon)
    if scale is not None:
        factor = factor * _along("batch_normalization", "scale", scale, wide, axes)
    shift = -middle * factor
    if offset is not None:
        shift = shift + _along("batch_normalization", "offset", offset, wide, axes)
    return as_dtype(wide * factor + shift, x.dtype)


@public_op
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, moments over `axis` of each example, epsilon 1e-7.

    `gamma` and `beta` have the shape of the normalised dimensions. Ba et al., 2016. With `rms_scaling=True` (an older
    name) only the variance is divided out.
    """
    rms = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise ArgumentError(f"[layer_normalization] unexpected arguments {sorted(kwargs)}")
    x = float_operand(x)
    epsilon = default_epsilon() if epsilon is None else epsilon
    axes = axes_tuple("layer_normalization", axis, x.ndim)
    if not rms:
        return _by_rows("layer_normalization", x, axes, False, ("gamma", gamma), ("beta", beta), epsilon)
    wide = widened(x)
    factor = rsqrt(moments(wide, axes, True)[1] + epsilon)
    if gamma is not None:
        factor = factor * _along("layer_normalization", "gamma", gamma, wide, axes)
    return as_dtype(wide * factor, x.dtype)


@public_op
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """`x / sqrt(mean(x ** 2) + epsilon) * scale`, the mean over `axis`, epsilon 1e-7 (Zhang and Sennrich, 2019)."""
    x = float_operand(x)
    axes = axes_tuple("rms_normalization", axis, x.ndim)
    epsilon = default_epsilon() if epsilon is None else epsilon
    return _by_rows("rms_normalization", x, axes, True, ("scale", scale), ("offset", None), epsilon)
