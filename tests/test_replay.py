"""Calls that come again are run by the engine alone: with the long way's results, where nothing else matters."""

import gc
import sys

import numpy as np
import pytest

import ckeras as keras
from ckeras import _engine, ops
from ckeras._core import hooks, program
from ckeras._core.errors import DataError, ShapeError
from ckeras._core.scope import autocast
from ckeras._core.short import short
from ckeras._core.tensor import Tensor

pytestmark = pytest.mark.usefixtures("fresh_replays")

TIMES = 18  # two more than it takes to learn a signature
X = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("float32"))
PLACES = ops.convert_to_tensor(np.array([2, 0, -1], "int32"))
M = ops.greater(X, 0.0)

# Calls that must be learnt.
CALLS = {
    "sum": lambda: ops.sum(X),
    "sum of rows, kept": lambda: ops.sum(X, axis=-1, keepdims=True),
    "mean": lambda: ops.mean(X, axis=0),
    "max": lambda: ops.max(X, 1),
    "var": lambda: ops.var(X, axis=(0, 1)),
    "argmax": lambda: ops.argmax(X, axis=1),
    "logsumexp": lambda: ops.logsumexp(X, axis=-1),
    "reshape": lambda: ops.reshape(X, (6, -1)),
    "reshape to its own": lambda: ops.reshape(X, (4, 6)),
    "transpose": lambda: ops.transpose(X),
    "expand_dims": lambda: ops.expand_dims(X, 0),
    "squeeze": lambda: ops.squeeze(X),
    "concatenate": lambda: ops.concatenate([X, X], axis=1),
    "concatenate of two dtypes": lambda: ops.concatenate((X, PLACES[:, None] * ops.ones((3, 6), "int32"))),
    "stack": lambda: ops.stack([X, X]),
    "split": lambda: ops.split(X, 3, axis=1),
    "split at": lambda: ops.split(X, [1, 2], axis=1),
    "unstack": lambda: ops.unstack(X),
    "meshgrid": lambda: ops.meshgrid(PLACES, PLACES),
    "rows": lambda: X[1:3],
    "row backwards": lambda: X[0, ::-1],
    "column": lambda: X[:, 0],
    "ellipsis and new": lambda: X[..., None, 2],
    "gathered": lambda: X[PLACES],
    "where": lambda: ops.where(M, X, 0.0),
    "softmax": lambda: ops.softmax(X),
    "softmax of columns": lambda: ops.softmax(X, axis=0),
    "relu": lambda: ops.relu(X),
    "silu": lambda: ops.silu(X),
    "scaled": lambda: X * 2.5,
    "a number less": lambda: 1 - X,
    "power": lambda: X**2,
    "matmul of vectors": lambda: ops.matmul(X, X[0]),
    "cast": lambda: ops.cast(X, "float16"),
    "astype": lambda: X.astype("int32"),
    "take": lambda: ops.take(X, PLACES, axis=0),
    "take of a list": lambda: ops.take(X, [1, 3], axis=1),
    "clip": lambda: ops.clip(X, -0.5, 0.5),
    "pad": lambda: ops.pad(X, ((1, 0), (0, 2))),
    "one_hot": lambda: ops.one_hot(PLACES, 4),
    "einsum": lambda: ops.einsum("ij,kj->ik", X, X),
    "zeros": lambda: ops.zeros((2, 3)),
    "ones": lambda: ops.ones([2, 3], dtype="int32"),
    "full": lambda: ops.full((3,), -0.0),
    "zeros_like": lambda: ops.zeros_like(X),
    "arange": lambda: ops.arange(7),
    "eye": lambda: ops.eye(3, k=1),
    "conv": lambda: ops.conv(ops.reshape(X, (1, 4, 6)), ops.ones((2, 6, 3)), 1, "valid"),
}


