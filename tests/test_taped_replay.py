"""Calls that come again under a tape are run by the engine alone: tapes are told what the long way tells them."""

import gc
import sys

import numpy as np
import pytest

import ckeras as keras
from ckeras import _engine, layers, ops
from ckeras._core import hooks
from ckeras._core.errors import DataError
from ckeras._core.short import short
from ckeras.ops.reduce import spread_about
from test_replay import CALLS, PLACES, TIMES, X, facts

pytestmark = pytest.mark.usefixtures("fresh_replays")

# Slices of rows share memory outside traces: another primitive there.
LEFT = {"rows", "row backwards", "column", "ellipsis and new", "split", "split at", "unstack"}
FLOATS = ("float32", "float64", "float16")
DENSE = layers.Dense(4, activation="relu")
DENSE.build((None, 6))


@pytest.fixture
def learnt(monkeypatch):
    """What was learnt of calls under tapes so far."""
    found, learn = [], hooks.learn

    def noting(fn, *call):
        answer = learn(fn, *call)
        if call[-1]:
            found.append((fn.__name__, answer))
        return answer

    monkeypatch.setattr(hooks, "learn", noting)
    return found


def long_way(monkeypatch, act):
    with monkeypatch.context() as patch:
        patch.setattr(hooks, "learn", lambda *call: None)
        return act()


def bits(t):
    return None if t is None else (t.shape, t.dtype, t.numpy().tobytes())


def taped(call, *watched):
    """What a call gives under a tape, what is followed, and the gradients."""
    watched = watched or (X,)
    with keras.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        result = call()
    leaves = result if isinstance(result, (list, tuple)) else [result]
    grads = [
        bits(g) for y in leaves if y.dtype in FLOATS for g in tape.gradient(y, [*watched, *tape.watched_variables()])
    ]
    return facts(result), [tape.follows(y) for y in leaves], grads, [v.path for v in tape.watched_variables()]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_again(name, learnt, monkeypatch):
    expected = long_way(monkeypatch, lambda: taped(CALLS[name]))
    for _ in range(TIMES):
        assert taped(CALLS[name]) == expected
    assert any(answer for _, answer in learnt) is (name not in LEFT)


@pytest.mark.parametrize("name", ["mean", "softmax", "relu", "var", "logsumexp", "where", "power", "clip", "einsum"])
def test_what_is_learnt(name, learnt):
    for _ in range(TIMES):
        taped(CALLS[name])
    assert learnt and learnt[0][1]
    seen = len(learnt)
    count = 0

    def note(frame, event, arg):
        nonlocal count
        count += event == "call"

    with keras.GradientTape() as tape:
        tape.watch(X)
        sys.setprofile(note)
        try:
            CALLS[name]()
        finally:
            sys.setprofile(None)
    assert len(learnt) == seen and count <= 4  # the call, the public function, an operator around it


def test_variables_are_watched_when_they_are_read(learnt, monkeypatch):
    v = keras.Variable(np.ones((2, 3), "float32"))
    fixed = keras.Variable(np.ones((2, 3), "float32"), trainable=False)
    for call in (lambda: ops.mean(v), lambda: ops.mean(fixed), lambda: ops.softmax(v) * ops.relu(fixed)):
        expected = long_way(monkeypatch, lambda call=call: taped(call))
        for _ in range(TIMES):
            assert taped(call) == expected
    assert learnt and all(answer for _, answer in learnt)
    v.trainable = False
    with keras.GradientTape() as tape:
        y = ops.mean(v)
    assert tape.watched_variables() == () and tape.gradient(y, v) is None
    v.trainable = True
    v.assign(np.full((2, 3), 3.0))
    with keras.GradientTape() as tape:
        y = ops.mean(v)
    assert float(y) == 3.0 and tape.gradient(y, v).shape == (2, 3)


def test_constants_are_tensors_of_their_own(learnt):
    for _ in range(TIMES + 2):
        with keras.GradientTape() as tape:
            a, b = ops.zeros((3,)), ops.zeros((3,))
            assert a is not b
            tape.watch(a)
            y = a * 2.0 + b * 3.0
        assert not tape.follows(b) and tape.gradient(y, a).numpy().tolist() == [2.0] * 3
    assert any(name == "zeros" and answer for name, answer in learnt)


def test_tapes_in_tapes(learnt, monkeypatch):
    def second():
        with keras.GradientTape() as outer:
            outer.watch(X)
            with keras.GradientTape() as inner:
                inner.watch(X)
                y = ops.sum(ops.softmax(X) * ops.var(X, axis=0))
            first = inner.gradient(y, X)
            with outer.stop_recording():
                ops.mean(X)
        return bits(first), bits(outer.gradient(first, X))

    expected = long_way(monkeypatch, second)
    for _ in range(2 * TIMES):
        assert second() == expected
    assert learnt


