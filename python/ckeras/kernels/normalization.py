"""Layer, RMS, group and batch normalisation."""

from ckeras import ops
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras.kernels._call import check_shape, operands, run_function
from ckeras.ops._common import axes_tuple, axis_index

__all__ = ["batch_norm", "group_norm", "layer_norm", "rms_norm"]


def _axes(op, x, axis, **parameters):
    """`axis` as a tuple of axes; `ShapeError` unless the parameters have their shape."""
    axes = axes_tuple(f"kernels.{op}", axis, x.ndim)
    for name, p in parameters.items():
        if p is not None:
            check_shape(op, name, p, tuple([x.shape[a] for a in axes]))
    return axes


def layer_norm(x, gamma=None, beta=None, axis=-1, epsilon=1e-3, out=None):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, moments over `axis` (Ba et al., 2016).

    `gamma` and `beta` have the shape of the normalised dimensions. float16, bfloat16, float32 or float64, all operands
    alike. The result is written to `out` where given. Raises `ValueError` or `TypeError` for arguments that do not fit.

    >>> kernels.layer_norm(np.array([[1.0, 3.0]]), epsilon=0.0)
    array([[-1.,  1.]])
    """
    x, gamma, beta = operands("layer_norm", x=x, gamma=gamma, beta=beta)
    axes = _axes("layer_norm", x, axis, gamma=gamma, beta=beta)
    return run_function("layer_norm", ops.layer_normalization, [x, gamma, beta], out, axis=axes, epsilon=float(epsilon))


def rms_norm(x, scale=None, axis=-1, epsilon=1e-6, out=None):
    """`x / sqrt(mean(x ** 2) + epsilon) * scale`, the mean over `axis` (Zhang and Sennrich, 2019); as `layer_norm`."""
    x, scale = operands("rms_norm", x=x, scale=scale)
    axes = _axes("rms_norm", x, axis, scale=scale)
    return run_function("rms_norm", ops.rms_normalization, [x, scale], out, axis=axes, epsilon=float(epsilon))


def batch_norm(x, mean, variance, scale=None, offset=None, axis=-1, epsilon=1e-3, out=None):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, all four of them vectors along `axis`; as `layer_norm`.

    Ioffe and Szegedy, 2015.
    """
    x, mean, variance, offset, scale = operands(
        "batch_norm", x=x, mean=mean, variance=variance, offset=offset, scale=scale
    )
    axis = axis_index("kernels.batch_norm", axis, x.ndim)
    for name, p in (("mean", mean), ("variance", variance), ("scale", scale), ("offset", offset)):
        if p is not None:
            check_shape("batch_norm", name, p, (x.shape[axis],))
    arrays = [x, mean, variance, offset, scale]
    return run_function("batch_norm", _batch, arrays, out, axis=axis, epsilon=float(epsilon))


def _batch(x, mean, variance, offset, scale, axis, epsilon):
    return ops.batch_normalization(x, mean, variance, axis, offset, scale, epsilon)


def group_norm(x, groups=32, gamma=None, beta=None, epsilon=1e-3, out=None):
    """`layer_norm` over the places and channels of each of `groups` groups of channels (Wu and He, 2018).

    `x` [batch, ..., channels]; `gamma` and `beta` [channels]. Otherwise as `layer_norm`.
    """
    x, gamma, beta = operands("group_norm", x=x, gamma=gamma, beta=beta)
    if x.ndim < 2:
        raise ShapeError(f"[kernels.group_norm] x must be [batch, ..., channels], got shape {x.shape}")
    channels = x.shape[-1]
    if not isinstance(groups, int) or groups < 1 or channels % groups:
        raise ArgumentError(f"[kernels.group_norm] groups must divide the {channels} channels, got {groups!r}")
    for name, p in (("gamma", gamma), ("beta", beta)):
        if p is not None:
            check_shape("group_norm", name, p, (channels,))
    return run_function("group_norm", _group, [x, gamma, beta], out, groups=groups, epsilon=float(epsilon))


def _group(x, gamma, beta, groups, epsilon):
    shape = (*x.shape[:-1], groups, x.shape[-1] // groups)
    axes = (*range(1, x.ndim - 1), x.ndim)
    y = ops.reshape(ops.layer_normalization(ops.reshape(x, shape), axis=axes, epsilon=epsilon), x.shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta
