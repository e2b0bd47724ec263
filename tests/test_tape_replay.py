"""Backward passes that come again are run by the engine alone: with the gradients of the long way."""

import gc
import sys

import numpy as np
import pytest

import ckeras as keras
from ckeras import _engine, layers, ops
from ckeras._core import hooks
from ckeras._core import tape as tape_module
from ckeras._core.errors import DataError, GradientError
from ckeras._core.scope import autocast

pytestmark = pytest.mark.usefixtures("fresh_replays")

TIMES = 18  # two more than it takes to learn a pass
RNG = np.random.default_rng(0)
PLACES = ops.convert_to_tensor(np.array([2, 0, 2], "int32"))
MASK = ops.convert_to_tensor(np.array([[True, False, True]] * 4))
CELL = layers.LSTM(3)
NETWORK = keras.Sequential(
    [
        keras.Input((6, 6, 2)),
        layers.Conv2D(3, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(4, activation="gelu"),
        layers.LayerNormalization(),
        layers.Dense(2, activation="softmax"),
    ]
)


def tensors(*shapes, dtype="float32"):
    return [ops.convert_to_tensor(RNG.normal(size=s).astype(dtype)) for s in shapes]


def network(x):
    return keras.losses.categorical_crossentropy(ops.one_hot(PLACES[:1] // 2, 2), NETWORK(x, training=True))


# What is differentiated by all its arguments, and their shapes.
PASSES = {
    "sum": (lambda x: ops.sum(x), [(4, 3)]),
    "mean of squares": (lambda x, y: ops.mean(ops.square(x - y)), [(4, 3), (4, 3)]),
    "broadcast": (lambda x, y: x * y + y, [(4, 3), (3,)]),
    "dense": (lambda x, w, b: ops.relu(ops.matmul(x, w) + b), [(4, 3), (3, 5), (5,)]),
    "transposes": (lambda x: ops.matmul(ops.transpose(x), x), [(4, 3)]),
    "softmax": (lambda x: ops.log(ops.softmax(x)), [(4, 3)]),
    "axes": (lambda x: ops.max(x, axis=0) * ops.mean(x, axis=0, keepdims=True), [(4, 3)]),
    "rows": (lambda x: x[1:3] * 2.0, [(4, 3)]),
    "gathered": (lambda x: ops.take(x, PLACES, axis=0), [(4, 3)]),
    "where": (lambda x: ops.where(MASK, x, 0.5 * x), [(4, 3)]),
    "several results": (lambda x: sum(ops.split(x * x, 2, axis=0)), [(4, 3)]),
    "one unused": (lambda x, y: ops.exp(x), [(4, 3), (2,)]),
    "stopped": (lambda x, y: x * ops.stop_gradient(x * y), [(4, 3), (3,)]),
    "itself": (lambda x: x, [(4, 3)]),
    "a constant slope": (lambda x: ops.sum(x + 1.0, axis=0), [(2, 3)]),
    "numbers": (lambda x: (x**3 - 2.5) / 3.0, [()]),
    "conv": (lambda x, k: ops.conv(x, k, 1, "same"), [(1, 5, 5, 2), (3, 3, 2, 4)]),
    "variances": (lambda x: ops.var(x, axis=0) + ops.var(x, axis=(0, 1)) * ops.moments(x, 1, True)[1], [(4, 3)]),
    "recurrent": (lambda x: CELL(x), [(2, 4, 3)]),
    "a network": (network, [(1, 6, 6, 2)]),
}


@pytest.fixture
def learnt(monkeypatch):
    """What was learnt of backward passes so far."""
    found, learn = [], hooks.learn_backward

    def noting(*call):
        found.append(learn(*call))
        return found[-1]

    monkeypatch.setattr(hooks, "learn_backward", noting)
    return found


def long_way(monkeypatch, act):
    with monkeypatch.context() as patch:
        patch.setattr(tape_module, "_gradients_of", tape_module.backward)
        return act()


def bits(grads):
    return [None if g is None else (g.shape, g.dtype, g.numpy().tobytes()) for g in grads]


def slopes(fn, args, seed=None, unconnected="none"):
    with keras.GradientTape() as tape:
        tape.watch(args)
        y = fn(*args)
    return tape.gradient(y, [*args, *tape.watched_variables()], seed, unconnected)


@pytest.mark.parametrize(
    "name, dtype",
    [(name, "float32") for name in PASSES]
    + [(name, "float64") for name in PASSES if name not in ("recurrent", "a network")],
)
def test_the_same_pass_again(name, dtype, learnt, monkeypatch):
    fn, shapes = PASSES[name]
    for _ in range(TIMES):
        args = tensors(*shapes, dtype=dtype)
        assert bits(slopes(fn, args)) == long_way(monkeypatch, lambda args=args: bits(slopes(fn, args)))
    assert learnt and all(learnt)
    seen = len(learnt)
    python = []
    monkeypatch.setattr(tape_module, "backward", lambda *call: python.append(call))
    slopes(fn, tensors(*shapes, dtype=dtype))
    assert len(learnt) == seen and not python  # known by now


def test_what_makes_another_pass(learnt, monkeypatch):
    (x,), (y,) = tensors((4, 4)), tensors((4, 4))
    seed = ops.ones((4,))
    calls = [
        lambda: slopes(lambda x: ops.sum(x * x, axis=0), [x]),
        lambda: slopes(lambda x: ops.sum(x * x, axis=1), [x]),
        lambda: slopes(lambda x: ops.sum(x * y, axis=0), [x]),
        lambda: slopes(lambda x: ops.sum(y * x, axis=0), [x]),
        lambda: slopes(lambda x: ops.sum(x * x, axis=0), [x], seed),
        lambda: slopes(lambda x: ops.sum(x * x, axis=0) * seed, [x], seed),
        lambda: slopes(lambda x: ops.max(x * x, axis=0), [x]),
        lambda: slopes(lambda x, y: ops.sum(x * y, axis=0), [x, y]),
        lambda: slopes(lambda x: [ops.sum(x * x, axis=0), x], [x]),
        lambda: slopes(lambda x: [x, ops.sum(x * x, axis=0)], [x]),
        lambda: slopes(lambda x: ops.sum(x * x, axis=0), [ops.cast(x, "float64")]),
        lambda: slopes(lambda x: ops.sum(x * x, axis=0), [ops.concatenate([x, x])]),
        lambda: slopes(lambda x, y: ops.sum(x * x, axis=0), [x, y], None, "zero"),
    ]
    expected = [long_way(monkeypatch, lambda call=call: bits(call())) for call in calls]
    for _ in range(TIMES):
        assert [bits(call()) for call in calls] == expected
    assert len(learnt) == len(calls) and all(learnt)


def test_the_same_source_may_be_asked_twice_and_between(learnt):
    x, y = tensors((3,), (3,))
    for _ in range(TIMES):
        with keras.GradientTape() as tape:
            tape.watch([x, y])
            a = x * y
            b = a * a
        got = tape.gradient([b, a], [x, a, x, b])
        np.testing.assert_allclose(got[0].numpy(), (2 * x * y * y + y).numpy(), rtol=1e-5)
        np.testing.assert_allclose(got[1].numpy(), (2 * a + 1).numpy(), rtol=1e-6)
        assert got[2].numpy().tobytes() == got[0].numpy().tobytes() and got[3].numpy().tolist() == [1, 1, 1]
    assert all(learnt) and learnt


def test_variables_assigned_between_reads(learnt):
    v = keras.Variable([1.0, 2.0])
    for i in range(TIMES):
        v.assign([1.0 + i, 2.0])
        with keras.GradientTape() as tape:
            a = v * v
            v.assign([3.0, 4.0])
            b = a + v * v
        assert tape.gradient(b, v).numpy().tolist() == [2 * (1.0 + i) + 6.0, 4.0 + 8.0]
    assert all(learnt) and learnt


def test_results_stay(learnt):
    kept = []
    for _ in range(TIMES):
        (x,) = tensors((5,))
        (g,) = slopes(lambda x: ops.exp(x) * x, [x])
        kept.append((x, g, g.numpy().copy()))
    assert learnt
    for x, g, value in kept:
        assert g.numpy().tobytes() == value.tobytes()
        np.testing.assert_allclose(value, (np.exp(x) * (1 + np.asarray(x))), rtol=1e-5)


def test_functions_with_a_gradient_of_their_own_are_asked_every_time(learnt):
    asked = []

    @ops.custom_gradient
    def own(x):
        def rule(g):
            asked.append(1)
            return g * float(len(asked))

        return x * 1.0, rule

    (x,) = tensors((3,))
    for i in range(2 * TIMES):
        assert slopes(own, [x])[0].numpy().tolist() == [i + 1.0] * 3
    assert not any(learnt)


def test_errors_are_told_every_time():
    (x,) = tensors((3, 3))
    for _ in range(TIMES):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.cast(ops.argmax(x * x), "float32") * 1.0 + ops.sum(ops.floor(x)) * 0.0
        tape.gradient(y, x)
    for _ in range(TIMES):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(x)
        tape.gradient(y, x)
        with pytest.raises(GradientError, match="already"):
            tape.gradient(y, x)
        with pytest.raises(TypeError, match="sources"):
            slopes(lambda x: x, [x], None)
            with keras.GradientTape() as other:
                other.watch(x)
                z = x * 2.0
            other.gradient(z, "x")


def test_bad_values_are_explained_on_every_call():
    v = keras.Variable(np.ones((3, 2), "float32"))
    bad = ops.convert_to_tensor([5], "int32")
    good = ops.convert_to_tensor([1], "int32")

    def step(places):
        with keras.GradientTape() as tape:
            y = ops.sum(ops.take(v, places, axis=0))
        return tape.gradient(y, v)

    for _ in range(TIMES):
        step(good)
    with pytest.raises(DataError):
        step(bad)
    assert step(good).numpy()[1].tolist() == [1, 1]


def test_second_derivatives_and_persistent_tapes(learnt):
    (x,) = tensors((3,))
    for _ in range(TIMES):
        with keras.GradientTape() as outer:
            outer.watch(x)
            with keras.GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(x * x * x)
            first = inner.gradient(y, x)
        np.testing.assert_allclose(outer.gradient(first, x).numpy(), 6 * x.numpy(), rtol=1e-6)
    seen = len(learnt)
    for _ in range(TIMES):
        with keras.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = ops.sum(x * x * x)
            first = tape.gradient(y, x)
        np.testing.assert_allclose(tape.gradient(first, x).numpy(), 6 * x.numpy(), rtol=1e-6)
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), 3 * x.numpy() ** 2, rtol=1e-6)
    assert len(learnt) > seen


def test_traced_and_cast_passes_go_the_long_way(learnt):
    v = keras.Variable([1.0, 2.0])

    def step():
        with keras.GradientTape() as tape:
            y = ops.sum(v * v)
        return tape.gradient(y, v)

    for _ in range(TIMES):
        with autocast("float16"), keras.GradientTape() as tape:
            y = ops.sum(v * v)
        assert tape.gradient(y, v).dtype == "float32"
        assert keras.function(lambda: step())().numpy().tolist() == [2.0, 4.0]
    for _ in range(TIMES):
        with autocast("float16"):
            assert step().dtype == "float32"
    before = len(learnt)
    for _ in range(TIMES):
        assert step().numpy().tolist() == [2.0, 4.0]
    assert len(learnt) > before


def test_large_and_long_passes_are_left(learnt):
    (x,) = tensors((512, 600))
    for _ in range(TIMES):
        slopes(lambda x: x * x, [x])
    (x,) = tensors((2,))

    def many(x):
        for _ in range(120):
            x = x * 1.01
        return x

    for _ in range(TIMES):
        np.testing.assert_allclose(slopes(many, [x])[0].numpy(), 1.01**120, rtol=1e-4)
    assert not learnt


def test_unused_results_of_records_are_in_order(learnt):
    (x,) = tensors((6,))
    for _ in range(TIMES):
        with keras.GradientTape() as tape:
            tape.watch(x)
            a, b = ops.split(x, 2)
            ops.exp(a)
        got = tape.gradient(b, [x])
        assert got[0].numpy().tolist() == [0, 0, 0, 1, 1, 1]
    assert learnt


def test_settings_forget_passes(learnt):
    (x,) = tensors((3,))
    for _ in range(TIMES):
        slopes(lambda x: x * x, [x])
    assert len(learnt) == 1
    old = keras.config.floatx()
    keras.config.set_floatx("float64")
    keras.config.set_floatx(old)
    for _ in range(TIMES):
        slopes(lambda x: x * x, [x])
    assert len(learnt) == 2


def test_nothing_leaks():
    (x,) = tensors((4, 3))
    fn = PASSES["dense"][0]
    w, b = tensors((3, 5), (5,))
    for _ in range(TIMES):
        slopes(fn, [x, w, b])
    gc.collect()
    before = [sys.getrefcount(o) for o in (x, x._array, w, None)]
    in_use = _engine.memory()["in_use"]
    for _ in range(500):
        slopes(fn, [x, w, b])
    after = [sys.getrefcount(o) for o in (x, x._array, w, None)]
    assert after[:3] == before[:3] and abs(after[3] - before[3]) < 100
    assert _engine.memory()["in_use"] == in_use


def test_junk_is_refused_or_left():
    (x,) = tensors((3,))
    learn = lambda *call: None  # noqa: E731
    for records, targets, seeds, wanted in [([1], [x], [None], [x]), ([], [1], [None], [x]), ([], [x], [2], [x])]:
        assert _engine.backward(learn, records, targets, seeds, wanted) is None
    with pytest.raises(TypeError):
        _engine.backward(learn, (), [x], [None], [x])
    with pytest.raises((TypeError, KeyError)):
        _engine.set_tape(int, int)
