"""Convolutions and their gradients. Arrays have their channels last."""

import functools

from ckeras._core.errors import ShapeError
from ckeras.kernels._call import check_rank, check_shape, operands, run_kernel
from ckeras.kernels.products import activation_code
from ckeras.ops._spatial import out_size, padding_of, per_dim
from ckeras.ops.convolution import transposed_sizes

_SPATIAL = {1: "steps", 2: "height width", 3: "depth height width"}


def _dims(n, first, last):
    return f"{first} {_SPATIAL[n]} {last}"


@functools.lru_cache(1024)
def _geometry(op, x, w, strides, padding, dilation):
    """(the kernels' ints but the activation, shape of the result) of a convolution of these shapes."""
    n = len(x) - 2
    op = f"kernels.{op}"
    strides, dilation = per_dim(op, "strides", strides, n), per_dim(op, "dilation_rate", dilation, n)
    if not w[-2] or x[-1] % w[-2] or w[-1] % (x[-1] // w[-2] or 1):
        raise ShapeError(
            f"[{op}] {x[-1]} channels of x do not fit filters of shape {w}: their second to last dimension must divide "
            "the channels, and the groups so made must divide the last one"
        )
    windows = [(k - 1) * d + 1 for k, d in zip(w, dilation)]
    names = ("valid", "same", "causal") if n == 1 else ("valid", "same")
    pads = padding_of(op, padding, x[1:-1], windows, strides, names)
    y = tuple([out_size(*dim) for dim in zip(x[1:-1], w, strides, dilation, pads[::2], pads[1::2])])
    return (*strides, *dilation, *pads, x[-1] // w[-2] or 1), (x[0], *y, w[-1])


@functools.lru_cache(1024)
def _transposed_geometry(op, x, w, strides, padding, output_padding, dilation):
    n = len(x) - 2
    op = f"kernels.{op}"
    strides, dilation = per_dim(op, "strides", strides, n), per_dim(op, "dilation_rate", dilation, n)
    out, pads = transposed_sizes(op, x[1:-1], w[:n], strides, padding, output_padding, dilation)
    return (*strides, *dilation, *pads, 1), (x[0], *out, w[-2])


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


def _shape_argument(op, name, shape, n):
    shape = tuple(shape)
    if len(shape) != n + 2 or not all(isinstance(d, int) and d >= 0 for d in shape):
        raise ShapeError(f"[kernels.{op}] {name} must be {n + 2} sizes, got {shape}")
    return shape


def _forward(op, n, x, w, bias, activation, strides, padding, dilation_rate, out):
    ints, shape = _geometry(op, x.shape, w.shape, _hashable(strides), padding, _hashable(dilation_rate))
    inputs = (x, w)
    if bias is not None:
        check_shape(op, "bias", bias, shape[-1:])
        inputs = (x, w, bias)
    return run_kernel(op, "conv", inputs, shape, (*ints, activation_code(op, activation), 0), out=out)


def _documented(function, name, doc):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


_COMMON = """`strides` and `dilation_rate` are integers or one a dimension; `padding` is "valid" or "same"{causal}.
    float16, bfloat16, float32 or float64, all operands alike. The result is written to `out` where given. Raises
    `ValueError` or `TypeError` for arguments that do not fit."""


def _common(n):
    return _COMMON.format(causal=', or "causal"' if n == 1 else "")


def _make_conv(n):
    op = f"conv{n}d"

    def conv(x, w, strides=1, padding="valid", dilation_rate=1, bias=None, activation=None, out=None):
        x, w, bias = operands(op, x=x, w=w, bias=bias)
        check_rank(op, "x", x, _dims(n, "batch", "channels"))
        check_rank(op, "w", w, " ".join(["window"] * n + ["channels", "filters"]))
        return _forward(op, n, x, w, bias, activation, strides, padding, dilation_rate, out)

    sizes = ", ".join(_SPATIAL[n].split())
    return _documented(
        conv,
        op,
        f"""`activation(x * w + bias)`: convolution (cross-correlation) over {n} dimension{"s"[: n > 1]}.

    `x` [batch, {sizes}, channels], `w` [window..., channels / groups, filters], `bias` [filters]; the number of groups
    follows from the channels. `activation`: None, "relu", "relu6", "sigmoid" or
    "tanh". Gives [batch, {sizes}, filters].
    {_common(n)}

    >>> kernels.{op}(np.ones((1, {"8, " * n}3)), np.ones(({"3, " * n}3, 5)), padding="same").shape
    (1, {"8, " * n}5)
    """,
    )


def _make_depthwise(n):
    op = f"depthwise_conv{n}d"

    def depthwise_conv(x, w, strides=1, padding="valid", dilation_rate=1, bias=None, activation=None, out=None):
        x, w, bias = operands(op, x=x, w=w, bias=bias)
        check_rank(op, "x", x, _dims(n, "batch", "channels"))
        check_rank(op, "w", w, " ".join(["window"] * n + ["channels", "multiplier"]))
        if w.shape[-2] != x.shape[-1]:
            raise ShapeError(f"[kernels.{op}] w of shape {w.shape} does not fit the channels of x {x.shape}")
        w = w.reshape(*w.shape[:-2], 1, w.shape[-2] * w.shape[-1])
        return _forward(op, n, x, w, bias, activation, strides, padding, dilation_rate, out)

    sizes = ", ".join(_SPATIAL[n].split())
    return _documented(
        depthwise_conv,
        op,
        f"""Convolution of each channel by itself, with `multiplier` filters each.

    `x` [batch, {sizes}, channels], `w` [window..., channels, multiplier], `bias` [channels * multiplier]; gives
    [batch, {sizes}, channels * multiplier]. Otherwise as `conv{n}d`.
    """,
    )


def _make_transpose(n):
    op = f"conv{n}d_transpose"

    def conv_transpose(x, w, strides=1, padding="valid", output_padding=None, dilation_rate=1, out=None):
        x, w = operands(op, x=x, w=w)
        check_rank(op, "x", x, _dims(n, "batch", "channels"))
        check_rank(op, "w", w, " ".join(["window"] * n + ["filters", "channels"]))
        if w.shape[-1] != x.shape[-1]:
            raise ShapeError(f"[kernels.{op}] w of shape {w.shape} does not fit the channels of x {x.shape}")
        more = [_hashable(v) for v in (output_padding, dilation_rate)]
        ints, shape = _transposed_geometry(op, x.shape, w.shape, _hashable(strides), padding, *more)
        return run_kernel(op, "conv_grad_input", (x, w), shape, (*ints, 0, 0), out=out)

    sizes = ", ".join(_SPATIAL[n].split())
    return _documented(
        conv_transpose,
        op,
        f"""The transpose of `conv{n}d`: sizes grow by `strides`.

    `x` [batch, {sizes}, channels], `w` [window..., filters, channels]; gives [batch, {sizes}, filters].
    `output_padding`, below `strides`, sets the size where several fit (see `ops.conv_transpose`).
    {_COMMON.format(causal="")}
    """,
    )


def _make_gradients(n):
    to_input, to_filters = f"conv{n}d_input_gradient", f"conv{n}d_filter_gradient"

    def input_gradient(dy, w, x_shape, strides=1, padding="valid", dilation_rate=1, out=None):
        dy, w = operands(to_input, dy=dy, w=w)
        x_shape = _shape_argument(to_input, "x_shape", x_shape, n)
        check_rank(to_input, "w", w, " ".join(["window"] * n + ["channels", "filters"]))
        more = _hashable(strides), padding, _hashable(dilation_rate)
        ints, y_shape = _geometry(to_input, x_shape, w.shape, *more)
        check_shape(to_input, "dy", dy, y_shape)
        return run_kernel(to_input, "conv_grad_input", (dy, w), x_shape, (*ints, 0, 0), out=out)

    def filter_gradient(x, dy, w_shape, strides=1, padding="valid", dilation_rate=1, out=None):
        x, dy = operands(to_filters, x=x, dy=dy)
        check_rank(to_filters, "x", x, _dims(n, "batch", "channels"))
        w_shape = _shape_argument(to_filters, "w_shape", w_shape, n)
        more = _hashable(strides), padding, _hashable(dilation_rate)
        ints, y_shape = _geometry(to_filters, x.shape, w_shape, *more)
        check_shape(to_filters, "dy", dy, y_shape)
        return run_kernel(to_filters, "conv_grad_filter", (x, dy), w_shape, (*ints, 0, 0), out=out)

    _documented(
        input_gradient,
        to_input,
        f"""The gradient of `sum(dy * conv{n}d(x, w, ...))` with respect to `x`, of shape `x_shape`.

    `dy` has the shape of the convolution's result. The other arguments are those of `conv{n}d`.
    """,
    )
    _documented(
        filter_gradient,
        to_filters,
        f"""The gradient of `sum(dy * conv{n}d(x, w, ...))` with respect to `w`, of shape `w_shape`.

    `dy` has the shape of the convolution's result. The other arguments are those of `conv{n}d`.
    """,
    )
    return input_gradient, filter_gradient


conv1d, conv2d, conv3d = map(_make_conv, (1, 2, 3))
depthwise_conv1d, depthwise_conv2d, depthwise_conv3d = map(_make_depthwise, (1, 2, 3))
conv1d_transpose, conv2d_transpose, conv3d_transpose = map(_make_transpose, (1, 2, 3))
conv1d_input_gradient, conv1d_filter_gradient = _make_gradients(1)
conv2d_input_gradient, conv2d_filter_gradient = _make_gradients(2)
conv3d_input_gradient, conv3d_filter_gradient = _make_gradients(3)

__all__ = [name for name in list(globals()) if name.startswith(("conv", "depthwise"))]
