"""The slice beside real Keras 3: layers, losses, metrics, optimizers, trainings, dtypes and configs give one answer.

Both run in this process on the same numbers. Needs the extra `parity`; skipped without it.
"""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    real = pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
import ckeras
from ckeras._core import dtypes

pytestmark = [
    pytest.mark.skipif(not real.__version__.startswith("3"), reason="the oracle is Keras 3"),
    pytest.mark.filterwarnings("ignore"),  # the oracle's own
]
BOTH = (real, ckeras)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LAYERS = {
    "dense": (lambda k: k.layers.Dense(5, activation="tanh"), (4, 7)),
    "dense 3d": (lambda k: k.layers.Dense(5, use_bias=False), (2, 3, 7)),
    "conv": (lambda k: k.layers.Conv2D(6, 3, padding="same", activation="relu"), (2, 7, 8, 3)),
    "conv strided": (lambda k: k.layers.Conv2D(4, (3, 2), strides=2), (2, 9, 8, 3)),
    "conv groups": (lambda k: k.layers.Conv2D(4, 3, groups=2), (1, 6, 6, 4)),
    "conv dilated": (lambda k: k.layers.Conv2D(4, 3, dilation_rate=2), (1, 9, 9, 2)),
    "max pool": (lambda k: k.layers.MaxPooling2D(2), (2, 6, 7, 3)),
    "max pool same": (lambda k: k.layers.MaxPooling2D(3, strides=2, padding="same"), (2, 7, 7, 3)),
    "flatten": (lambda k: k.layers.Flatten(), (2, 3, 4)),
    "dropout": (lambda k: k.layers.Dropout(0.5), (2, 3)),
    "relu": (lambda k: k.layers.Activation("relu"), (3, 4)),
    "softmax": (lambda k: k.layers.Activation("softmax"), (3, 4)),
    "sigmoid": (lambda k: k.layers.Activation("sigmoid"), (3, 4)),
}


def _pair(build, shape):
    """The same layer in both, with the same weights, as a model and by itself."""
    out = []
    for k in BOTH:
        k.utils.set_random_seed(1)
        layer = build(k)
        out.append((k.Sequential([k.Input(shape[1:]), layer]), layer))
    out[1][0].set_weights([np.asarray(w) for w in out[0][0].get_weights()])
    return out


@pytest.mark.parametrize("name", LAYERS)
def test_layer_outputs_and_gradients(name):
    import jax

    build, shape = LAYERS[name]
    x = random(*shape)
    (theirs, _), (ours, _) = _pair(build, shape)
    want = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), want, rtol=1e-5, atol=1e-5)
    v = random(*want.shape, seed=2)
    weights = [w.value for w in theirs.trainable_variables]
    rest = [w.value for w in theirs.non_trainable_variables]

    def loss(w, inputs):
        return (theirs.stateless_call(w, rest, inputs)[0] * v).sum()

    want_w, want_x = jax.grad(loss, (0, 1))(weights, x)
    t = ckeras.ops.convert_to_tensor(x)
    with ckeras.GradientTape() as tape:
        tape.watch(t)
        y = ckeras.ops.sum(ours(t) * v)
    got = tape.gradient(y, [*ours.trainable_variables, t])
    for g, w in zip(got, [*want_w, want_x], strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(w), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_configs_are_equal(name):
    build, shape = LAYERS[name]
    (_, theirs), (_, ours) = _pair(build, shape)
    assert sorted(ours.get_config()) == sorted(theirs.get_config())

    def plain(v):
        if isinstance(v, dict):
            return {k: plain(x) for k, x in v.items() if k not in ("module", "registered_name")}
        return list(v) if isinstance(v, tuple) else v

    want = plain(real.saving.serialize_keras_object(theirs)["config"])
    got = plain(ckeras.saving.serialize_keras_object(ours)["config"])
    want.pop("name"), got.pop("name")
    assert got == want


def _probabilities(shape, seed):
    p = np.exp(random(*shape, seed=seed))
    return p / p.sum(-1, keepdims=True)


HOT = np.eye(5, dtype="float32")[[0, 3, 2, 4]]
LOSSES = {
    "MeanSquaredError": [(random(4, 5), random(4, 5, seed=1), {})],
    "MeanAbsoluteError": [(random(4, 5), random(4, 5, seed=1), {})],
    "BinaryCrossentropy": [(HOT, _probabilities((4, 5), 1), {}), (HOT, random(4, 5), {"from_logits": True})],
    "CategoricalCrossentropy": [
        (HOT, _probabilities((4, 5), 1), {}),
        (HOT, random(4, 5), {"from_logits": True, "label_smoothing": 0.1}),
    ],
    "SparseCategoricalCrossentropy": [
        (np.array([0, 3, 2, 4]), _probabilities((4, 5), 1), {}),
        (np.array([0, 3, 2, 4]), random(4, 5) * 9, {"from_logits": True}),
    ],
}


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, reduction):
    for y, p, options in LOSSES[name]:
        for weight in (None, np.array([1, 0.5, 0, 2], "float32")):
            theirs, ours = (getattr(k.losses, name)(reduction=reduction, **options)(y, p, weight) for k in BOTH)
            np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, y, p",
    [
        ("Mean", None, random(7)),
        ("Accuracy", np.array([1, 2, 3]), np.array([1, 0, 3])),
        ("BinaryAccuracy", HOT, _probabilities((4, 5), 1)),
        ("CategoricalAccuracy", HOT, _probabilities((4, 5), 1)),
        ("SparseCategoricalAccuracy", np.array([0, 3, 2, 4]), _probabilities((4, 5), 1)),
        ("MeanSquaredError", random(4, 5), random(4, 5, seed=1)),
    ],
)
def test_metrics(name, y, p):
    results = []
    for k in BOTH:
        metric = getattr(k.metrics, name)()
        for part in (slice(0, 2), slice(2, None)):
            args = (p[part],) if y is None else (y[part], p[part])
            metric.update_state(*args)
        results.append(float(metric.result()))
    assert results[0] == pytest.approx(results[1], rel=1e-6)


