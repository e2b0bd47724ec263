"""ckeras.kernels: NumPy arrays in and out. Every public name has rows here; values are those of `ops` in float64."""

import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import ckeras
from ckeras import activations, kernels, ops

rng = np.random.default_rng(5)


def n(*shape):
    return rng.normal(size=shape)


def conv_gradient(which):
    """The gradient of `sum(dy * conv)` to x (0) or w (1), by the tape."""

    def gradient(x, w, dy, **options):
        return ckeras.grad(lambda a, b: ops.sum(ops.conv(a, b, **options) * dy), which)(
            *map(ops.convert_to_tensor, (x, w))
        )

    return gradient


def pool_gradient(op):
    def gradient(x, dy, *args, **options):
        return ckeras.grad(lambda a: ops.sum(getattr(ops, op)(a, *args, **options) * dy))(ops.convert_to_tensor(x))

    return gradient


def dense(a, b, bias, activation):
    return activations.get(activation)(ops.matmul(a, b) + bias)


def residual_dense(a, b, residual, bias=None, activation=None):
    y = a @ b if bias is None else a @ b + bias
    return activations.get(activation)(ops.convert_to_tensor(y)) + residual


def conv_bias(x, w, bias, activation, **options):
    return activations.get(activation)(ops.conv(x, w, **options) + bias)


def group_norm(x, groups, gamma, beta, epsilon):
    y = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    y = (y - y.mean((1, 3), keepdims=True)) / np.sqrt(y.var((1, 3), keepdims=True) + epsilon)
    return y.reshape(x.shape) * gamma + beta


# ---- rows: name, arguments, options, reference of arguments and options

