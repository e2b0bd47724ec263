"""Average and adaptive pooling, transposed and separable convolution: through the kernels of convolution."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ShapeError
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops._common import check_float, operand, promote
from ckeras.ops.conv import (
    _as_given,
    _channels_last,
    _pads,
    _per_dim,
    _two,
    conv,
    conv2d_grad_input_p,
    conv2d_p,
    depthwise_conv,
    transposed_sizes,
)
from ckeras.ops.create import constant
from ckeras.ops.linalg import tensordot
from ckeras.ops.reduce import max_p
from ckeras.ops.shape import gather_p, moveaxis, to_shape

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "conv_transpose", "separable_conv"]


@public_op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window of `pool_size`, `strides` apart (`pool_size` by default); padding does not count.

    `inputs` [N, ..., C] with one or two spatial dimensions, or [N, C, ...] with `data_format="channels_first"`.

    >>> ops.average_pool(ops.ones((1, 8, 8, 3)), 2).shape
    (1, 4, 4, 3)
    """
    x = operand(inputs)
    check_float("average_pool", x, "inputs")
    x, n, first = _channels_last("average_pool", x, data_format)
    size = _per_dim("average_pool", "pool_size", pool_size, n)
    strides = size if strides is None else _per_dim("average_pool", "strides", strides, n)
    sizes = x.shape[3 - n : 3]
    pads = _pads("average_pool", padding, sizes, size, strides)
    channels = x.shape[-1]
    # The sums of windows are a convolution of each channel with ones.
    y = conv2d_p.bind(
        x,
        constant((*_two(size, n, 1), 1, channels), 1, x.dtype),
        strides=_two(strides, n, 1),
        dilation=(1, 1),
        pads=pads if n == 2 else (0, 0, *pads),
        groups=channels,
    )
    counts = [
        _window_counts(d, k, s, pads[2 * i], m)
        for i, (d, k, s, m) in enumerate(zip(sizes, size, strides, y.shape[3 - n : 3]))
    ]
    count = math.prod(c.reshape((-1,) + (1,) * (n - i)) for i, c in enumerate(counts))
    y = y / from_numpy(count.astype(dtypes.numpy_dtype(y.dtype)))
    return _as_given(y, n, first)


def _window_counts(size, window, stride, low, windows):
    """How many elements of a dimension, and not of its padding, each window holds."""
    starts = np.arange(windows) * stride - low
    return np.minimum(starts + window, size) - np.maximum(starts, 0)


# ---- adaptive: as many windows as asked for


def _adaptive(op, inputs, output_size, data_format, pool):
    x = operand(inputs)
    check_float(op, x, "inputs")
    rank = x.ndim - 2
    if rank < 1:
        raise ShapeError(f"[{op}] inputs must have a batch, spatial and a channel dimension, got shape {x.shape}")
    sizes = _per_dim(op, "output_size", output_size, rank)
    start = 2 if standardize_data_format(data_format) == "channels_first" else 1
    for axis, windows in enumerate(sizes, start):
        n = x.shape[axis]
        if not n:
            raise ShapeError(f"[{op}] dimension {axis} of shape {x.shape} has no elements")
        i = np.arange(windows)
        x = pool(x, axis, i * n // windows, -(-(i + 1) * n // windows))
    return x


def _means(x, axis, starts, ends):
    places = np.arange(x.shape[axis])
    inside = (places >= starts[:, None]) & (places < ends[:, None])
    weights = inside / inside.sum(1, keepdims=True)
    out = tensordot(x, from_numpy(weights.astype(dtypes.numpy_dtype(x.dtype))), axes=([axis], [1]))
    return moveaxis(out, -1, axis)


def _maxima(x, axis, starts, ends):
    places = np.minimum(starts[:, None] + np.arange((ends - starts).max()), ends[:, None] - 1)
    return max_p.bind(gather_p.bind(x, from_numpy(places.astype("int32")), axis=axis), axes=(axis + 1,))


@public_op
def adaptive_average_pool(inputs, output_size, data_format=None):
    """Means over `output_size` windows a spatial dimension, of nearly equal size and overlapping where they must.

    Window i of m covers [floor(i n / m), ceil((i + 1) n / m)). `inputs` [N, ..., C], or channels first.
    """
    return _adaptive("adaptive_average_pool", inputs, output_size, data_format, _means)


@public_op
def adaptive_max_pool(inputs, output_size, data_format=None):
    """Maxima over `output_size` windows a spatial dimension, cut as in `ops.adaptive_average_pool`."""
    return _adaptive("adaptive_max_pool", inputs, output_size, data_format, _maxima)


# ---- convolutions


@public_op
def conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1):
    """The transpose of convolution: what maps the result's gradient of `ops.conv` to its input's.

    `inputs` [N, ..., C] (or channels first), `kernel` [..., O, C]; gives [N, ..., O] with `strides` times as many
    places (and the window's overhang where `padding="valid"`). `output_padding` sets the size where several fit: it
    becomes `(n - 1) * stride + window - 2 * pad + output_padding`.

    >>> ops.conv_transpose(ops.ones((1, 4, 4, 2)), ops.ones((3, 3, 5, 2)), strides=2, padding="same").shape
    (1, 8, 8, 5)
    """
    x, w = promote(inputs, kernel)
    check_float("conv_transpose", x, "inputs")
    x, n, first = _channels_last("conv_transpose", x, data_format)
    if w.ndim != n + 2 or w.shape[-1] != x.shape[-1]:
        raise ShapeError(
            f"[conv_transpose] kernel must be [{n} window dimensions, outputs, {x.shape[-1]} channels], got {w.shape}"
        )
    strides = _per_dim("conv_transpose", "strides", strides, n)
    dilation = _per_dim("conv_transpose", "dilation_rate", dilation_rate, n)
    out, pads = transposed_sizes(
        "conv_transpose", x.shape[3 - n : 3], w.shape[:n], strides, padding, output_padding, dilation
    )
    y = conv2d_grad_input_p.bind(
        x,
        to_shape(w, (1, *w.shape)) if n == 1 else w,
        shape=(x.shape[0], *_two(out, n, 1), w.shape[-2]),
        strides=_two(strides, n, 1),
        dilation=_two(dilation, n, 1),
        pads=pads if n == 2 else (0, 0, *pads),
        groups=1,
    )
    return _as_given(y, n, first)


@public_op
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """`ops.depthwise_conv` followed by a convolution with windows of one place."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)
