"""Convolutions whose images have their channels first: the bits of those that have them last, without transposes."""

import re

import numpy as np
import pytest

import ckeras as keras
from ckeras import ops
from ckeras._core.program import compile
from ckeras.ops.convolution import conv_grad_filter_p, conv_grad_input_p, conv_p


def rand(*shape, dtype="float32"):
    return ops.cast(np.random.default_rng(sum(shape)).standard_normal(shape), dtype)


def turned(x, first=True):
    n = x.ndim
    return ops.transpose(x, (0, n - 1, *range(1, n - 1)) if first else (0, *range(2, n), 1))


def same(got, want):
    assert got.shape == want.shape
    assert np.asarray(ops.cast(got, "float64")).tobytes() == np.asarray(ops.cast(want, "float64")).tobytes()


# spatial sizes, window, channels, filters, groups, stride, pad
CASES = {
    "by points": ((28, 28), (3, 3), 40, 33, 1, 1, 1),
    "by points, long rows": ((9, 70), (3, 3), 16, 20, 1, 1, 1),
    "by points, wide padding": ((8, 8), (3, 3), 16, 16, 1, 1, 4),
    "by points, groups": ((17, 19), (3, 3), 32, 48, 2, 1, 0),
    "by points, planes": ((3, 12, 11), (1, 3, 3), 16, 16, 1, 1, 0),
    "few tiles": ((6, 6), (3, 3), 16, 16, 1, 1, 1),
    "strided": ((9, 12), (3, 3), 7, 9, 1, 2, 1),
    "1 x 1": ((9, 12), (1, 1), 24, 40, 1, 1, 0),
    "1 x 1, blocks": ((9, 11), (1, 1), 300, 100, 1, 1, 0),
    "1 x 1, groups": ((30, 41), (1, 1), 36, 60, 3, 1, 0),
    "from few to many": ((28, 28), (3, 3), 1, 32, 1, 1, 1),
    "from few to many, strided": ((23, 41), (7, 7), 3, 35, 1, 2, 3),
    "from few to many, groups": ((9, 8), (3, 2), 8, 96, 2, 1, 1),
    "to few": ((9, 37), (5, 4), 24, 3, 1, 1, 2),
    "to few, groups": ((7, 6, 5), (2, 3, 3), 48, 4, 2, 1, 1),
    "from few, strided": ((17, 23), (4, 3), 3, 24, 1, 2, 1),
    "depthwise": ((9, 12), (3, 3), 16, 16, 16, 1, 1),
    "one dimension": ((200,), (3,), 20, 20, 1, 1, 1),
}
# Of the sums for few filters, which are products as large ones have them, and for those from few channels, which are
# dot products along pixels.
OTHER_ORDER = {"1 x 1", "1 x 1, groups", "from few to many"}


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_kernels(name, dtype):
    sizes, window, channels, filters, groups, stride, pad = CASES[name]
    n = len(sizes)
    geometry = {"strides": (stride,) * n, "dilation": (1,) * n, "pads": (pad,) * 2 * n, "groups": groups}
    x, w = rand(3, *sizes, channels, dtype=dtype), rand(*window, channels // groups, filters, dtype=dtype)
    y = conv_p.bind(x, w, **geometry)
    dy = rand(*y.shape, dtype=dtype)
    dx = conv_grad_input_p.bind(dy, w, shape=x.shape, **geometry)
    dw = conv_grad_filter_p.bind(x, dy, shape=w.shape, **geometry)
    for layout in (1, 2, 3):
        geometry["layout"] = layout
        x_given, dx_wanted = (turned(x), turned(dx)) if layout & 1 else (x, dx)
        dy_given, y_wanted = (turned(dy), turned(y)) if layout & 2 else (dy, y)
        same(conv_p.bind(x_given, w, **geometry), y_wanted)
        same(conv_grad_input_p.bind(dy_given, w, shape=dx_wanted.shape, **geometry), dx_wanted)
        dw_got = conv_grad_filter_p.bind(x_given, dy_given, shape=w.shape, **geometry)
        if layout == 3 and name in OTHER_ORDER:
            error = {"float32": 1e-6, "float64": 1e-14, "bfloat16": 1e-2}[dtype]
            dw_got, dw_wanted = np.asarray(ops.cast(dw_got, "float64")), np.asarray(ops.cast(dw, "float64"))
            np.testing.assert_allclose(dw_got, dw_wanted, rtol=error, atol=error * np.abs(dw_wanted).max())
        else:
            same(dw_got, dw)


FIRST = {"data_format": "channels_first"}


def layer(x, w, b, data_format):
    y = ops.conv(x, w, padding="same", data_format=data_format)
    return ops.relu(ops.add(y, b if data_format == "channels_last" else ops.reshape(b, (1, b.shape[0], 1, 1))))


def gradients(f, *args):
    with keras.GradientTape() as tape:
        tape.watch(args)
        y = f(*args)
    return y, *tape.gradient(y, args)


def test_layer_and_its_gradients():
    x, w, b = rand(2, 14, 15, 24), rand(3, 3, 24, 20), rand(20)
    given = turned(x), w, b
    want = gradients(lambda *a: layer(*a, "channels_last"), x, w, b)
    got = gradients(lambda *a: layer(*a, "channels_first"), *given)
    program = compile(
        lambda *a: gradients(lambda *a: layer(*a, "channels_first"), *a), *[(a.shape, a.dtype) for a in given]
    )
    assert "transpose" not in str(program)
    for result in (got, program.run(list(given))):
        same(turned(result[0], False), want[0])
        same(turned(result[1], False), want[1])
        same(result[2], want[2])
        np.testing.assert_allclose(result[3], want[3], rtol=1e-5)  # sums over channels that come first


@pytest.mark.parametrize(("images", "turns"), [(7, False), (6, True)])
def test_single_places_are_not_turned_where_there_are_many(images, turns):
    def f(x, w, b):
        return gradients(lambda x, w, b: layer(x, w, b, "channels_first"), x, w, b)

    x, w, b = turned(rand(images, 8, 10, 24)), rand(1, 1, 24, 20), rand(20)
    program = compile(f, *[(a.shape, a.dtype) for a in (x, w, b)])
    assert ("transpose" in str(program)) == turns
    want = gradients(lambda *a: layer(*a, "channels_last"), turned(x, False), w, b)
    for got in (f(x, w, b), program.run([x, w, b])):
        same(turned(got[0], False), want[0])
        same(turned(got[1], False), want[1])
        np.testing.assert_allclose(got[2], want[2], rtol=1e-5, atol=1e-5)


def test_infinite_filters_do_not_meet_padding():
    x, w = rand(2, 7, 9, 2), np.array(rand(3, 3, 2, 32))
    w[0, 2, 1, 5], w[2, 0, 0, 31] = np.inf, np.nan
    want = np.asarray(ops.conv(x, w, padding="same"))
    assert np.isfinite(want[:, 0, :, 5]).all() and not np.isfinite(want[:, 1, 0, 5]).any()
    np.testing.assert_array_equal(turned(ops.conv(turned(x), w, padding="same", **FIRST), False), want)


def test_bias_and_activation_are_absorbed():
    shapes = ((2, 16, 9, 9), "float32"), ((3, 3, 16, 16), "float32"), ((16,), "float32")
    program = compile(lambda x, w, b: layer(x, w, b, "channels_first"), *shapes)
    assert program.n_kernels == 1, program
    # a bias along the last dimension of images whose channels come first is none of the kernel's
    square = ((2, 16, 16, 16), "float32")
    program = compile(
        lambda x, w, b: ops.conv(x, w, padding="same", data_format="channels_first") + b, square, *shapes[1:]
    )
    assert "fused[add]" in str(program)
    x, w, b = rand(2, 16, 16, 16), rand(3, 3, 16, 16), rand(16)
    same(program.run([x, w, b]), ops.conv(x, w, padding="same", data_format="channels_first") + b)


def test_what_was_turned_is_read_as_it_was():
    def f(x, w):
        y = ops.max_pool(x, 2, data_format="channels_first")
        return ops.conv(y, w, padding="same", data_format="channels_first")

    x, w = rand(2, 16, 20, 18), rand(3, 3, 16, 16)
    program = compile(f, (x.shape, x.dtype), (w.shape, w.dtype))
    assert str(program).count("transpose") == 1, program
    same(program.run([x, w]), f(x, w))
    other = (0, 2, 1, 3)  # not the way of layouts: stays
    program = compile(lambda x, w: f(ops.transpose(x, other), w), ((2, 20, 16, 18), x.dtype), (w.shape, w.dtype))
    same(program.run([ops.transpose(x, other), w]), f(x, w))


def network(x, w0, b0, w1, b1):
    b0, b1 = [ops.reshape(b, (b.shape[0], 1, 1)) for b in (b0, b1)]
    y = ops.max_pool(ops.relu(ops.conv(x, w0, padding="same", **FIRST) + b0), 2, **FIRST)
    return ops.max_pool(ops.relu(ops.conv(y, w1, padding="same", **FIRST) + b1), 2, **FIRST)


def test_networks_lie_as_their_kernels_want_them():
    args = rand(3, 3, 16, 20), rand(3, 3, 3, 16), rand(16), rand(3, 3, 16, 24), rand(24)
    avals = [(a.shape, a.dtype) for a in args]
    program = compile(network, *avals)
    assert str(program).count("transpose(") == 2 and "fused" not in str(program), program  # at the ends
    same(program.run(list(args)), network(*args))
    program = compile(lambda *a: gradients(network, *a), *avals)
    # x and its gradient, y and its gradient, and a sum over each layer's gradient, which lies as it did for the tape
    assert str(program).count("transpose(") <= 6, program
    for got, want in zip(program.run(list(args)), gradients(network, *args), strict=True):
        same(got, want)


CONSTANT = np.arange(16, dtype="float32").reshape(16, 1, 1)
STEPS = {
    "numbers": lambda y, b: ops.tanh(y * 2.0) + 1.0,
    "a constant a channel": lambda y, b: y * CONSTANT,
    "a cast": lambda y, b: ops.cast(y > 0.5, "float32"),
    "two of them": lambda y, b: ops.maximum(y, ops.exp(-y)),
    "one a row": lambda y, b: y + b[:9],  # along the columns: stays
    "one an image": lambda y, b: y + ops.reshape(b[:2], (2, 1, 1, 1)),  # stays
    "all channels of one place": lambda y, b: y + ops.reshape(b, (1, 16, 1, 1)) * ops.ones((2, 16, 9, 9)),  # stays
    "read otherwise": lambda y, b: (y + ops.reshape(b, (16, 1, 1))) * ops.max(y, (2, 3), keepdims=True),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_between_transposes(name):
    def f(x, w, b):
        y = STEPS[name](ops.conv(x, w, strides=2, **FIRST), b)
        return ops.average_pool(y, 2, **FIRST), ops.sum(y, (0, 2, 3))

    args = rand(2, 5, 19, 19), rand(3, 3, 5, 16), rand(16)
    program = compile(f, *[(a.shape, a.dtype) for a in args])
    for got, want in zip(program.run(list(args)), f(*args), strict=True):
        same(got, want)


def deep(x, w0, b0, w1, w2):
    y = ops.relu(ops.conv(x, w0, padding="same", **FIRST) + ops.reshape(b0, (b0.shape[0], 1, 1)))
    y = ops.tanh(ops.conv(y, w1, padding="same", **FIRST))
    return ops.average_pool(ops.conv(y, w2, padding="same", **FIRST), 2, **FIRST)


def test_gradients_of_convolutions_in_a_row():
    args = rand(2, 3, 15, 18), rand(3, 3, 3, 16), rand(16), rand(3, 3, 16, 24), rand(3, 3, 24, 8)
    program = compile(lambda *a: gradients(deep, *a), *[(a.shape, a.dtype) for a in args])
    for got, want in zip(program.run(list(args)), gradients(deep, *args), strict=True):
        same(got, want)
    assert str(program).count("transpose(") <= 4, program  # at the ends, and before a sum
    assert "layout" not in str(program), program  # no kernel turns images over


def between_pools(x, w):
    y = ops.relu(ops.max_pool(x, 2, **FIRST))
    return ops.max_pool(ops.tanh(ops.conv(y, w, padding="same", **FIRST)), 2, **FIRST)


# each reads what was turned by itself, so that no other convolution finds it
READERS = {
    "conv": lambda x, w: between_pools(x, w),
    "to data": lambda x, w: gradients(lambda x: between_pools(x, w), x)[1],
    "to filters": lambda x, w: gradients(lambda w: between_pools(x, w), w)[1],
}


@pytest.mark.parametrize("name", READERS)
def test_steps_that_convolutions_read(name):
    args = rand(2, 16, 18, 16), rand(3, 3, 16, 16)
    program = compile(READERS[name], *[(a.shape, a.dtype) for a in args])
    assert str(program).count("transpose(") <= 2 and "layout" not in str(program), program  # at the ends
    for made, told in re.findall(r"%\d+\[([^]]+)\] float32 = conv_grad_input\(.*?shape=\(([^)]+)\)", str(program)):
        assert made == told, program
    same(program.run(list(args)), READERS[name](*args))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("sizes", "window", "channels"), [((28, 28), 3, 1), ((31, 29), 3, 1), ((56, 32), 3, 3)])
def test_results_past_the_caches(first, sizes, window, channels):
    shape = (136, *sizes, channels)
    x, w, b = rand(*shape), rand(window, window, channels, 32), rand(32)
    geometry = {"strides": (1, 1), "dilation": (1, 1), "pads": (1,) * 4, "groups": 1, "layout": 3 if first else 0}
    given = turned(x) if first else x
    whole = conv_p.bind(given, w, b, activation="relu", **geometry)
    parts = [conv_p.bind(given[i : i + 34], w, b, activation="relu", **geometry) for i in range(0, 136, 34)]
    same(whole, ops.concatenate(parts, axis=0))
