"""Convolution and pooling over one or two spatial dimensions. Kernels take channels last; the other is transposed."""

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import public_op
from ckeras.ops._common import check_float, operand, promote
from ckeras.ops.linalg import ACTIVATIONS
from ckeras.ops.shape import permute, to_shape

__all__ = [
    "conv",
    "depthwise_conv",
    "max_pool",
]

# ---- records
# Geometry attributes: strides (h, w), dilation (h, w), pads (top, bottom, left, right), groups.


def _ints(x, w, bias=None, *, strides, dilation, pads, groups, activation=None, shape=None):
    return (*strides, *dilation, *pads, groups, ACTIVATIONS[activation]), ()


def _out_size(size, k, stride, dilation, low, high):
    return (size + low + high - (k - 1) * dilation - 1) // stride + 1


def _conv_spec(x, w, bias=None, *, strides, dilation, pads, groups, activation=None):
    h = _out_size(x.shape[1], w.shape[0], strides[0], dilation[0], pads[0], pads[1])
    v = _out_size(x.shape[2], w.shape[1], strides[1], dilation[1], pads[2], pads[3])
    return (x.shape[0], h, v, w.shape[3]), x.dtype


def _geometry(ctx):
    return {k: ctx.attrs[k] for k in ("strides", "dilation", "pads", "groups")}


def _conv_vjp(ctx, g):
    x, w = ctx.inputs
    geometry = _geometry(ctx)
    dx = conv2d_grad_input_p.bind(g, w, shape=x.shape, **geometry) if ctx.needs[0] else None
    dw = conv2d_grad_filter_p.bind(x, g, shape=w.shape, **geometry) if ctx.needs[1] else None
    return dx, dw


def _grad_input_vjp(ctx, g):
    dy, w = ctx.inputs
    geometry = _geometry(ctx)
    return (
        conv2d_p.bind(g, w, **geometry) if ctx.needs[0] else None,
        conv2d_grad_filter_p.bind(g, dy, shape=w.shape, **geometry) if ctx.needs[1] else None,
    )


def _grad_filter_vjp(ctx, g):
    x, dy = ctx.inputs
    geometry = _geometry(ctx)
    return (
        conv2d_grad_input_p.bind(dy, g, shape=x.shape, **geometry) if ctx.needs[0] else None,
        conv2d_p.bind(x, g, **geometry) if ctx.needs[1] else None,
    )


def _given_shape(a, b, *, shape, **geometry):
    return shape, a.dtype


conv2d_p = Primitive("conv2d", _conv_spec, _ints, _conv_vjp, "x [N,H,W,C], w [kh,kw,C/g,O] -> [N,H',W',O]")
conv2d_grad_input_p = Primitive("conv2d_grad_input", _given_shape, _ints, _grad_input_vjp, "dy, w -> dx")
conv2d_grad_filter_p = Primitive("conv2d_grad_filter", _given_shape, _ints, _grad_filter_vjp, "x, dy -> dw")


def _pool_ints(*args, size, strides, pads):
    return (*size, *strides, *pads), ()


def _pool_spec(x, *rest, size, strides, pads):
    h = _out_size(x.shape[1], size[0], strides[0], 1, pads[0], pads[1])
    v = _out_size(x.shape[2], size[1], strides[1], 1, pads[2], pads[3])
    return (x.shape[0], h, v, x.shape[3]), x.dtype


max_pool2d_p = Primitive(
    "max_pool2d",
    _pool_spec,
    _pool_ints,
    lambda ctx, g: (max_pool2d_grad_p.bind(ctx.inputs[0], g, **ctx.attrs),),
    "The maximum of each window of [N,H,W,C]; padding never wins.",
)
max_pool2d_grad_p = Primitive(
    "max_pool2d_grad",
    lambda x, dy, **geometry: (x.shape, x.dtype),
    _pool_ints,
    lambda ctx, g: (None, max_pool2d_pick_p.bind(ctx.inputs[0], g, **ctx.attrs)),
    "dy to the first maximum of each window of x.",
)
max_pool2d_pick_p = Primitive(
    "max_pool2d_pick",
    _pool_spec,
    _pool_ints,
    lambda ctx, g: (None, max_pool2d_grad_p.bind(ctx.inputs[0], g, **ctx.attrs)),
    "v where each window's first maximum of x is.",
)


# ---- public functions


