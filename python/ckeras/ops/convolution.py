"""Convolution over one, two or three spatial dimensions: plain, transposed, depthwise, separable."""

import math

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.settings import X_FIRST, Y_FIRST, standardize_data_format
from ckeras._core.symbolic import public_op
from ckeras.ops._common import check_float, operand, promote
from ckeras.ops._spatial import as_given, channels_last, last, layout_of, out_size, padding_of, per_dim
from ckeras.ops.linalg import ACTIVATIONS
from ckeras.ops.shape import to_shape

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]

# ---- records
# Geometry attributes, of d spatial dimensions: d strides, d dilations, d times (low, high) pads, groups; and a layout,
# of X_FIRST and Y_FIRST. Bits of the ending beside its activation: scale and shift, a residual.
_SCALED, _ADDED = 8, 16


def _ints(x, w, *ends, strides, dilation, pads, groups, layout=0, shape=None, activation=None, **bits):
    return (*strides, *dilation, *pads, groups, _ending(activation, **bits), layout), ()


def _ending(activation, scaled=False, residual=False):
    return ACTIVATIONS[activation] + _SCALED * scaled + _ADDED * residual


def _conv_spec(x, w, *ends, strides, dilation, pads, groups, layout=0, activation=None, scaled=False, residual=False):
    spatial = zip(x.shape[2:] if layout & X_FIRST else x.shape[1:-1], w.shape, strides, dilation, pads[::2], pads[1::2])
    sizes, filters = [out_size(*dim) for dim in spatial], w.shape[-1]
    return ((x.shape[0], filters, *sizes) if layout & Y_FIRST else (x.shape[0], *sizes, filters)), x.dtype


def _geometry(ctx):
    return {k: ctx.attrs[k] for k in ("strides", "dilation", "pads", "groups", "layout") if k in ctx.attrs}


def _conv_vjp(ctx, g):
    x, w = ctx.inputs
    geometry = _geometry(ctx)
    dx = conv_grad_input_p.bind(g, w, shape=x.shape, **geometry) if ctx.needs[0] else None
    dw = conv_grad_filter_p.bind(x, g, shape=w.shape, **geometry) if ctx.needs[1] else None
    return dx, dw


def _grad_input_vjp(ctx, g):
    dy, w = ctx.inputs
    geometry = _geometry(ctx)
    return (
        conv_p.bind(g, w, **geometry) if ctx.needs[0] else None,
        conv_grad_filter_p.bind(g, dy, shape=w.shape, **geometry) if ctx.needs[1] else None,
    )


def _grad_filter_vjp(ctx, g):
    x, dy = ctx.inputs
    geometry = _geometry(ctx)
    return (
        conv_grad_input_p.bind(dy, g, shape=x.shape, **geometry) if ctx.needs[0] else None,
        conv_p.bind(x, g, **geometry) if ctx.needs[1] else None,
    )


def _given_shape(a, b, *, shape, **geometry):
    return shape, a.dtype


conv_p = Primitive(
    "conv",
    _conv_spec,
    _ints,
    _conv_vjp,
    "x [N, spatial..., C], w [window..., C/g, O] -> [N, results..., O]; or channels first. Passes may add a bias [O], "
    "`scaled`: scale [O] and shift [O], `residual`: an array as the result, and an activation behind them.",
)
conv_grad_input_p = Primitive("conv_grad_input", _given_shape, _ints, _grad_input_vjp, "dy, w -> dx")
conv_grad_filter_p = Primitive("conv_grad_filter", _given_shape, _ints, _grad_filter_vjp, "x, dy -> dw")


# ---- public functions


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
    """Convolution (cross-correlation) over one to three spatial dimensions.

    `inputs` [N, ..., C] (or [N, C, ...] with `data_format="channels_first"`), `kernel` [..., C / groups, O]; `padding`
    is `"valid"` or `"same"`, or in one dimension `"causal"`: no place sees a later one. Groups follow from the channel
    counts. Gives [N, ..., O]. Raises `ShapeError` when channels or window do not fit.

    >>> ops.conv(ops.ones((1, 8, 8, 3)), ops.ones((3, 3, 3, 16)), padding="same").shape
    (1, 8, 8, 16)
    """
    x, w = promote(inputs, kernel)
    check_float("conv", x, "inputs")
    n, first = layout_of("conv", x, data_format)
    sizes = x.shape[2:] if first else x.shape[1:-1]
    if w.ndim != n + 2:
        raise ShapeError(f"[conv] kernel must have {n + 2} dimensions for inputs {x.shape}, got shape {w.shape}")
    channels, per_group, filters = x.shape[1 if first else -1], w.shape[-2], w.shape[-1]
    if not per_group or channels % per_group or filters % (channels // per_group or 1):
        raise ShapeError(
            f"[conv] {channels} input channels do not fit a kernel of shape {w.shape}: its second to last dimension "
            "must divide them, and the groups so made must divide its last"
        )
    strides, dilation = per_dim("conv", "strides", strides, n), per_dim("conv", "dilation_rate", dilation_rate, n)
    windows = [(k - 1) * d + 1 for k, d in zip(w.shape[:n], dilation)]
    names = ("valid", "same", "causal") if n == 1 else ("valid", "same")
    pads = padding_of("conv", padding, sizes, windows, strides, names)
    groups = channels // per_group or 1
    geometry = {"strides": strides, "dilation": dilation, "pads": pads, "groups": groups}
    if first and _reads_first(w.shape, x.shape[0], sizes, strides, dilation, groups):
        return conv_p.bind(x, w, layout=X_FIRST | Y_FIRST, **geometry)
    return as_given(conv_p.bind(last(x) if first else x, w, **geometry), first)


_MANY = 512  # places of a batch; fewer are turned over in less time than copying them for each thread takes


def _reads_first(window, images, sizes, strides, dilation, groups):
    """Whether the kernels read channels first where they lie.

    They do for windows of one place where there are many, for those from few channels to many, and for 3 x 3 places by
    Winograd's points. Others would turn images over by themselves, where a program shares what was turned over.
    """
    *places, per_group, filters = window
    if groups == 1 and per_group <= 4 and filters >= 32:
        return True
    if set(strides) != {1}:
        return False
    if set(places) == {1}:
        return groups == 1 and images * math.prod(sizes) >= _MANY
    few = min(per_group, filters // groups) < 12 or min(sizes) < 6
    return places == [3, 3] and dilation == (1, 1) and not few


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
    x, n, first = channels_last("conv_transpose", x, data_format)
    if w.ndim != n + 2 or w.shape[-1] != x.shape[-1]:
        raise ShapeError(
            f"[conv_transpose] kernel must be [{n} window dimensions, outputs, {x.shape[-1]} channels], got {w.shape}"
        )
    strides = per_dim("conv_transpose", "strides", strides, n)
    dilation = per_dim("conv_transpose", "dilation_rate", dilation_rate, n)
    out, pads = transposed_sizes(
        "conv_transpose", x.shape[1:-1], w.shape[:n], strides, padding, output_padding, dilation
    )
    shape = (x.shape[0], *out, w.shape[-2])
    y = conv_grad_input_p.bind(x, w, shape=shape, strides=strides, dilation=dilation, pads=pads, groups=1)
    return as_given(y, first)


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
def separable_conv(
    inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """`ops.depthwise_conv` followed by a convolution with windows of one place."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, "valid", data_format)
