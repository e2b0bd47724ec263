"""Initializers: fans, moments, the golden values of a seed, configs."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

import ckeras as keras
from ckeras import _engine, initializers

GOLDEN = Path(__file__).parent / "golden" / "initializers.json"
SEEDED = {
    "RandomUniform": {},
    "RandomNormal": {},
    "TruncatedNormal": {},
    "GlorotUniform": {},
    "GlorotNormal": {},
    "HeUniform": {},
    "HeNormal": {},
    "LecunUniform": {},
    "LecunNormal": {},
    "Orthogonal": {},
}


# Orthogonal goes through NumPy's QR, whose last bits follow its LAPACK; without fused multiply-adds, last bits differ.
EXACT_ISAS = ("avx2", "avx512", "neon")


def values(name, shape=(3, 5)):
    made = getattr(initializers, name)(seed=1234, **SEEDED[name])
    return made(shape).numpy()


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_gives_the_same_weights_in_every_version(name):
    golden = json.loads(GOLDEN.read_text())[name]
    exact = name != "Orthogonal" and _engine.isa() in EXACT_ISAS
    expected = np.array(golden["values"], "float32")
    np.testing.assert_allclose(values(name), expected, rtol=0 if exact else 2e-6, atol=0 if exact else 1e-7)
    np.testing.assert_array_equal(values(name), values(name))
    if exact:  # many groups of blocks and a ragged end
        assert hashlib.sha256(values(name, (37, 41)).tobytes()).hexdigest() == golden["sha256"]


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("GlorotUniform", 2 / 500),
        ("GlorotNormal", 2 / 500),
        ("HeUniform", 2 / 200),
        ("HeNormal", 2 / 200),
        ("LecunUniform", 1 / 200),
        ("LecunNormal", 1 / 200),
    ],
)
def test_variance_of_the_scaled_ones(name, variance):
    w = getattr(initializers, name)(seed=7)((200, 300)).numpy()
    assert abs(w.mean()) < 3 * math.sqrt(variance / w.size) + 1e-4
    assert w.var() == pytest.approx(variance, rel=0.03)
    limit = math.sqrt(3 * variance) if "Uniform" in name else 2 * math.sqrt(variance) / 0.8796
    assert np.abs(w).max() <= limit * 1.0001


def test_fans_of_a_convolution():
    from ckeras.initializers.random_initializers import compute_fans

    assert compute_fans((3, 3, 8, 16)) == (72, 144)
    assert compute_fans((5,)) == (5, 5) and compute_fans(()) == (1, 1)
    assert compute_fans((2, 3, 4), input_axes=(0,), output_axes=(1, 2)) == (2, 12)


def test_orthogonal():
    for shape in ((6, 4), (4, 6), (2, 3, 4)):
        w = initializers.Orthogonal(gain=2.0, seed=1)(shape).numpy().reshape(-1, shape[-1])
        product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_plain_ones():
    np.testing.assert_array_equal(initializers.Zeros()((2,)).numpy(), [0, 0])
    np.testing.assert_array_equal(initializers.Ones()((2,), "int32").numpy(), [1, 1])
    np.testing.assert_array_equal(initializers.Constant(3)((2,)).numpy(), [3, 3])
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)).numpy(), 2 * np.eye(2, 3))


def test_seeds():
    generator = keras.random.SeedGenerator(1)
    made = initializers.RandomUniform(seed=generator)
    assert not np.array_equal(made((4,)).numpy(), made((4,)).numpy())
    keras.utils.set_random_seed(3)
    first = initializers.GlorotUniform()((4, 4)).numpy()
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(initializers.GlorotUniform()((4, 4)).numpy(), first)


@pytest.mark.parametrize("name", [*SEEDED, "VarianceScaling", "Zeros", "Constant", "Identity"])
def test_config_round_trip(name):
    made = getattr(initializers, name)()
    config = initializers.serialize(made)
    assert config["module"] == "keras.initializers" and config["class_name"] == name
    assert initializers.serialize(initializers.deserialize(config)) == config


def test_names_and_messages():
    assert isinstance(initializers.get("glorot_uniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    with pytest.raises(ValueError, match="'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(ValueError, match="scale"):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ValueError, match="seed"):
        initializers.RandomNormal(seed="x")
    with pytest.raises(ValueError, match="rank 2"):
        initializers.Orthogonal()((3,))


@pytest.mark.parametrize(
    "window, scaling, total", [("hann", "spectrum", 1.0), ("blackman", "density", None), (None, None, 8.0)]
)
def test_stft_is_the_transform(window, scaling, total):
    """Against NumPy's FFT of windowed frames."""
    frame = np.random.default_rng(0).normal(size=8)
    t = 2 * np.pi * np.arange(8) / 7
    weights = {
        "hann": 0.5 - 0.5 * np.cos(t),
        "blackman": 0.42 - 0.5 * np.cos(t) + 0.08 * np.cos(2 * t),
        None: np.ones(8),
    }
    w = (
        weights[window]
        / {"spectrum": weights[window].sum(), "density": np.linalg.norm(weights[window]), None: 1}[scaling]
    )
    want = np.fft.rfft(frame * w, 16)
    for side, part in (("real", want.real), ("imag", want.imag)):
        kernel = initializers.STFT(side, window, scaling)((8, 2, 9), "float64").numpy()
        np.testing.assert_allclose(frame @ kernel[:, 0], part, atol=1e-12)
        np.testing.assert_array_equal(kernel[:, 0], kernel[:, 1])
    if total:
        np.testing.assert_allclose(w.sum(), total)
    periodic = initializers.STFT(window=window or "boxcar", scaling=None, periodic=True)((8, 1, 9), "float64").numpy()
    longer = initializers.STFT(window=window or "boxcar", scaling=None)((9, 1, 9), "float64").numpy()
    np.testing.assert_allclose(periodic, longer[:8], atol=1e-12)


def test_stft_takes_arrays_and_refuses():
    given = initializers.STFT(window=np.arange(4.0), scaling=None)
    np.testing.assert_allclose(given((4, 1, 3))[:, 0, 0], np.arange(4.0))
    again = initializers.deserialize(initializers.serialize(given))
    np.testing.assert_array_equal(again((4, 1, 3)), given((4, 1, 3)))
    for make in (
        lambda: initializers.STFT("left"),
        lambda: initializers.STFT(scaling="x"),
        lambda: initializers.STFT(window="han"),
        lambda: given((3, 1, 3)),
        lambda: given((4, 3)),
        lambda: given((4, 1, 1)),
    ):
        with pytest.raises(ValueError, match="STFT"):
            make()
