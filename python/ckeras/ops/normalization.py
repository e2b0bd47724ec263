"""Normalising by moments: batch, layer and root-mean-square normalisation."""

import math

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import epsilon as default_epsilon
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, float_operand, operand, widened
from ckeras.ops.elementwise import rsqrt
from ckeras.ops.norm_kernels import layer_norm_p
from ckeras.ops.shape import permute, to_shape
from ckeras.ops.statistics import moments

__all__ = ["batch_normalization", "layer_normalization", "rms_normalization"]


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