@pytest.fixture
def learnt(monkeypatch):
    """The names of the functions that were learnt so far, and what came of it."""
    found, learn = [], hooks.learn

    def noting(fn, *call):
        answer = learn(fn, *call)
        found.append((fn.__name__, answer))
        return answer

    monkeypatch.setattr(hooks, "learn", noting)
    return found


def facts(result):
    leaves = result if isinstance(result, (list, tuple)) else [result]
    return type(result), [(t.shape, t.dtype, t.numpy().tobytes(), t._repeats is None) for t in leaves]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_again(name, learnt):
    call = CALLS[name]
    first = facts(call())
    for _ in range(TIMES):
        assert facts(call()) == first
    assert any(answer for _, answer in learnt) and all(learnt)
    seen = len(learnt)
    for _ in range(TIMES):
        assert facts(call()) == first
    assert len(learnt) == seen  # known by now


def python_calls(call):
    """How many functions of Python run in a call, itself among them."""
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", ["sum", "var", "split", "softmax", "zeros", "einsum"])
def test_python_takes_no_part(name):
    for _ in range(TIMES):
        CALLS[name]()
    assert python_calls(CALLS[name]) == 2  # the test's, and the public function


def again(call, *args, **kwargs):
    for _ in range(TIMES):
        out = call(*args, **kwargs)
    return out


def test_values_may_change():
    for k in range(3 * TIMES):
        x = ops.convert_to_tensor(np.full((2, 3), k, "float32"))
        assert float(ops.sum(x)) == 6 * k
        a, b = ops.split(x, 2)
        assert float(a[0, 0]) == float(b[0, 2]) == k


@pytest.mark.parametrize(
    "one, other",
    [
        (lambda: ops.sum(X, axis=0), lambda: ops.sum(X, axis=1)),
        (lambda: ops.sum(X, axis=0), lambda: ops.sum(X, axis=-2, keepdims=True)),
        (lambda: ops.sum(X, 0), lambda: ops.sum(X, False)),
        (lambda: X * 0.0, lambda: X * -0.0),
        (lambda: PLACES * 2, lambda: PLACES * 2.0),
        (lambda: PLACES * 1, lambda: PLACES * True),
        (lambda: ops.cast(X, "int8"), lambda: ops.cast(X, "int16")),
        (lambda: ops.concatenate([X, PLACES[:, None]], axis=None), lambda: ops.reshape(X, (24,))),
        (lambda: X[1:3], lambda: X[1:3:2]),
        (lambda: ops.take(X, [1, 2]), lambda: ops.take(X, [[1], [2]])),
        (lambda: ops.sum(X), lambda: ops.sum(PLACES)),
        (lambda: ops.sum(X), lambda: ops.sum(ops.reshape(X, (6, 4)), axis=None)),
        (lambda: ops.stack([X, X], 0), lambda: ops.stack([X, X], 1)),
        (lambda: ops.max(X, axis=1, keepdims=True), lambda: ops.max(X, axis=1, initial=True)),
    ],
)
def test_calls_that_differ_in_little(one, other):
    def attempt(call):
        try:
            return facts(call())
        except Exception as e:
            return type(e), str(e)

    first = attempt(one), attempt(other)
    for _ in range(TIMES):
        assert (attempt(one), attempt(other)) == first


def test_errors_come_every_time():
    again(ops.take, X, PLACES, axis=0)
    bad = ops.convert_to_tensor(np.array([0, 9, 1], "int32"))
    for _ in range(3):
        with pytest.raises(DataError):
            ops.take(X, bad, axis=0)
    for _ in range(TIMES):
        with pytest.raises(ShapeError, match="reshape"):
            ops.reshape(X, (5, 5))
        with pytest.raises(TypeError):
            ops.sum(X, axes=0)


def test_a_tape_sees_every_call():
    call = lambda x: ops.sum(ops.relu(x) * 3.0)  # noqa: E731
    again(call, X)
    with keras.GradientTape() as tape:
        tape.watch(X)
        y = call(X)
    np.testing.assert_array_equal(tape.gradient(y, X).numpy(), np.where(X.numpy() > 0, 3, 0))


