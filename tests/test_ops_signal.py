"""Fourier transforms, complex pairs, CTC, and the rarer functions: values, traces, symbolic shapes, derivatives."""

import itertools
import math

import numpy as np
import pytest

import ckeras
from ckeras import ops
from composites import Call, Calls, check_gradient

rng = np.random.default_rng(11)
x, y = rng.normal(size=(3, 8)), rng.normal(size=(3, 8))
odd_x, odd_y = rng.normal(size=(2, 3, 7)), rng.normal(size=(2, 3, 7))
half = (rng.normal(size=(3, 5)), rng.normal(size=(3, 5)))
signal = rng.normal(size=(2, 40))
whole, other = rng.integers(-40, 40, (4, 6)).astype("int32"), rng.integers(-40, 40, (4, 6)).astype("int32")


def pair(z):
    return z.real, z.imag


def erfc(x):
    return np.vectorize(math.erfc)(x)


def frames(x, length, stride, size, window, center=True):
    """The short-time transform as its definition says, one frame at a time."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    w = np.ones(size) if window is None else hann if isinstance(window, str) else window
    before = (size - w.size) // 2
    w = np.pad(w, (before, size - w.size - before))
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(size // 2, size // 2)], mode="reflect")
    out = [np.fft.rfft(x[..., i : i + size] * w) for i in range(0, x.shape[-1] - size + 1, stride)]
    return pair(np.stack(out, -2))


def stft(window="hann", center=True):
    args = {"sequence_length": 12, "sequence_stride": 5, "fft_length": 16, "window": window, "center": center}
    return Call("stft", (signal,), lambda x, **k: frames(x, 12, 5, 16, window, center), args, 2, rtol=1e-5)


STFT = frames(signal, 12, 5, 16, "hann")
ISTFT = {"sequence_length": 12, "sequence_stride": 5, "fft_length": 16}
CALLS = [
    Call("fft", ((x, y),), lambda p: pair(np.fft.fft(p[0] + 1j * p[1])), order=2),
    Call("fft", ((odd_x, odd_y),), lambda p: pair(np.fft.fft(p[0] + 1j * p[1]))),
    Call("fft2", ((odd_x, odd_y),), lambda p: pair(np.fft.fft2(p[0] + 1j * p[1])), order=2),
    Call("ifft2", ((odd_x, odd_y),), lambda p: pair(np.fft.ifft2(p[0] + 1j * p[1])), order=2),
    Call("rfft", (x,), lambda x: pair(np.fft.rfft(x)), order=2),
    Call("rfft", (odd_x,), lambda x, fft_length: pair(np.fft.rfft(x, fft_length)), {"fft_length": 5}),
    Call("rfft", (odd_x,), lambda x, fft_length: pair(np.fft.rfft(x, fft_length)), {"fft_length": 12}),
    Call("irfft", (half,), lambda p: np.fft.irfft(p[0] + 1j * p[1]), order=2),
    Call("irfft", (half,), lambda p, fft_length: np.fft.irfft(p[0] + 1j * p[1], fft_length), {"fft_length": 7}),
    Call("irfft", (half,), lambda p, fft_length: np.fft.irfft(p[0] + 1j * p[1], fft_length), {"fft_length": 14}),
    Call("irfft", (half,), lambda p, fft_length: np.fft.irfft(p[0] + 1j * p[1], fft_length), {"fft_length": 1}),
    stft(),
    stft(None),
    stft(np.arange(12.0)),
    stft("hann", False),
    Call("istft", (STFT,), lambda p, **k: signal, ISTFT, order=2, rtol=1e-5),
    Call("istft", (STFT,), lambda p, **k: signal[:, :33], {**ISTFT, "length": 33}, rtol=1e-5),
    Call("erfc", (np.concatenate([x.ravel() * 2, [0.0, -30.0]]),), erfc, order=2),
    Call("erfc", (np.linspace(3, 9, 50),), erfc, order=0),
    Call("i0", (x * 4,), np.i0, order=2),
    Call("i0", (np.array([0.0, 19.9, 20.1, -50.0, 80.0]),), np.i0, order=0, rtol=1e-6),
    Call("gcd", (whole, other), np.gcd, order=0),
    Call("lcm", (whole, other[0]), np.lcm, order=0),
    Call("lcm", (whole[:0], other[:0]), np.lcm, order=0, symbolic=False),
    Call("rearrange", (odd_x, "a b c -> c a b"), lambda x, p: x.transpose(2, 0, 1), order=2),
    Call(
        "rearrange",
        (x, "a (b c) -> (c a) b"),
        lambda x, p, b: x.reshape(3, 2, 4).transpose(2, 0, 1).reshape(12, 2),
        {"b": 2},
    ),
    Call("rearrange", (odd_x, "a ... -> ... 1 a"), lambda x, p: np.moveaxis(x, 0, -1)[..., None, :]),
    Call("rearrange", (odd_x, "a ... c -> (... c) a"), lambda x, p: np.moveaxis(x, 0, -1).reshape(21, 2)),
    Call("real", (x,), np.real),
    Call("absolute", (x,), np.abs),
    Call("cumsum", (odd_x, 1), np.cumsum, order=2),
    Call("cumprod", (odd_x, -1), np.cumprod, order=2),
    Call("cumprod", (np.array([2.0, 0.0, 3.0, 0.0, 5.0]),), np.cumprod, order=2, symbolic=False),
]


class TestCalls(Calls):
    calls = CALLS


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("n", [1 << 15, 3000, 1 << 17])
def test_long_rows_are_transformed_in_float64(rows, n):
    x, y = np.random.default_rng(n).normal(size=(2, rows, n))
    real, imag = ops.fft((x, y))
    want = np.fft.fft(x + 1j * y)
    np.testing.assert_allclose(real.numpy() + 1j * imag.numpy(), want, atol=1e-13 * np.abs(want).max(), rtol=0)
    real, imag = ops.rfft(x)
    want = np.fft.rfft(x)
    np.testing.assert_allclose(real.numpy() + 1j * imag.numpy(), want, atol=1e-13 * np.abs(want).max(), rtol=0)


def test_erfc_is_exact_in_float64():
    points = np.linspace(-6, 26, 400)
    np.testing.assert_allclose(ops.erfc(points.astype("float64")).numpy(), erfc(points), rtol=2e-13)
    assert np.isnan(float(ops.erfc(np.nan))) and float(ops.erfc(np.inf)) == 0 and float(ops.erfc(-np.inf)) == 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_nextafter(dtype):
    ml = pytest.importorskip("ml_dtypes")
    kind = np.dtype(getattr(ml, dtype, dtype))
    values = np.array([0.0, -0.0, 1.0, -1.0, 2.0, 0.1, np.inf, -np.inf, np.nan, 1e-3]).astype(kind)
    a, b = (m.ravel() for m in np.meshgrid(values, values))
    got, want = ops.nextafter(a, b).numpy(), np.nextafter(a, b)
    number = ~np.isnan(want) & (a != b)
    integer = f"int{8 * kind.itemsize}"
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(got[number].view(integer), want[number].view(integer))


def test_view():
    a = np.arange(8, dtype="int32").reshape(2, 4)
    for dtype in ("float32", "uint32", "int16", "uint8", "int64", "float64"):
        np.testing.assert_array_equal(ops.view(a, dtype).numpy(), a.view(dtype))
        symbol = ops.view(ckeras.Input((4,), dtype="int32"), dtype)
        assert symbol.shape == (None, a.view(dtype).shape[1]) and symbol.dtype == dtype
    assert ops.view(a).dtype == "int32"
    np.testing.assert_array_equal(ops.view(np.array([True, False]), "uint8").numpy(), [1, 0])
    traced = ckeras.function(lambda t: ops.view(t * 2, "int32"))(ops.ones(3))
    np.testing.assert_array_equal(traced.numpy(), np.full(3, 2, "float32").view("int32"))


# ---- complex pairs


def test_complex_arithmetic_is_numpys():
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    p, q = ops.view_as_complex(a), ops.view_as_complex(b)
    u, v = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    assert p.dtype == "complex128" and p.shape == (4,) and ops.view_as_complex(a.astype("float32")).dtype == "complex64"
    for got, want in [
        (p + q, u + v), (p - q, u - v), (p * q, u * v), (p / q, u / v), (2.0 * p, 2 * u), (1j * p, 1j * u),
        (1.0 - p, 1 - u), (2.0 / p, 2 / u), (-p, -u), (ops.conj(p), u.conj()), (p + 1j, u + 1j),
    ]:  # fmt: skip
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-12)
    np.testing.assert_array_equal(ops.view_as_real(p).numpy(), a)
    np.testing.assert_allclose(ops.abs(p).numpy(), np.abs(u))
    np.testing.assert_allclose(ops.angle(p).numpy(), np.angle(u))
    np.testing.assert_array_equal(ops.real(u).numpy(), u.real)
    np.testing.assert_allclose(ops.polar(np.abs(u), np.angle(u)).numpy(), u, rtol=1e-12)
    np.testing.assert_allclose(ops.real(ckeras.function(lambda z: ops.view_as_complex(z) * 2.0)(a)).numpy(), 2 * u.real)
    g = ckeras.grad(lambda z: ops.sum(ops.abs(ops.view_as_complex(z) * q)))(ops.convert_to_tensor(a))
    np.testing.assert_allclose(g.numpy(), a / np.abs(u)[:, None] * np.abs(v)[:, None], rtol=1e-10)
    symbol = ops.view_as_complex(ckeras.Input((3, 2)))
    assert symbol.shape == (None, 3) and ops.view_as_real(symbol).shape == (None, 3, 2)


# ---- CTC


def _paths(logits, blank):
    """All label sequences with their probabilities."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        labels = tuple(c for c, _ in itertools.groupby(path) if c != blank)
        found[labels] = found.get(labels, 0) + math.prod(p[i, c] for i, c in enumerate(path))
    return found


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_loss_and_beam_search_against_all_paths(blank):
    logits = rng.normal(size=(2, 5, 4)) * 2
    lengths = np.array([5, 3], "int32")
    paths, scores = ops.ctc_decode(logits, lengths, "beam_search", beam_width=500, top_paths=3, mask_index=blank)
    for b, n in enumerate(lengths):
        found = _paths(logits[b, :n], blank)
        best = sorted(found, key=found.get, reverse=True)[:3]
        for i, labels in enumerate(best):
            assert paths.numpy()[i, b].tolist() == [*labels] + [-1] * (5 - len(labels))
            np.testing.assert_allclose(scores.numpy()[b, i], np.log(found[labels]), rtol=1e-9)
            target = np.array([[*labels, 3, 3, 3, 3]], "int32")
            loss = ops.ctc_loss(target, logits[b : b + 1], [len(labels)], [n], mask_index=blank)
            np.testing.assert_allclose(float(loss[0]), -np.log(found[labels]), rtol=1e-9)


def test_ctc_derivative_reaches_the_logits():
    target, lengths = np.array([[1, 2, 2], [3, 1, 0]], "int32"), np.array([3, 2], "int32")
    check_gradient(Call("ctc_loss", (target, rng.normal(size=(2, 7, 4)), lengths, np.array([7, 5], "int32")), None))
    loss = lambda z: ops.sum(ops.ctc_loss(target, z, lengths, [7, 1]))  # noqa: E731
    z = ops.convert_to_tensor(rng.normal(size=(2, 7, 4)))
    assert np.isinf(float(loss(z))) and (ckeras.grad(loss)(z).numpy()[1] == 0).all()
    with pytest.raises(ValueError, match="first derivative alone"):
        ckeras.grad(lambda z: ops.sum(ckeras.grad(loss)(z) ** 2))(z)


def test_greedy_decoding():
    best = np.array([[1, 1, 0, 1, 2, 2], [0, 3, 3, 0, 2, 1]])
    logits = np.eye(4)[best] * 5
    for merge, blank, want in [
        (True, 0, [[1, 1, 2, -1, -1, -1], [3, 2, -1, -1, -1, -1]]),
        (False, 0, [[1, 1, 1, 2, 2, -1], [3, 3, 2, -1, -1, -1]]),
        (True, None, [[1, 0, 1, 2, -1, -1], [0, 0, 2, -1, -1, -1]]),
    ]:
        paths, scores = ops.ctc_decode(logits, [6, 5], merge_repeated=merge, mask_index=blank)
        assert paths.numpy()[0].tolist() == want and paths.dtype == "int32"
        assert scores.numpy().tolist() == [[-30], [-25]]
    symbols = ops.ctc_decode(ckeras.Input((6, 4)), ckeras.Input((), dtype="int32"))
    assert symbols[0].shape == (1, None, 6) and symbols[1].shape == (None, 1)


