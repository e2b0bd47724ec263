"""Every argument of compile, fit, evaluate, predict, the calls on one batch, and the files' methods shows."""

import inspect
import os

import numpy as np
import pytest

import ckeras
from ckeras import layers

_rng = np.random.default_rng(3)
X, OTHER = _rng.normal(size=(2, 20, 4)).astype("float32")
Y = _rng.integers(0, 3, 20)
WEIGHTS = _rng.uniform(0.1, 3, 20).astype("float32")
HELD = (OTHER[:9], Y[:9])
LOSS = "sparse_categorical_crossentropy"


class Events(ckeras.callbacks.Callback):
    """Writes down every hook that is called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __getattribute__(self, name):
        if name.startswith("on_") and "log" not in name:
            return lambda *args, **kwargs: self.seen.append((name, args[0] if args and args[0].__class__ is int else 0))
        return super().__getattribute__(name)


class Stop(ckeras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.stop_training = True

    def on_test_begin(self, logs=None):
        print("test begins")

    def on_predict_begin(self, logs=None):
        print("predict begins")


class Counted(layers.Layer):
    calls = 0

    def call(self, x):
        Counted.calls += 1
        return x


def model(**compiled):
    ckeras.utils.set_random_seed(1)
    m = ckeras.Sequential(
        [
            ckeras.Input((4,)),
            Counted(),
            layers.Dense(5, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    compiled = {"optimizer": ckeras.optimizers.SGD(0.1), "loss": LOSS, "metrics": ["accuracy"], **compiled}
    m.compile(**compiled)
    return m


def plain(value):
    return [np.asarray(v) if not isinstance(v, str) else v for v in ckeras.tree.flatten(value)], str(type(value))


def observe(method, given, capsys, **compiled):
    """What a call gives, prints, calls back, and leaves in the weights."""
    m, events = model(**compiled), Events()
    capsys.readouterr()
    if "callbacks" in inspect.signature(getattr(m, method)).parameters:
        given = {**given, "callbacks": [events, *given.get("callbacks", [])]}
    before, Counted.calls = 0, 0
    out = getattr(m, method)(**given)
    calls = Counted.calls - before
    shown = capsys.readouterr().out
    if method == "fit":
        out = out.history
    parts = [repr(plain(out)), repr(plain(m.get_weights())), repr(events.seen), shown if "ETA" not in shown else "bar"]
    return [*parts, type(m.optimizer).__name__, str(calls > 5)]


FIT = {"x": X, "y": Y, "verbose": 0, "epochs": 2, "batch_size": 4}
EVALUATE = {"x": X, "y": Y, "verbose": 0, "batch_size": 4}
PREDICT = {"x": X, "verbose": 0, "batch_size": 4}
BATCH = {"x": X, "y": Y}
# method -> what every call is given; argument -> its other value, or that and more that is given.
ROWS = {
    "fit": (
        FIT,
        {
            "x": OTHER,
            "y": Y[::-1].copy(),
            "batch_size": 7,
            "epochs": 3,
            "verbose": 2,
            "callbacks": [Stop()],
            "validation_split": 0.25,
            "validation_data": HELD,
            "shuffle": False,
            "class_weight": {0: 3.0, 1: 0.1},
            "sample_weight": WEIGHTS,
            "initial_epoch": 1,
            "steps_per_epoch": 2,
            "validation_steps": (1, {"validation_data": HELD}),
            "validation_batch_size": (2, {"validation_data": HELD}),
            "validation_freq": (2, {"validation_data": HELD}),
        },
    ),
    "evaluate": (
        EVALUATE,
        {
            "x": OTHER,
            "y": Y[::-1].copy(),
            "batch_size": 7,
            "verbose": 2,
            "sample_weight": WEIGHTS,
            "steps": 2,
            "callbacks": [Stop()],
            "return_dict": True,
        },
    ),
    "predict": (PREDICT, {"x": OTHER, "batch_size": 7, "verbose": 2, "steps": 2, "callbacks": [Stop()]}),
    "train_on_batch": (
        BATCH,
        {
            "x": OTHER,
            "y": Y[::-1].copy(),
            "sample_weight": WEIGHTS,
            "class_weight": {0: 3.0, 1: 0.1},
            "return_dict": True,
        },
    ),
    "test_on_batch": (BATCH, {"x": OTHER, "y": Y[::-1].copy(), "sample_weight": WEIGHTS, "return_dict": True}),
    "predict_on_batch": ({"x": X}, {"x": OTHER}),
}
CASES = [
    (method, name)
    for method in ROWS
    for name, p in inspect.signature(getattr(ckeras.Model, method)).parameters.items()
    if name != "self" and p.kind is not p.VAR_KEYWORD
]


@pytest.mark.parametrize(("method", "argument"), CASES)
def test_every_argument_of_a_method_shows(method, argument, capsys):
    base, others = ROWS[method]
    value, more = others[argument] if isinstance(others[argument], tuple) else (others[argument], {})
    if argument == "validation_data":
        value, more = HELD, {}
    base = {**base, **more}
    first = observe(method, base, capsys)
    assert first == observe(method, base, capsys), "the control"
    assert observe(method, {**base, argument: value}, capsys) != first


COMPILED = {
    "optimizer": "adam",
    "loss": ckeras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "loss_weights": [0.5],
    "metrics": [],
    "weighted_metrics": ["accuracy"],
    "run_eagerly": True,
    "steps_per_execution": 2,
}


@pytest.mark.parametrize("argument", [n for n in inspect.signature(ckeras.Model.compile).parameters if n != "self"])
def test_every_argument_of_compile_shows(argument, capsys):
    if argument == "jit_compile":  # how, not what; checked and kept
        assert observe("fit", FIT, capsys, jit_compile=False) == observe("fit", FIT, capsys)
        assert model(jit_compile=False).jit_compile is False and model().jit_compile is not False
        with pytest.warns(UserWarning, match="jit_compile=True is not followed"):
            both = model(jit_compile=True, run_eagerly=True)
        assert both.run_eagerly and both.jit_compile is False
        return
    if argument == "auto_scale_loss":
        half = ckeras.Sequential([ckeras.Input((4,)), layers.Dense(3, dtype="mixed_float16")])
        for policy, scaled in ((True, True), (False, False)):
            ckeras.config.set_dtype_policy("mixed_float16")
            try:
                half = ckeras.Sequential([ckeras.Input((4,)), layers.Dense(3)])
                half.compile("sgd", "mse", auto_scale_loss=policy)
            finally:
                ckeras.config.set_dtype_policy("float32")
            assert isinstance(half.optimizer, ckeras.optimizers.LossScaleOptimizer) == scaled
        return
    assert observe("fit", FIT, capsys, **{argument: COMPILED[argument]}) != observe("fit", FIT, capsys)


def test_arguments_of_the_files(tmp_path):
    m, path = model(), tmp_path / "m.keras"
    m.save(path)
    with pytest.raises((OSError, ValueError), match="overwrite"):
        m.save(path, overwrite=False)
    m.save(tmp_path / "whole.keras", zipped=True)
    assert os.path.isfile(tmp_path / "whole.keras")
    try:
        m.save(tmp_path / "folder.keras", zipped=False)
    except (ValueError, NotImplementedError) as error:
        assert "zipped" in str(error)
    else:
        assert os.path.isdir(tmp_path / "folder.keras")
        ckeras.models.load_model(tmp_path / "folder.keras", custom_objects={"Counted": Counted})
    weights = tmp_path / "m.weights.h5"
    m.save_weights(weights)
    with pytest.raises((OSError, ValueError), match="overwrite"):
        m.save_weights(weights, overwrite=False)
    m.save_weights(tmp_path / "many.weights.json", max_shard_size=1e-7)
    assert len(os.listdir(tmp_path)) > 5
    with pytest.raises((OSError, ValueError), match="overwrite"):
        m.save_weights(tmp_path / "many.weights.json", overwrite=False, max_shard_size=1e-7)
    other = ckeras.Sequential([ckeras.Input((4,)), layers.Dense(5), layers.Dense(2)])
    with pytest.raises(ValueError, match="shape"):
        other.load_weights(weights)
    with pytest.warns(UserWarning):
        other.load_weights(weights, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), m.layers[1].kernel.numpy())
    with pytest.raises((TypeError, ValueError), match="no_such"):
        m.load_weights(weights, no_such=1)