def test_a_result_is_no_argument_unless_it_was():
    assert again(ops.reshape, X, (4, 6)) is X and again(ops.squeeze, X) is X
    y = again(ops.stop_gradient, X)
    assert y is not X
    with keras.GradientTape() as tape:
        tape.watch(X)
        z = X * y
    np.testing.assert_array_equal(tape.gradient(z, X).numpy(), X.numpy())


def test_constants_are_tensors_of_their_own():
    for call in (CALLS["zeros"], CALLS["arange"]):
        a, b = again(call), call()
        assert a is not b
        v = keras.Variable(a)
        v.assign_add(v + 1)
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(call().numpy(), b.numpy())


def test_variables_are_read_anew():
    v = keras.Variable([1.0, 2.0])
    for k in range(TIMES):
        v.assign([k, 2.0])
        assert float(ops.sum(v)) == k + 2
    with keras.GradientTape() as tape:
        y = ops.sum(v)
    assert tape.gradient(y, v).numpy().tolist() == [1.0, 1.0]


def test_traces_and_symbols_take_the_long_way():
    assert again(ops.mean, X, axis=0).shape == (6,)
    assert ops.mean(keras.KerasTensor((None, 6)), axis=0).shape == (6,)
    f = keras.function(lambda x: ops.mean(x, axis=0))
    np.testing.assert_array_equal(f(X).numpy(), ops.mean(X, axis=0).numpy())
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 6))
    with keras.StatelessScope([(v, ops.ones(v.shape)) for v in model.trainable_variables]):
        kernel = model.trainable_variables[0]
        assert float(again(ops.sum, kernel)) == 12.0


def test_autocast_is_asked():
    v = keras.Variable([1.0, 2.0])
    again(ops.sum, v)
    with autocast("float16"):
        assert ops.sum(v).dtype == "float16"


def test_settings_are_asked():
    assert again(ops.zeros, (2,)).dtype == "float32" and again(ops.mean, PLACES).dtype == "float32"
    keras.config.set_floatx("float64")
    try:
        assert ops.zeros((2,)).dtype == "float64" and ops.mean(PLACES).dtype == "float64"
    finally:
        keras.config.set_floatx("float32")
    x, k = ops.ones((1, 4, 4, 4)), ops.ones((1, 1, 4, 2))
    assert again(ops.conv, x, k, 1, "valid").shape == (1, 4, 4, 2)
    keras.config.set_image_data_format("channels_first")
    try:
        assert ops.conv(x, k, 1, "valid").shape == (1, 2, 4, 4)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_random_numbers_stay_random():
    assert len({keras.random.dropout(X, 0.5).numpy().tobytes() for _ in range(2 * TIMES)}) > TIMES


def test_what_is_not_learnt(learnt):
    big = ops.ones((256, 1024))
    again(ops.sum, big)  # large: Python is the least of it
    again(ops.zeros, (64, 1024))  # a large constant is not kept
    again(ops.sum, [1.0, 2.0])  # data
    again(ops.sum, X.numpy())
    again(ops.map, lambda row: row, X)
    assert not [name for name, answer in learnt if answer and name in ("sum", "zeros", "map")]
    assert facts(ops.sum(big)) == facts(again(ops.sum, big))


def test_signatures_that_come_and_go():
    for n in range(1, 6000):
        assert X[:, n % 5 : 5 + n].shape == (4, min(5 + n, 6) - n % 5)


def test_programs_are_dropped():
    gc.collect()
    before = len(program.programs)
    again(ops.var, X)
    _engine.forget_replays()
    gc.collect()
    assert len(program.programs) <= before


def test_functions_that_come_and_go():
    for k in range(50):
        assert float(again(short(lambda x, k=k: ops.sum(x) * k), ops.ones((3,)))) == 3.0 * k


def test_many_tensors():
    xs = [X] * 40
    assert again(ops.concatenate, xs).shape == (160, 6)
    assert again(ops.add, X, X).__class__ is Tensor