BAD = [
    ("fft", lambda: ops.fft(x)),
    ("fft", lambda: ops.fft((x, y[:, :4]))),
    ("fft2", lambda: ops.fft2((x[0], y[0]))),
    ("rfft", lambda: ops.rfft(x, fft_length=0)),
    ("rfft", lambda: ops.rfft(3.0)),
    ("rfft", lambda: ops.rfft(np.zeros((2, 0)))),
    ("irfft", lambda: ops.irfft((x[:, :1], x[:, :1]))),
    ("stft", lambda: ops.stft(signal, 20, 8, 16)),
    ("stft", lambda: ops.stft(signal, 12, 0, 16)),
    ("stft", lambda: ops.stft(signal, 12, 8, 16, window="blackman")),
    ("stft", lambda: ops.stft(signal, 12, 8, 16, window=np.ones(16))),
    ("stft", lambda: ops.stft(signal[:, :8], 12, 8, 16)),
    ("stft", lambda: ops.stft(signal[:, :8], 12, 8, 16, center=False)),
    ("istft", lambda: ops.istft((x, y), 12, 5, 16)),
    ("istft", lambda: ops.istft(STFT, 12, 5, 16, length=-1)),
    ("gcd", lambda: ops.gcd(x, 2)),
    ("lcm", lambda: ops.lcm(True, False)),
    ("view", lambda: ops.view(np.arange(3, dtype="int16"), "int32")),
    ("view", lambda: ops.view(np.arange(3), "bool")),
    ("view", lambda: ops.view(np.int32(3), "int16")),
    ("rearrange", lambda: ops.rearrange(x, "a b c -> a b c")),
    ("rearrange", lambda: ops.rearrange(x, "a b -> a")),
    ("rearrange", lambda: ops.rearrange(x, "a (b c) -> a b c")),
    ("rearrange", lambda: ops.rearrange(x, "a (b c) -> a b c", b=3)),
    ("rearrange", lambda: ops.rearrange(x, "a b -> b a", q=3)),
    ("rearrange", lambda: ops.rearrange(x, "a b -> b a", a=-3)),
    ("rearrange", lambda: ops.rearrange(x, "a b, b a")),
    ("rearrange", lambda: ops.rearrange(x, "a ((b) c) -> b a c")),
    ("rearrange", lambda: ops.rearrange(x, "a) b -> b a")),
    ("view_as_complex", lambda: ops.view_as_complex(x)),
    ("view_as_complex", lambda: ops.view_as_complex([1, 2])),
    ("view_as_real", lambda: ops.view_as_real(x)),
    ("convert_to_tensor", lambda: ops.exp(ops.view_as_complex(np.ones((3, 2))))),
    ("cumsum", lambda: ops.cumsum(x, axis=2)),
    ("cumsum", lambda: ops.cumsum(x, axis=0, dtype="bool")),
    ("ctc_loss", lambda: ops.ctc_loss([[4]], np.zeros((1, 3, 4)), [1], [3])),
    ("ctc_loss", lambda: ops.ctc_loss([[0]], np.zeros((1, 3, 4)), [1], [3])),
    ("ctc_loss", lambda: ops.ctc_loss([[1]], np.zeros((1, 3, 4)), [2], [3])),
    ("ctc_loss", lambda: ops.ctc_loss([[1]], np.zeros((1, 3, 4)), [1], [4])),
    ("ctc_loss", lambda: ops.ctc_loss([[1]], np.zeros((1, 3, 4)), [1], [3], mask_index=4)),
    ("ctc_loss", lambda: ops.ctc_loss([1], np.zeros((1, 3, 4)), [1], [3])),
    ("ctc_loss", lambda: ops.ctc_loss([[1]], np.zeros((3, 4)), [1], [3])),
    ("ctc_loss", lambda: ops.ctc_loss([[1]], np.zeros((1, 3, 4)), [[1]], [3])),
    ("ctc_decode", lambda: ops.ctc_decode(np.zeros((1, 3, 4)), [4])),
    ("ctc_decode", lambda: ops.ctc_decode(np.zeros((1, 3, 4)), [3], strategy="best")),
    ("ctc_decode", lambda: ops.ctc_decode(np.zeros((1, 3, 4)), [3], top_paths=2)),
    ("ctc_decode", lambda: ops.ctc_decode(np.zeros((1, 3, 4)), [3], "beam_search", beam_width=0)),
    ("ctc_decode", lambda: ops.ctc_decode(np.zeros((1, 3, 4)), [3], "beam_search", beam_width=2, top_paths=3)),
]


@pytest.mark.parametrize("op, call", BAD, ids=[f"{b[0]}-{i}" for i, b in enumerate(BAD)])
def test_the_message_names_the_op(op, call):
    with pytest.raises((ValueError, TypeError)) as e:
        call()
    assert f"[{op}]" in str(e.value) and len(str(e.value)) > 20, str(e.value)