ROWS = [
    ("matmul", (n(33, 65), n(65, 17)), {}, np.matmul),
    ("matmul", (n(2, 3, 4, 5), n(5, 6)), {}, np.matmul),
    ("matmul", (n(2, 1, 4, 5), n(3, 5, 6)), {}, np.matmul),
    ("matmul", (n(4, 5), n(3, 5, 6)), {}, np.matmul),
    ("matmul", (n(0, 5), n(5, 6)), {}, np.matmul),
    ("matmul", (n(4, 0), n(0, 6)), {}, np.matmul),
    ("matmul", (n(3, 0, 5), n(5, 6)), {}, np.matmul),
    ("matmul", (n(5, 4), n(6, 5)), {"transpose_a": True, "transpose_b": True}, lambda a, b, **_: a.T @ b.T),
    ("matmul", (n(3, 5, 4), n(5, 6)), {"transpose_a": True}, lambda a, b, **_: a.swapaxes(1, 2) @ b),
    ("matmul", (n(4, 5), n(5, 6), n(6), "tanh"), {}, dense),
    ("matmul", (n(2, 4, 5), n(2, 5, 6)), {"bias": n(6), "activation": "relu6"}, dense),
    ("matmul", (n(4, 5), n(5, 6)), {"residual": n(4, 6)}, residual_dense),
    ("matmul", (n(2, 3, 4, 5), n(5, 6)), {"residual": n(6, 4, 3, 2).T, "bias": n(6)}, residual_dense),
    ("matmul", (n(2, 4, 5), n(3, 1, 5, 6)), {"residual": n(3, 2, 4, 6), "activation": "tanh"}, residual_dense),
    ("matmul", (n(4, 0), n(0, 6)), {"residual": n(4, 6)}, residual_dense),
    ("conv1d", (n(2, 9, 3), n(3, 3, 4)), {"padding": "causal", "dilation_rate": 2}, ops.conv),
    ("conv1d", (n(2, 9, 4), n(3, 2, 6), [2]), {}, ops.conv),
    ("conv2d", (n(2, 9, 9, 3), n(3, 3, 3, 4)), {"strides": 2, "padding": "same"}, ops.conv),
    ("conv2d", (n(2, 7, 8, 4), n(3, 2, 2, 6)), {"strides": (1, 2), "bias": n(6), "activation": "tanh"}, conv_bias),
    ("conv3d", (n(1, 4, 5, 6, 2), n(2, 3, 2, 2, 3)), {"strides": (1, 2, 1), "padding": "same"}, ops.conv),
    ("depthwise_conv1d", (n(2, 9, 3), n(3, 3, 2)), {"strides": 2, "padding": "same"}, ops.depthwise_conv),
    ("depthwise_conv2d", (n(2, 7, 8, 5), n(3, 3, 5, 1)), {"dilation_rate": (1, 2)}, ops.depthwise_conv),
    ("depthwise_conv3d", (n(1, 4, 5, 6, 2), n(2, 2, 2, 2, 2)), {}, ops.depthwise_conv),
    ("conv1d_transpose", (n(2, 5, 3), n(3, 4, 3), 2), {"padding": "same"}, ops.conv_transpose),
    ("conv2d_transpose", (n(2, 4, 5, 3), n(3, 2, 4, 3)), {"strides": 2, "output_padding": [1, 0]}, ops.conv_transpose),
    ("conv3d_transpose", (n(1, 2, 3, 4, 2), n(2, 2, 3, 3, 2)), {"dilation_rate": [1, 2, 1]}, ops.conv_transpose),
    *[
        (f"{kind}_pool{len(shape) - 2}d", (n(*shape), size), options, op)
        for kind, op in (("max", ops.max_pool), ("avg", ops.average_pool))
        for shape, size, options in [
            ((2, 9, 3), 2, {}),
            ((2, 9, 17), 3, {"strides": 2, "padding": "same"}),
            ((2, 7, 8, 3), (3, 2), {"strides": [1, 2], "padding": "same"}),
            ((1, 4, 5, 6, 2), 2, {"padding": "same"}),
        ]
    ],
    *[
        (f"max_pool{d}d_gradient", (n(2, *[6] * d, 3), n(2, *[3] * d, 3), 2), {}, pool_gradient("max_pool"))
        for d in (1, 2, 3)
    ],
    ("lstm", (n(2, 5, 3), n(3, 16), n(4, 16), n(16)), {}, lambda x, k, r, b: layer("LSTM", 4, x, (k, r, b))),
    ("lstm", (n(2, 5, 3), n(3, 8), n(2, 8)), {"reverse": True}, lambda x, k, r, **o: layer("LSTM", 2, x, (k, r), **o)),
    ("gru", (n(2, 5, 3), n(3, 12), n(4, 12), n(2, 12)), {}, lambda x, k, r, b: layer("GRU", 4, x, (k, r, b))),
    (
        "gru",
        (n(2, 5, 3), n(3, 12), n(4, 12), n(12)),
        {"reset_after": False},
        lambda x, k, r, b, **o: layer("GRU", 4, x, (k, r, b), **o),
    ),
    ("simple_rnn", (n(2, 5, 3), n(3, 4), n(4, 4), n(4)), {}, lambda x, k, r, b: layer("SimpleRNN", 4, x, (k, r, b))),
    ("layer_norm", (n(3, 5, 4), n(4), n(4)), {}, lambda x, g, b: ops.layer_normalization(x, g, b, epsilon=1e-3)),
    ("layer_norm", (n(3, 5, 4),), {"axis": (1, 2), "epsilon": 0.1}, ops.layer_normalization),
    ("rms_norm", (n(3, 5, 4), n(4)), {"epsilon": 0.1}, ops.rms_normalization),
    ("rms_norm", (n(3, 5, 4),), {"axis": 1}, lambda x, **o: ops.rms_normalization(x, epsilon=1e-6, **o)),
    (
        "batch_norm",
        (n(3, 4), n(4), n(4) ** 2, n(4), n(4)),
        {},
        lambda x, m, v, s, o: (x - m) / np.sqrt(v + 1e-3) * s + o,
    ),
    ("batch_norm", (n(3, 4, 2), n(4), n(4) ** 2), {"axis": 1, "epsilon": 0.5}, ops.batch_normalization),
    ("group_norm", (n(2, 3, 4, 6), 2, n(6), n(6), 0.1), {}, group_norm),
    ("group_norm", (n(2, 64),), {}, lambda x: group_norm(x, 32, 1.0, 0.0, 1e-3)),
    ("attention", (n(2, 5, 4, 8), n(2, 7, 2, 8), n(2, 7, 2, 8)), {"scale": 0.3}, ops.dot_product_attention),
    (
        "attention",
        (n(2, 5, 4, 8), n(2, 5, 4, 8), n(2, 5, 4, 8), n(4, 5, 5), n(2, 1, 5, 5) > -1),
        {"is_causal": True},
        ops.dot_product_attention,
    ),
    ("softmax", (n(3, 4),), {}, activations.softmax),
    ("softmax", (n(3, 4, 2),), {"axis": 1}, activations.softmax),
    ("log_softmax", (n(3, 4),), {}, activations.log_softmax),
    ("log_softmax", (n(3, 4),), {"axis": 0}, activations.log_softmax),
    ("relu", (n(9, 7),), {"negative_slope": 0.1, "max_value": 1.0, "threshold": 0.2}, activations.relu),
    ("elu", (n(9, 7), 0.5), {}, activations.elu),
    ("gelu", (n(9, 7), True), {}, activations.gelu),
    ("threshold", (n(9, 7), 0.1, 5.0), {}, ops.threshold),
    ("linear", (n(9, 7),), {}, activations.linear),
    *[
        (name, (n(9, 6),), {}, getattr(activations, name, None) or getattr(ops, name))
        for name in kernels.activations._NAMES
        if name != "threshold"
    ],
]
for _d, _x, _w in ((1, (2, 9, 4), (3, 2, 6)), (2, (2, 7, 8, 3), (3, 2, 3, 5)), (3, (1, 4, 5, 6, 2), (2, 2, 2, 2, 3))):
    for _o in ({"strides": 2, "padding": "same"}, {"dilation_rate": 2}):
        _x_array, _w_array = n(*_x), n(*_w)
        _dy = n(*ops.conv(_x_array, _w_array, **_o).shape)

        def _to_input(dy, w, shape, x=_x_array, **o):
            return conv_gradient(0)(x, w, dy, **o)

        def _to_filters(x, dy, shape, w=_w_array, **o):
            return conv_gradient(1)(x, w, dy, **o)

        ROWS.append((f"conv{_d}d_input_gradient", (_dy, _w_array, _x), _o, _to_input))
        ROWS.append((f"conv{_d}d_filter_gradient", (_x_array, _dy, list(_w)), _o, _to_filters))
    _x_array, _o = n(*_x), {"strides": 2, "padding": "same"}
    _dy = n(*ops.average_pool(_x_array, 3, **_o).shape)

    def _mean(dy, shape, size, x=_x_array, **o):
        return pool_gradient("average_pool")(x, dy, size, **o)

    ROWS.append((f"avg_pool{_d}d_gradient", (_dy, _x, 3), _o, _mean))