def _per_dim(op, name, value, n):
    """An integer, or one a spatial dimension, as a tuple of positive integers."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) == 1:
        values = values * n
    if len(values) != n or not all(isinstance(v, int) and v > 0 for v in values):
        raise ArgumentError(f"[{op}] {name} must be a positive integer or {n} of them, got {value!r}")
    return values


def _pads(op, padding, sizes, windows, strides):
    """(low, high) a dimension for "valid" or "same"; same puts the odd one at the end. "causal": one dimension, low."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name == "valid":
        for size, k in zip(sizes, windows):
            if size < k:
                raise ShapeError(
                    f"[{op}] a window of {tuple(windows)} does not fit into an input of spatial shape {tuple(sizes)}; "
                    "use padding='same' or a smaller window"
                )
        return (0, 0) * len(sizes)
    if name == "causal" and op == "conv" and len(sizes) == 1:
        return (windows[0] - 1, 0)
    if name != "same":
        raise ArgumentError(f"[{op}] padding must be 'valid' or 'same', got {padding!r}")
    out = []
    for size, k, s in zip(sizes, windows, strides):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        out += [total // 2, total - total // 2]
    return tuple(out)


def _channels_last(op, x, data_format):
    """`x` with channels last and two spatial dims; also the number of spatial dims and whether channels came first."""
    n = x.ndim - 2
    if n not in (1, 2):
        raise ShapeError(
            f"[{op}] inputs must have a batch, one or two spatial, and a channel dimension, got shape {x.shape}; "
            "three spatial dimensions are not supported yet"
        )
    first = standardize_data_format(data_format) == "channels_first"
    if first:
        x = permute(x, (0, *range(2, x.ndim), 1))
    if n == 1:
        x = to_shape(x, (x.shape[0], 1, *x.shape[1:]))
    return x, n, first


def _as_given(y, n, first):
    if n == 1:
        y = to_shape(y, (y.shape[0], *y.shape[2:]))
    return permute(y, (0, y.ndim - 1, *range(1, y.ndim - 1))) if first else y


def _two(values, n, filler):
    return values if n == 2 else (filler, *values)


def transposed_sizes(op, sizes, window, strides, padding, output_padding, dilation):
    """Spatial sizes of a transposed convolution's result (None for None), and pads of the convolution it transposes.

    Raises `ArgumentError` for a padding or output_padding that does not fit.
    """
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in ("valid", "same"):
        raise ArgumentError(f"[{op}] padding must be 'valid' or 'same', got {padding!r}")
    n = len(sizes)
    extras = output_padding if isinstance(output_padding, (tuple, list)) else (output_padding,) * n
    if len(extras) != n or any(e is not None and not 0 <= e < s for e, s in zip(extras, strides)):
        raise ArgumentError(f"[{op}] output_padding must be below strides={strides}, got {output_padding}")
    out, pads = [], []
    for size, k, d, stride, extra in zip(sizes, window, dilation, strides, extras):
        reach = (k - 1) * d + 1
        if extra is None:
            overhang = max(reach - stride, 0)
            total = overhang if name == "same" else 0
            out.append(None if size is None else size * stride + overhang - total)
        else:
            pad = 0 if name == "valid" else reach // 2
            total = max(2 * pad - extra, 0)
            out.append(None if size is None else (size - 1) * stride + reach - 2 * pad + extra)
        pads += [total // 2, total - total // 2]
    return tuple(out), tuple(pads)


@public_op
def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution (cross-correlation) over one or two spatial dimensions.

    `inputs` [N, ..., C] (or [N, C, ...] with `data_format="channels_first"`), `kernel` [..., C / groups, O]; `padding`
    is `"valid"` or `"same"`, or in one dimension `"causal"`: no place sees a later one. Groups follow from the channel
    counts. Gives [N, ..., O]. Raises `ShapeError` when channels or window do not fit.

    >>> ops.conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 16)), padding="same").shape
    (1, 8, 8, 16)
    """
    x, w = promote(inputs, kernel)
    check_float("conv", x, "inputs")
    x, n, first = _channels_last("conv", x, data_format)
    if w.ndim != n + 2:
        raise ShapeError(f"[conv] kernel must have {n + 2} dimensions for inputs {inputs.shape}, got shape {w.shape}")
    channels, per_group, filters = x.shape[-1], w.shape[-2], w.shape[-1]
    if not per_group or channels % per_group or filters % (channels // per_group):
        raise ShapeError(
            f"[conv] {channels} input channels do not fit a kernel of shape {w.shape}: its second to last dimension "
            "must divide them, and the groups so made must divide its last"
        )
    strides, dilation = _per_dim("conv", "strides", strides, n), _per_dim("conv", "dilation_rate", dilation_rate, n)
    windows = [(k - 1) * d + 1 for k, d in zip(w.shape[:n], dilation)]
    pads = _pads("conv", padding, x.shape[3 - n : 3], windows, strides)
    y = conv2d_p.bind(
        x,
        to_shape(w, (1, *w.shape)) if n == 1 else w,
        strides=_two(strides, n, 1),
        dilation=_two(dilation, n, 1),
        pads=pads if n == 2 else (0, 0, *pads),
        groups=channels // per_group,
    )
    return _as_given(y, n, first)


@public_op
def depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Convolution of each channel by itself: `kernel` [..., C, M] gives C * M output channels; else as `conv`."""
    w = operand(kernel)
    if w.ndim < 3:
        raise ShapeError(f"[depthwise_conv] kernel must be [..., channels, multiplier], got shape {w.shape}")
    channels = operand(inputs).shape[-1 if standardize_data_format(data_format) == "channels_last" else 1]
    if w.shape[-2] != channels:
        raise ShapeError(
            f"[depthwise_conv] kernel of shape {w.shape} is for {w.shape[-2]} channels, inputs have {channels}"
        )
    w = to_shape(w, (*w.shape[:-2], 1, w.shape[-2] * w.shape[-1]))
    return conv(inputs, w, strides, padding, data_format, dilation_rate)


@public_op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The maximum of each window of `pool_size`, `strides` apart (`pool_size` by default).

    `inputs` [N, ..., C] with one or two spatial dimensions, or [N, C, ...] with `data_format="channels_first"`.
    Equal maxima: the gradient goes to the first in row-major order.

    >>> ops.max_pool(ops.ones((1, 8, 8, 3)), 2).shape
    (1, 4, 4, 3)
    """
    x = operand(inputs)
    check_float("max_pool", x, "inputs")
    x, n, first = _channels_last("max_pool", x, data_format)
    size = _per_dim("max_pool", "pool_size", pool_size, n)
    strides = size if strides is None else _per_dim("max_pool", "strides", strides, n)
    pads = _pads("max_pool", padding, x.shape[3 - n : 3], size, strides)
    y = max_pool2d_p.bind(x, size=_two(size, n, 1), strides=_two(strides, n, 1), pads=pads if n == 2 else (0, 0, *pads))
    return _as_given(y, n, first)
