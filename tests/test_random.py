"""ckeras.random: distributions, streams that are the same traced or not, large ranges, refusals."""

import numpy as np
import pytest

import ckeras
from ckeras import _engine, ops, random

DRAWS = {
    "beta": lambda seed: random.beta((3, 40), 2.0, 0.5, seed=seed),
    "binomial": lambda seed: random.binomial((3, 40), 12, 0.3, seed=seed),
    "categorical": lambda seed: random.categorical(np.log([[0.1, 0.6, 0.3]]), 50, seed=seed),
    "gamma": lambda seed: random.gamma((3, 40), 0.7, seed=seed),
    "normal": lambda seed: random.normal((3, 40), seed=seed),
    "randint": lambda seed: random.randint((3, 40), -5, 2**31 - 1, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(120).reshape(3, 40), axis=1, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((3, 40), seed=seed),
    "uniform": lambda seed: random.uniform((3, 40), seed=seed),
}


@pytest.mark.parametrize("name", DRAWS)
def test_streams_are_the_same_traced_or_not(name):
    draw = DRAWS[name]
    eager = random.SeedGenerator(9)
    want = [draw(eager).numpy() for _ in range(3)]
    generator = random.SeedGenerator(9)
    traced = ckeras.function(lambda: draw(generator))
    for w in want:
        np.testing.assert_array_equal(traced().numpy(), w)
    assert not np.array_equal(want[0], want[1])
    np.testing.assert_array_equal(draw(4).numpy(), draw(4).numpy())
    assert not np.array_equal(draw(4).numpy(), draw(5).numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_moments(dtype):
    def moments(x):
        assert x.dtype == dtype
        values = x.numpy().astype("float64")
        return values.mean(), values.var()

    n = (20000,)
    mean, variance = moments(random.gamma(n, 3.0, dtype=dtype, seed=1))
    assert abs(mean - 3) < 0.1 and abs(variance - 3) < 0.2
    mean, variance = moments(random.beta(n, 2.0, 3.0, dtype=dtype, seed=1))
    assert abs(mean - 0.4) < 0.01 and abs(variance - 0.04) < 0.003
    mean, variance = moments(random.binomial(n, 50, 0.3, dtype=dtype, seed=1))
    assert abs(mean - 15) < 0.2 and abs(variance - 10.5) < 0.6
    u, v = (random.gamma(n, 1.0, seed=s).numpy() for s in (1, 2))
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.03


def test_parameters_broadcast():
    got = random.binomial((4, 3), np.array([0, 5, 9]), np.array([[0.0], [1.0], [0.5], [2.0]]), seed=1).numpy()
    np.testing.assert_array_equal(got[:2], [[0, 0, 0], [0, 5, 9]])
    assert np.isnan(got[3]).all() and (got[2] <= [0, 5, 9]).all()
    assert np.isnan(random.gamma((2,), [-1.0, 0.0], seed=1).numpy()).all()


def test_categorical_frequencies():
    p = np.array([[0.1, 0.6, 0.3], [0.98, 0.01, 0.01]])
    got = random.categorical(np.log(p), 20000, seed=3, dtype="int64")
    assert got.shape == (2, 20000) and got.dtype == "int64"
    for row, want in zip(got.numpy(), p):
        np.testing.assert_allclose(np.bincount(row, minlength=3) / 20000, want, atol=0.015)


@pytest.mark.parametrize(
    "low, high, dtype",
    [
        (0, 2**24 + 1, "int32"),
        (-(2**31), 2**31, "int32"),
        (0, 2**64, "uint64"),
        (-(2**63), 2**63, "int64"),
        (-5, 2**40, "int64"),
        (2**63, 2**63 + 3, "uint64"),
        (0, 256, "uint8"),
    ],
)
def test_large_ranges(low, high, dtype):
    got = random.randint((4000,), low, high, dtype, seed=2)
    assert got.dtype == dtype
    values = [int(v) for v in got.numpy()]
    assert min(values) >= low and max(values) < high
    assert abs(sum(values) / 4000 - (low + high) / 2) < (high - low) * 0.03


def test_shuffle_keeps_the_slices():
    x = np.arange(24).reshape(2, 3, 4)
    got = random.shuffle(x, axis=-1, seed=5).numpy()
    np.testing.assert_array_equal(np.sort(got, -1), x)
    assert (np.diff(got - got[:1, :1], axis=0) == 0).all() or (got[0, 0] != x[0, 0]).any()
    np.testing.assert_array_equal(got[0, 0], got[1, 2] - 20)


BAD = [
    ("gamma", lambda: random.gamma((2,), 1.0, dtype="int32")),
    ("gamma", lambda: random.gamma((2,), np.ones(3))),
    ("gamma", lambda: random.gamma((-2,), 1.0)),
    ("beta", lambda: random.beta((2,), 1.0, np.ones(3))),
    ("binomial", lambda: random.binomial((2,), 3, 0.5, dtype="int32")),
    ("binomial", lambda: random.binomial((2,), np.ones((2, 2)), 0.5)),
    ("categorical", lambda: random.categorical(np.zeros(3), 2)),
    ("categorical", lambda: random.categorical(np.zeros((2, 0)), 2)),
    ("categorical", lambda: random.categorical(np.zeros((2, 3)), -2)),
    ("categorical", lambda: random.categorical(np.zeros((2, 3)), 2, dtype="float32")),
    ("randint", lambda: random.randint((2,), 5, 5)),
    ("randint", lambda: random.randint((2,), 0, 2**32, "int32")),
    ("randint", lambda: random.randint((2,), -1, 2, "uint8")),
    ("randint", lambda: random.randint((2,), 0, 2, "float32")),
    ("shuffle", lambda: random.shuffle(ops.ones((2, 2)), axis=2)),
    ("uniform", lambda: random.uniform((2.5,))),
]


@pytest.mark.parametrize("op, call", BAD, ids=[f"{b[0]}-{i}" for i, b in enumerate(BAD)])
def test_the_message_names_the_function(op, call):
    with pytest.raises((ValueError, TypeError), match=rf"\[random\.{op}\]"):
        call()


@pytest.mark.parametrize("key", [(0, 0), (7, 3), (2**32 - 1, 2**40)])
def test_orders_are_those_of_numpys_generator(key):
    ours, theirs = _engine.Shuffler(*key), np.random.Generator(np.random.Philox(key=list(key)))
    for n in (0, 1, 2, 3, 7, 33, 2, 1000, 2**16, 2**16 + 1, 5):
        order = ours.permutation(n).numpy()
        assert order.dtype == "int64" and np.array_equal(order, theirs.permutation(n))


def test_orders_of_impossible_numbers_are_refused():
    with pytest.raises(ValueError, match="key1 must not be negative, got -1"):
        _engine.Shuffler(0, -1)
    for n in (-1, 2**32 + 1):
        with pytest.raises(ValueError, match=f"n must be from 0 to 4294967296, got {n}"):
            _engine.Shuffler(0, 0).permutation(n)