@pytest.mark.parametrize(
    "name, expected",
    [
        ("mean", ["reduce_sum", "divide"]),
        ("var", ["reduce_sum", "reshape", "divide", "spread_about"]),
        ("softmax", ["softmax"]),
        ("power", ["square"]),
    ],
)
def test_tapes_of_other_classes_are_asked_themselves(name, expected):
    class Counting(keras.GradientTape):
        def record(self, primitive, inputs, attrs, outputs):
            names.append(primitive.name)
            super().record(primitive, inputs, attrs, outputs)

    for _ in range(TIMES + 1):
        names = []
        with Counting() as tape:
            tape.watch(X)
            y = CALLS[name]()
        assert names == expected
        assert tape.gradient(y, X).shape == X.shape


def test_gradients_of_one_s_own_are_asked_every_time(learnt):
    asked = []

    @ops.custom_gradient
    def own(x):
        return x * 1.0, lambda g: asked.append(1) or g

    for i in range(2 * TIMES):
        taped(lambda: ops.relu(own(ops.relu(X))))
        assert len(asked) == i + 1


def test_variances_of_constants_are_constants(learnt, monkeypatch):
    @short
    def mixed(x):
        spread = ops.var(ops.convert_to_tensor([1.0, 2.0, 4.0]))
        return x * spread + spread_about(x, ops.convert_to_tensor(0.5), axes=(0, 1), keepdims=False)

    expected = long_way(monkeypatch, lambda: taped(lambda: mixed(X)))
    for _ in range(TIMES):
        assert taped(lambda: mixed(X)) == expected
    assert any(name == "mixed" and answer for name, answer in learnt)


def test_bad_values_are_explained_on_every_call():
    bad = ops.convert_to_tensor([9], "int32")
    for _ in range(TIMES):
        taped(lambda: ops.take(X, PLACES, axis=0))
        taped(lambda: ops.take(X, PLACES[:1], axis=0))
    for _ in range(3):
        with pytest.raises(DataError):
            taped(lambda: ops.take(X, bad, axis=0))


@pytest.mark.parametrize("policy", [None, "mixed_bfloat16", "float64"])
def test_layers_learn_as_the_long_way_does(policy, monkeypatch):
    def train():
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6, 6, 2), dtype=None),
                layers.Conv2D(3, 3, activation="relu", dtype=policy),
                layers.BatchNormalization(dtype=policy),
                layers.MaxPooling2D(2, dtype=policy),
                layers.Flatten(dtype=policy),
                layers.Dropout(0.3, dtype=policy),
                layers.Dense(4, activation="gelu", dtype=policy),
                layers.LayerNormalization(dtype=policy),
                layers.Dense(2, activation="softmax", dtype=policy),
            ]
        )
        loss, optimizer = keras.losses.CategoricalCrossentropy(), keras.optimizers.Adam(0.01)
        rng = np.random.default_rng(3)
        for _ in range(TIMES + 4):
            x = ops.convert_to_tensor(rng.normal(size=(4, 6, 6, 2)).astype("float32"))
            y = ops.one_hot(ops.convert_to_tensor(rng.integers(0, 2, 4).astype("int32")), 2)
            with keras.GradientTape() as tape:
                value = loss(y, model(x, training=True))
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(value, weights), weights)
        return [bits(v.value) for v in (*model.variables, *optimizer.variables)]

    def plain():
        with monkeypatch.context() as patch:
            patch.setattr(hooks, "learn_backward", lambda *call: None)
            return long_way(monkeypatch, train)

    assert train() == plain()


def test_nothing_leaks():
    def step():
        with keras.GradientTape() as tape:
            tape.watch(X)
            y = ops.mean(ops.softmax(X) * ops.var(X, axis=0)) + ops.sum(DENSE(X))
        return tape.gradient(y, X)

    for _ in range(TIMES):
        step()
    gc.collect()
    before = [sys.getrefcount(o) for o in (X, X._array, DENSE.kernel, None)]
    in_use = _engine.memory()["in_use"]
    for _ in range(500):
        step()
    gc.collect()  # a tape is a cycle
    after = [sys.getrefcount(o) for o in (X, X._array, DENSE.kernel, None)]
    assert after[:3] == before[:3] and abs(after[3] - before[3]) < 100
    assert _engine.memory()["in_use"] == in_use
