"""Functions for networks made of others: values against plain NumPy, traces, symbolic shapes, derivatives."""

import numpy as np
import pytest

import ckeras
from ckeras import _engine, ops
from ckeras._core import settings
from ckeras._core.primitive import PRIMITIVES
from ckeras._core.program import compile
from ckeras._core.trace import trace_function
from composites import Call, Calls

rng = np.random.default_rng(11)


def n(*shape):
    return rng.normal(size=shape)


def average_pool(x, size, strides, padding):
    sizes = x.shape[1:-1]
    out = [(d - k) // s + 1 if padding == "valid" else -(-d // s) for d, k, s in zip(sizes, size, strides)]
    lows = [
        0 if padding == "valid" else max((o - 1) * s + k - d, 0) // 2 for d, k, s, o in zip(sizes, size, strides, out)
    ]
    y = np.zeros((x.shape[0], *out, x.shape[-1]))
    for place in np.ndindex(*out):
        window = tuple(
            slice(max(i * s - low, 0), min(i * s - low + k, d))
            for i, s, low, k, d in zip(place, strides, lows, size, sizes)
        )
        y[(slice(None), *place)] = x[(slice(None), *window)].mean(tuple(range(1, len(sizes) + 1)))
    return y


def adaptive(reduce):
    def pool(x, output_size):
        for axis, m in enumerate(output_size, 1):
            d = x.shape[axis]
            cuts = [(i * d // m, -(-(i + 1) * d // m)) for i in range(m)]
            x = np.stack([reduce(np.take(x, range(a, b), axis), axis) for a, b in cuts], axis)
        return x

    return pool


def conv_transpose(x, w, strides, padding):
    """Each input place adds the kernel, times its value, at its stride; `same` crops the overhang."""
    batch, h, v, _ = x.shape
    kh, kw, o, _ = w.shape
    sh, sw = strides
    full = np.zeros((batch, max((h - 1) * sh + kh, h * sh), max((v - 1) * sw + kw, v * sw), o))
    for i, j in np.ndindex(h, v):
        full[:, i * sh : i * sh + kh, j * sw : j * sw + kw] += np.einsum("bc,hwoc->bhwo", x[:, i, j], w)
    if padding == "valid":
        return full
    top, left = max(kh - sh, 0) // 2, max(kw - sw, 0) // 2
    return full[:, top : top + h * sh, left : left + v * sw]


def attention(
    q, k, v, bias=None, mask=None, scale=None, is_causal=False, flash_attention=None, attn_logits_soft_cap=None
):
    groups = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, groups, 2), np.repeat(v, groups, 2)
    logits = np.einsum("btnh,bsnh->bnts", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if attn_logits_soft_cap:
        logits = attn_logits_soft_cap * np.tanh(logits / attn_logits_soft_cap)
    logits = logits if bias is None else logits + bias
    logits = logits if mask is None else np.where(mask, logits, -np.inf)
    if is_causal:
        logits = np.where(np.tri(*logits.shape[-2:], dtype=bool), logits, -np.inf)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bnts,bsnh->btnh", p / p.sum(-1, keepdims=True), v)


def layer_norm(x, gamma, beta, axis, epsilon):
    axes = axis if isinstance(axis, tuple) else (axis,)
    shape = [d if i in [a % x.ndim for a in axes] else 1 for i, d in enumerate(x.shape)]
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return y * gamma.reshape(shape) + beta.reshape(shape)


def depth_to_space(a, b):
    n, h, w, c = a.shape
    return a.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // b**2)


def space_to_depth(a, b):
    n, h, w, c = a.shape
    return a.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, c * b**2)


def rms_norm(a, scale, axis, epsilon):
    return a / np.sqrt((a * a).mean(axis, keepdims=True) + epsilon) * scale


def sparsemax(x):
    out = np.zeros_like(x)
    for i, row in enumerate(x):
        low, high = row.min() - 1, row.max()
        for _ in range(200):
            mid = (low + high) / 2
            low, high = (mid, high) if np.maximum(row - mid, 0).sum() > 1 else (low, mid)
        out[i] = np.maximum(row - low, 0)
    return out


x = n(4, 6)
images = n(2, 7, 5, 3)
q, k, v = n(2, 5, 4, 3), n(2, 6, 2, 3), n(2, 6, 2, 3)
SIGMOID = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731

CALLS = [
    Call("glu", (x,), lambda a: a[:, :3] * SIGMOID(a[:, 3:])),
    Call("hard_shrink", (x,), lambda a: np.where(np.abs(a) <= 0.5, 0, a)),
    Call("soft_shrink", (x, 0.3), lambda a, t: np.sign(a) * np.maximum(np.abs(a) - t, 0)),
    Call("threshold", (x, 0.2, -7.0), lambda a, t, d: np.where(a > t, a, d)),
    Call("squareplus", (x,), lambda a: (a + np.sqrt(a * a + 4)) / 2),
    Call("sparse_plus", (x,), lambda a: np.where(a <= -1, 0, np.where(a < 1, (a + 1) ** 2 / 4, a))),
    Call("sparse_sigmoid", (x,), lambda a: np.clip((a + 1) / 2, 0, 1)),
    Call("multi_hot", (np.array([[0, 2], [1, 1]]), 4), lambda i, m: np.array([[1.0, 0, 1, 0], [0, 1, 0, 0]]), order=0),
    Call(
        "depth_to_space",
        (n(2, 3, 4, 8), 2),
        depth_to_space,
    ),
    Call(
        "space_to_depth",
        (n(2, 4, 6, 3), 2),
        space_to_depth,
    ),
    Call("psnr", (x, x + 0.1, 2.0), lambda a, b, m: 10 * np.log10(m * m / np.mean((a - b) ** 2)), rtol=1e-5),
    Call("cdist", (n(2, 4, 3), n(2, 5, 3)), lambda a, b: np.sqrt(((a[:, :, None] - b[:, None]) ** 2).sum(-1))),
    Call("normalize", (x,), lambda a: a / np.linalg.norm(a, axis=-1, keepdims=True)),
    Call("normalize", (x, 0, 3), lambda a, axis, p: a / np.linalg.norm(a, 3, axis, keepdims=True)),
    Call("layer_normalization", (x, n(6), n(6), -1, 1e-3), layer_norm),
    Call("layer_normalization", (n(3, 4, 5), n(4, 5), n(4, 5), (1, 2), 1e-3), layer_norm),
    Call(
        "rms_normalization",
        (x, n(6), -1, 1e-3),
        rms_norm,
    ),
    Call(
        "batch_normalization",
        (images, n(5), rng.uniform(1, 2, 5), 2, n(5), n(5)),
        lambda a, m, s, axis, o, g: ((a.swapaxes(2, 3) - m) / np.sqrt(s + 1e-3) * g + o).swapaxes(2, 3),
    ),
    Call("average_pool", (images, (2, 3), (2, 1), "valid"), average_pool),
    Call("average_pool", (images, (3, 2), (2, 2), "same"), average_pool),
    Call("average_pool", (n(2, 7, 3), (3,), (2,), "same"), average_pool),
    Call("adaptive_average_pool", (images, (3, 2)), adaptive(np.mean)),
    Call("adaptive_max_pool", (images, (3, 4)), adaptive(np.max)),
    Call("conv_transpose", (images, n(3, 3, 2, 3), (2, 2), "same"), conv_transpose),
    Call("conv_transpose", (images, n(3, 2, 2, 3), (1, 3), "same"), conv_transpose),
    Call("conv_transpose", (images, n(3, 3, 2, 3), (2, 2), "valid"), conv_transpose),
    Call("conv_transpose", (images, n(2, 1, 2, 3), (3, 2), "valid"), conv_transpose),
    Call("dot_product_attention", (q, k, v), attention),
    Call("dot_product_attention", (q, k, v), attention, {"is_causal": True, "scale": 0.3}),
    Call("dot_product_attention", (q, k, v, n(1, 4, 5, 6), rng.random((2, 1, 5, 6)) < 0.8), attention),
    Call("dot_product_attention", (q, k, v), attention, {"attn_logits_soft_cap": 2.0}),
    Call("dot_product_attention", (q, k, v), attention, {"flash_attention": True, "attn_logits_soft_cap": 2.0}),
    Call(
        "dot_product_attention",
        (q, k, v, n(4, 1, 6), rng.random((2, 1, 5, 6)) < 0.8),
        attention,
        {"flash_attention": False, "attn_logits_soft_cap": 2.0, "is_causal": True},
    ),
    Call("sparsemax", (x,), sparsemax, rtol=1e-5),
]


class TestCalls(Calls):
    calls = CALLS


def with_gradients(flash, arrays, dtype="float64", **options):
    """The result and the gradients of query, key, value and bias."""
    tensors = [ops.convert_to_tensor(a, dtype) for a in arrays]
    with ckeras.GradientTape() as tape:
        tape.watch(tensors)
        y = ops.dot_product_attention(*tensors, flash_attention=flash, **options)
        loss = ops.sum(y * ops.cos(ops.reshape(ops.arange(y.size, dtype=y.dtype), y.shape)))
    return [np.asarray(ops.cast(t, "float64")) for t in (y, *tape.gradient(loss, tensors))]


@pytest.mark.parametrize(
    "options",
    [{}, {"is_causal": True}, {"mask": "rows", "is_causal": True}, {"mask": "keys", "attn_logits_soft_cap": 1.5}],
    ids=str,
)
def test_attention_in_one_kernel_is_that_through_the_scores(options):
    arrays = (n(2, 203, 4, 6), n(2, 150, 2, 6), n(2, 150, 2, 6), n(4, 203, 1))
    if "mask" in options:  # with "rows" some queries see nothing: they get the mean of all values
        shape = {"rows": (1, 1, 203, 1), "keys": (2, 1, 1, 150)}[options["mask"]]
        options = {**options, "mask": rng.random(shape) < 0.5}
    for one, other in zip(with_gradients(True, arrays, **options), with_gradients(False, arrays, **options)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_attention_of_halves_computes_in_float32():
    arrays = (n(1, 9, 2, 8), n(1, 9, 2, 8), n(1, 9, 2, 8))
    wide = with_gradients(None, arrays)
    for got, want in zip(with_gradients(None, arrays, "bfloat16"), wide):
        np.testing.assert_allclose(got, want, atol=0.03 * np.abs(want).max())


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("op", [ops.layer_normalization, ops.rms_normalization])
def test_norms_of_halves_are_those_of_float32_rounded(op, half):
    x, upstream = ops.cast(n(5, 33), half), ops.cast(n(5, 33), half)
    gamma = ops.cast(n(33), "float32")

    def run(inside):
        with ckeras.GradientTape() as outer:
            outer.watch(x)
            with ckeras.GradientTape() as tape:
                tape.watch([x, gamma])
                y = ops.cast(op(ops.cast(x, inside), gamma), half)
            dx, dgamma = tape.gradient(y, [x, gamma], output_gradients=upstream)
        return y, dx, dgamma, outer.gradient(dx, x, output_gradients=upstream)

    for got, want in zip(run(half), run("float32")):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(ops.cast(got, "float32"), ops.cast(want, "float32"))


def test_norms_read_and_write_halves_without_casts():
    def f(x, gamma, upstream):
        with ckeras.GradientTape() as tape:
            tape.watch([x, gamma])
            y = ops.layer_normalization(x, gamma)
        return y, *tape.gradient(y, [x, gamma], output_gradients=upstream)

    half = ((6, 8), "bfloat16")
    listing = str(compile(f, half, ((8,), "float32"), half))
    assert listing.count("layer_norm") == 2 and "cast" not in listing, listing


def test_attention_makes_no_array_of_scores():
    x = ops.convert_to_tensor(n(1, 4000, 1, 8), "float32")  # scores of 64 MB
    _engine.release()
    _engine.reset_peak()
    before = _engine.memory()["in_use"]
    with ckeras.GradientTape() as tape:
        tape.watch(x)
        loss = ops.sum(ops.dot_product_attention(x, x, x))
    tape.gradient(loss, x)
    assert _engine.memory()["peak"] - before < 16 << 20


def test_infinite_bias_hides_keys():
    bias = np.where(np.arange(6) < 2, -np.inf, 0.0)
    got = ops.dot_product_attention(q, k, v, bias)
    np.testing.assert_allclose(got, ops.dot_product_attention(q, k[:, 2:], v[:, 2:]), rtol=1e-12)
    late = np.where(np.arange(200) < 150, -np.inf, 0.0)  # the whole first block of keys
    keys = n(2, 200, 2, q.shape[-1])
    got = ops.dot_product_attention(q, keys, keys, late)
    np.testing.assert_allclose(got, ops.dot_product_attention(q, keys[:, 150:], keys[:, 150:]), rtol=1e-12)


def test_the_switch_of_the_configuration_chooses_the_way():
    arrays = [x.astype("float32") for x in (n(1, 40, 1, 64), n(1, 200, 1, 64), n(1, 200, 1, 64))]
    forms, whole = (ops.dot_product_attention(*arrays, flash_attention=f).numpy() for f in (False, True))
    assert not np.array_equal(forms, whole)
    try:
        ckeras.config.disable_flash_attention()
        np.testing.assert_array_equal(ops.dot_product_attention(*arrays), forms)
        ckeras.config.enable_flash_attention()
        np.testing.assert_array_equal(ops.dot_product_attention(*arrays), whole)
    finally:
        settings._flash_attention = None


def test_separable_conv_is_two_convolutions():
    d, p = n(3, 3, 3, 2), n(1, 1, 6, 4)
    got = ops.separable_conv(images, d, p, padding="same")
    np.testing.assert_allclose(got, ops.conv(ops.depthwise_conv(images, d, padding="same"), p), rtol=1e-12)


def test_output_padding_sets_the_size():
    w = n(3, 3, 2, 3)
    same = ops.conv_transpose(images, w, 2, "same")
    np.testing.assert_array_equal(ops.conv_transpose(images, w, 2, "same", output_padding=1), same)
    np.testing.assert_allclose(ops.conv_transpose(images, w, 2, "same", output_padding=0), same[:, 1:, 1:], rtol=1e-12)
    assert ops.conv_transpose(images, w, 2, "valid", output_padding=1).shape == (2, 16, 12, 2)


def test_max_pool_keeps_places_only_for_a_gradient():
    """Under a tape the way back reads a byte a window, and neither the maxima's input nor another search."""

    def names(fn):
        trace, _, _ = trace_function(fn, [((2, 9, 9, 4), "float32")])
        return [e.primitive.name for e in trace.equations]

    def pool(x):
        return ops.max_pool(x, 3, 2)

    def gradient(x):
        with ckeras.GradientTape() as tape:
            tape.watch(x)
            y = pool(x * 2)
        return tape.gradient(y, x)

    def beside_a_tape(x):
        with ckeras.GradientTape():
            return pool(x)

    assert names(pool) == names(beside_a_tape) == ["max_pool"]
    assert [name for name in names(gradient) if "pool" in name] == ["max_pool_places", "max_pool_grad"]
    for size, dtype in [(256, "uint8"), (257, "int32")]:
        geometry = {"size": (size,), "strides": (1,), "pads": (0, 0)}
        assert PRIMITIVES["max_pool_places"].spec(ops.ones((2, 300, 4)), **geometry)[1] == ((2, 301 - size, 4), dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "bool"])
def test_max_pool_of_integers(dtype):
    x = ops.convert_to_tensor(np.random.default_rng(1).integers(-(2**62), 2**62, (2, 7, 6, 3)).astype(dtype))
    for padding in ("valid", "same"):
        for strides in (None, 1, (2, 1)):
            whole, part = (ops.max_pool(v, (3, 2), strides, padding) for v in (x, ops.cast(x % 2, "float32")))
            assert whole.dtype == dtype and whole.shape == part.shape
            got = ops.max_pool(ops.cast(x % 2, dtype), (3, 2), strides, padding)
            np.testing.assert_array_equal(got, part.numpy().astype(dtype))
    windows = np.lib.stride_tricks.sliding_window_view(x.numpy(), (3, 2), (1, 2))
    np.testing.assert_array_equal(ops.max_pool(x, (3, 2), 1), windows.max((-2, -1)))
    first = ops.max_pool(ops.transpose(x, (0, 3, 1, 2)), (3, 2), 1, data_format="channels_first")
    np.testing.assert_array_equal(ops.transpose(first, (0, 2, 3, 1)), windows.max((-2, -1)))
    np.testing.assert_array_equal(ops.adaptive_max_pool(x, 1)[:, 0, 0], x.numpy().max((1, 2)))


def test_channels_first_pools():
    first = images.transpose(0, 3, 1, 2)
    want = np.asarray(ops.average_pool(images, 2)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ops.average_pool(first, 2, data_format="channels_first"), want, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "source", "target", "want"),
    [
        ([-5.0, 300.0, 7.5], "float32", "uint8", [0, 255, 7]),
        ([-1e20, 1e20, 3.0], "float32", "int32", [-(2**31), 2147483520, 3]),
        ([-60000.0, 60000.0], "float16", "int16", [-32768, 32767]),
        ([-70000, 70000, 5], "int32", "int16", [-32768, 32767, 5]),
        ([-3, 5], "int8", "uint32", [0, 5]),
        ([-1e30, 1e30], "float32", "float16", [-65504.0, 65504.0]),
        ([2.5, -2.5], "float16", "float32", [2.5, -2.5]),
    ],
)
def test_saturate_cast(values, source, target, want):
    got = ops.saturate_cast(np.array(values, source), target)
    assert got.dtype == target and got.numpy().tolist() == want


def test_mistakes_are_named():
    for call, match in [
        (lambda: ops.glu(x[:, :5]), r"\[glu\] axis 1 .* even"),
        (lambda: ops.dot_product_attention(q, k[:, :, :1], v), r"\[dot_product_attention\] expected query"),
        (lambda: ops.dot_product_attention(q, k, v, mask=np.ones((4, 6), bool)), r"mask of shape \(4, 6\) does not"),
        (lambda: ops.dot_product_attention(q, k, v, np.ones((3, 1, 1, 1))), r"bias of shape \(3, 1, 1, 1\) does not"),
        (lambda: ops.dot_product_attention(q, k, v, attn_logits_soft_cap=-1), "soft_cap must be None or a positive"),
        (lambda: ops.conv_transpose(images, n(3, 3, 2, 4)), r"\[conv_transpose\] kernel must be"),
        (lambda: ops.conv_transpose(images, n(3, 3, 2, 3), 2, output_padding=2), "output_padding must be below"),
        (lambda: ops.batch_normalization(x, n(5), n(5), 1), r"\[batch_normalization\] mean must have shape \(6,\)"),
        (lambda: ops.multi_hot([1]), "num_classes must be given"),
    ]:
        with pytest.raises(ValueError, match=match):
            call()