@pytest.mark.parametrize(
    "name, options",
    [
        ("SGD", {"learning_rate": 0.1}),
        ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
        ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
        ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
        ("SGD", {"learning_rate": 0.1, "weight_decay": 0.01}),
        ("Adam", {"learning_rate": 0.01}),
        ("Adam", {"learning_rate": 0.01, "beta_1": 0.8, "epsilon": 1e-3}),
        ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
        ("Adam", {"learning_rate": 0.01, "clipvalue": 0.1}),
        ("Adam", {"learning_rate": 0.01, "global_clipnorm": 0.5, "weight_decay": 0.01}),
        ("AdamW", {"learning_rate": 0.01}),
        ("RMSprop", {"learning_rate": 0.01}),
    ],
    ids=str,
)
def test_optimizers_20_steps(name, options):
    ends = []
    for k in BOTH:
        v = [k.Variable(random(3, 4)), k.Variable(random(5, seed=1))]
        optimizer = getattr(k.optimizers, name)(**options)
        for step in range(20):
            grads = [k.ops.convert_to_tensor(random(*w.shape, seed=10 + step + i)) for i, w in enumerate(v)]
            optimizer.apply_gradients(zip(grads, v))
        ends.append([np.asarray(w) for w in v])
    for a, b in zip(*ends):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)


def _convnet(k):
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            k.layers.Conv2D(8, 3, activation="relu"),
            k.layers.MaxPooling2D(2),
            k.layers.Flatten(),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_whole_training(optimizer):
    x = np.random.default_rng(0).random((80, 8, 8, 1), "float32")
    y = np.random.default_rng(1).integers(0, 10, 80)
    histories, models = [], [_convnet(k) for k in BOTH]
    models[1].set_weights([np.asarray(w) for w in models[0].get_weights()])
    for model in models:
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        run = model.fit(x, y, batch_size=16, epochs=4, shuffle=False, validation_split=0.2, verbose=0)
        histories.append(run.history)
    assert list(histories[1]) == list(histories[0])
    for key in histories[0]:
        np.testing.assert_allclose(histories[1][key], histories[0][key], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(models[1].predict(x, verbose=0), models[0].predict(x, verbose=0), rtol=1e-3, atol=1e-5)
    assert models[1].count_params() == models[0].count_params()
    got, want = (m.evaluate(x, y, verbose=0, return_dict=True) for m in (models[1], models[0]))
    assert list(got) == list(want) and got["loss"] == pytest.approx(want["loss"], rel=1e-4)


KINDS = {"pybool": bool, "pyint": int, "pyfloat": float}

# Keras's own choice, and its lattice before a backend without 64 bits narrows the result (TensorFlow's does not).
PROMOTE = """
import json, sys
import keras
from keras.src.backend.common import dtypes
kinds = {**{n: n for n in sys.argv[1].split(",")}, "pybool": bool, "pyint": int, "pyfloat": float}
shipped = {f"{a} {b}": keras.backend.result_type(kinds[a], kinds[b]) for a in kinds for b in kinds}
narrow = dict(dtypes.BIT64_TO_BIT32_DTYPE)
dtypes.BIT64_TO_BIT32_DTYPE.update({n: n for n in narrow})
wide = {f"{a} {b}": keras.backend.result_type(kinds[a], kinds[b]) for a in kinds for b in kinds}
print(json.dumps([shipped, wide, narrow]))
"""


@pytest.fixture(scope="module")
def promotion():
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    command = [sys.executable, "-c", PROMOTE, ",".join(dtypes.NAMES)]
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


def test_dtype_promotion(promotion):
    shipped, wide, narrow = promotion
    got = {p: dtypes.result_type(*[KINDS.get(name, name) for name in p.split()]) for p in wide}
    assert {p: (got[p], wide[p]) for p in wide if got[p] != wide[p]} == {}
    # A backend that narrows 64 bits differs from ckeras, which keeps them, by just that.
    assert {p: (got[p], shipped[p]) for p in shipped if narrow.get(got[p], got[p]) != shipped[p]} == {}