def layer(name, units, x, weights, reverse=False, **options):
    """(y, states) of a layer of Keras's, with these weights."""
    made = getattr(ckeras.layers, name)(
        units,
        return_sequences=True,
        return_state=True,
        go_backwards=reverse,
        use_bias=len(weights) == 3,
        dtype="float64",
        **options,
    )
    made.build(x.shape)
    made.set_weights(list(weights))
    y, *states = [t.numpy() for t in made(ops.convert_to_tensor(x))]
    return (y[:, ::-1] if reverse else y, *states)


def as_type(values, dtype):
    return [v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype == "float64" else v for v in values]


def call(row, dtype, **more):
    name, args, options, _ = row
    options = dict(zip(options, as_type(options.values(), dtype)))
    return getattr(kernels, name)(*as_type(args, dtype), **options, **more)


def results(value):
    return [np.asarray(v) for v in value] if isinstance(value, (tuple, list)) else [np.asarray(value)]


IDS = [f"{row[0]} {i}" for i, row in enumerate(ROWS)]
DTYPES = [("float64", 1e-12), ("float32", 1e-4), ("float16", 2e-2), (ml_dtypes.bfloat16, 0.2)]


def test_every_kernel_has_a_row():
    assert {row[0] for row in ROWS} == set(kernels.__all__)
    assert all(getattr(kernels, name).__doc__ and getattr(kernels, name).__name__ == name for name in kernels.__all__)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_values(row):
    wants = results(row[3](*row[1], **row[2]))
    for dtype, tolerance in DTYPES:
        if row[0] in ("lstm", "gru", "simple_rnn") and dtype not in ("float32", "float64"):
            continue
        if "max_pool" in row[0] and "gradient" in row[0] and dtype not in ("float32", "float64"):
            continue  # rounding makes ties
        for got, want in zip(results(call(row, dtype)), wants, strict=True):
            assert type(got) is np.ndarray and got.dtype == dtype and got.flags.writeable
            assert got.shape == want.shape
            scale = max(1.0, np.abs(want).max()) if want.size else 1.0
            np.testing.assert_allclose(got.astype("float64"), want, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("row", [r for r in ROWS if r[0] not in ("lstm", "gru", "simple_rnn")], ids=lambda r: r[0])
def test_out_is_written_whatever_its_layout(row):
    want = call(row, "float32")
    for out in (
        np.full(want.shape, np.nan, "float32"),
        np.full(want.shape[::-1], np.nan, "float32").T,
        np.full((*want.shape, 2), np.nan, "float32")[..., 1],
    ):
        assert call(row, "float32", out=out) is out
        np.testing.assert_array_equal(out, want)
    with pytest.raises(ValueError, match="out"):
        call(row, "float32", out=np.empty((*want.shape, 1), "float32"))
    with pytest.raises(ValueError, match="out"):
        call(row, "float32", out=np.empty(want.shape, "float64"))


def test_out_may_be_an_operand():
    x, want = n(64, 64), None
    want = kernels.matmul(x, x)
    assert kernels.matmul(x, x, out=x) is x
    np.testing.assert_array_equal(x, want)
    a = n(7, 9).astype("float32")
    want = kernels.softmax(a)
    np.testing.assert_array_equal(kernels.softmax(a, out=a), want)
    want = kernels.gelu(a)
    np.testing.assert_array_equal(kernels.gelu(a, out=a), want)


def test_a_read_only_out_and_other_objects_are_refused():
    a = n(3, 3)
    frozen = np.empty((3, 3))
    frozen.flags.writeable = False
    for out in (frozen, [[0.0] * 3] * 3, np.empty((3, 3), ">f8")):
        with pytest.raises(ValueError, match="out"):
            kernels.matmul(a, a, out=out)
        with pytest.raises(ValueError, match="out"):
            kernels.linear(a, out=out)
        with pytest.raises(ValueError, match="out"):
            kernels.tanh(a, out=out)


def test_layouts_of_operands():
    x, w = n(2, 3, 9, 9), n(3, 3, 3, 4)
    want = kernels.conv2d(np.ascontiguousarray(np.moveaxis(x, 1, -1)), w)
    np.testing.assert_array_equal(kernels.conv2d(np.moveaxis(x, 1, -1), w), want)
    wide = np.zeros((2, 9, 9, 6))
    wide[..., ::2] = np.moveaxis(x, 1, -1)
    np.testing.assert_array_equal(kernels.conv2d(wide[..., ::2], w), want)
    np.testing.assert_array_equal(kernels.conv2d(wide[..., ::2].astype(">f8").astype("<f8"), w), want)
    frozen = np.moveaxis(x, 1, -1).copy()
    frozen.flags.writeable = False
    before = frozen.copy()
    np.testing.assert_array_equal(kernels.conv2d(frozen, w), want)
    np.testing.assert_array_equal(frozen, before)


def test_masks_states_and_infinities():
    x, k, r = n(2, 5, 3), n(3, 16), n(4, 16)
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], "bool")
    y, h, _ = kernels.lstm(x, k, r, mask=mask)
    short = kernels.lstm(x[:, :2], k, r)
    np.testing.assert_allclose(h[0], short[1][0], rtol=1e-12)
    np.testing.assert_allclose(y[0, 4], short[1][0], rtol=1e-12)
    again = kernels.lstm(x[:, 2:], k, r, initial_h=short[1], initial_c=short[2])
    np.testing.assert_allclose(again[1][1], h[1], rtol=1e-12)
    state = n(2, 4)
    np.testing.assert_allclose(kernels.gru(x[:, :0], n(3, 12), n(4, 12), initial_h=state)[1], state)
    simple = kernels.simple_rnn(x[:, :1], n(3, 4) * 0, np.eye(4), initial_h=state, bias=np.zeros(4))[1]
    np.testing.assert_allclose(simple, np.tanh(state), rtol=1e-12)
    np.testing.assert_array_equal(kernels.softmax(np.array([[-np.inf, 0.0, -np.inf]])), [[0.0, 1.0, 0.0]])
    holes = np.array([1, np.nan, np.inf, 2, -np.inf]).reshape(1, 5, 1)
    np.testing.assert_array_equal(kernels.avg_pool1d(holes, 2, 1)[0, :, 0], [np.nan, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(kernels.max_pool1d(holes, 2, 1)[0, :, 0], [np.nan, np.nan, np.inf, 2])


def test_the_page_of_the_documentation_runs():
    page = (Path(__file__).parent.parent / "docs" / "kernels.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1:]  # the first one shows a call
    names = {}
    exec("\n".join(blocks), names)
    dy, frames, step = names["dy"], names["frames"], 1e-2
    moved = frames + step * names["d_frames"]
    gain = (kernels.conv2d(moved, names["filters"]) - kernels.conv2d(frames, names["filters"])) * dy
    np.testing.assert_allclose(gain.sum(), step * (names["d_frames"] ** 2).sum(), rtol=1e-2)
    assert names["pooled"].max() > 0 and names["d_filters"].shape == names["filters"].shape


def test_no_tape_and_no_trace_takes_part():
    a = n(3, 4)
    t = ops.convert_to_tensor(a)

    def f(v):
        return ops.sum(v) * float(kernels.layer_norm(a).sum() + kernels.matmul(a.T, a).sum())

    want = np.full(a.shape, f(t).numpy() / a.sum())
    np.testing.assert_allclose(ckeras.grad(f)(t).numpy(), want, rtol=1e-12)
    np.testing.assert_allclose(ckeras.function(f)(t).numpy(), f(t).numpy(), rtol=1e-12)


x2, x3 = n(4, 5), n(2, 9, 3)
BAD = {
    "integers": (lambda: kernels.relu(np.arange(3)), TypeError, r"\[kernels.relu\] x must be of dtype .*float32"),
    "objects": (lambda: kernels.tanh(np.array([None])), TypeError, "float32"),
    "two dtypes": (lambda: kernels.matmul(x2, x2.T.astype("float32")), TypeError, "a is float64 and b float32"),
    "vectors": (lambda: kernels.matmul(n(3), n(3)), ValueError, "two or more dimensions"),
    "columns": (lambda: kernels.matmul(x2, x2), ValueError, "5 columns"),
    "batches": (lambda: kernels.matmul(n(2, 4, 5), n(3, 5, 4)), ValueError, "do not broadcast"),
    "bias": (lambda: kernels.matmul(x2, x2.T, bias=n(5)), ValueError, r"bias must have shape \(4,\)"),
    "residual": (lambda: kernels.matmul(x2, x2.T, residual=n(4)), ValueError, r"residual must have shape \(4, 4\)"),
    "activation": (lambda: kernels.matmul(x2, x2.T, activation="gelu"), ValueError, "activation must be one of"),
    "rank": (lambda: kernels.conv2d(x3, n(3, 3, 3, 4)), ValueError, r"x must be \[batch, height, width, channels\]"),
    "channels": (lambda: kernels.conv1d(x3, n(3, 2, 4)), ValueError, "3 channels of x do not fit"),
    "window": (lambda: kernels.conv1d(x3, n(10, 3, 4)), ValueError, "does not fit"),
    "padding": (lambda: kernels.conv2d(n(1, 5, 5, 1), n(3, 3, 1, 1), padding="causal"), ValueError, "padding"),
    "strides": (lambda: kernels.conv1d(x3, n(3, 3, 4), strides=0), ValueError, "strides"),
    "huge strides": (lambda: kernels.conv1d(x3, n(3, 3, 4), strides=2**70), ValueError, "strides"),
    "conv bias": (lambda: kernels.conv1d(x3, n(3, 3, 4), bias=n(3)), ValueError, "bias"),
    "x_shape": (lambda: kernels.conv1d_input_gradient(n(2, 7, 4), n(3, 3, 4), (2, 8, 3)), ValueError, "dy must have"),
    "w_shape": (lambda: kernels.conv1d_filter_gradient(x3, n(2, 7, 4), (3, -3, 4)), ValueError, "w_shape"),
    "output_padding": (
        lambda: kernels.conv1d_transpose(x3, n(3, 4, 3), 2, output_padding=2),
        ValueError,
        "output_padding",
    ),
    "depthwise": (lambda: kernels.depthwise_conv1d(x3, n(3, 2, 1)), ValueError, "does not fit the channels"),
    "pool size": (lambda: kernels.max_pool1d(x3, 10), ValueError, "does not fit"),
    "pool gradient": (lambda: kernels.avg_pool1d_gradient(n(2, 5, 3), (2, 9, 3), 2), ValueError, "dy must have shape"),
    "halves": (lambda: kernels.lstm(*[a.astype("float16") for a in (x3, n(3, 8), n(2, 8))]), TypeError, "float32"),
    "recurrent": (lambda: kernels.lstm(x3, n(3, 8), n(2, 6)), ValueError, r"recurrent_kernel must have shape \(2, 8\)"),
    "mask": (lambda: kernels.gru(x3, n(3, 6), n(2, 6), mask=np.ones((2, 9))), ValueError, "mask must be bool"),
    "state": (lambda: kernels.gru(x3, n(3, 6), n(2, 6), initial_h=n(2, 3)), ValueError, "initial_h"),
    "gamma": (lambda: kernels.layer_norm(x2, gamma=n(4)), ValueError, "gamma must have shape"),
    "axis": (lambda: kernels.softmax(x2, axis=2), ValueError, "axis=2 is out of range"),
    "axes": (lambda: kernels.layer_norm(x2, axis=(0, 0)), ValueError, "twice"),
    "groups": (lambda: kernels.group_norm(x2, 3), ValueError, "groups must divide"),
    "heads": (lambda: kernels.attention(n(1, 2, 3, 4), n(1, 2, 2, 4), n(1, 2, 2, 4)), ValueError, "does not fit query"),
    "attention mask": (
        lambda: kernels.attention(*[n(1, 2, 3, 4)] * 3, mask=np.ones((3, 3), "bool")),
        ValueError,
        "does not broadcast",
    ),
    "option": (lambda: kernels.elu(x2, beta=1), ValueError, r"\[kernels.elu\] takes x, alpha, out"),
    "option's type": (lambda: kernels.elu(x2, alpha="1"), ValueError, "alpha must be a number"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    function, error, words = BAD[name]
    with pytest.raises(error, match=words):
        function()
