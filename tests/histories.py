"""Trainings whose logs Keras 3 and ckeras must agree on, written for either of them.

`KERAS_BACKEND=jax python tests/histories.py > tests/golden/histories.json`, where Keras is installed, makes the file
that `test_histories.py` compares with.
"""

import json

import numpy as np

_rng = np.random.default_rng(0)
X = _rng.normal(size=(50, 4)).astype("float32")
BINARY = (X[:, 0] > 0).astype("float32")
CLASSES = _rng.integers(0, 3, 50)
WEIGHTS = _rng.uniform(0.1, 2, 50).astype("float32")
REAL = _rng.normal(size=50).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
SOME_ZERO = np.where(np.arange(50) < 16, 0, WEIGHTS).astype("float32")


class Case:
    """One run with the package `keras`; every model starts from the same weights."""

    def __init__(self, keras):
        self.keras = keras

    def _start(self, model, loss, **compile_args):
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(size=w.shape).astype("float32") * 0.5 for w in model.get_weights()])
        model.compile(self.keras.optimizers.SGD(0.05), loss, **compile_args)
        return model

    def subclassed(self, units, activation, loss, metrics=(), weighted=None):
        layers = self.keras.layers

        class Two(self.keras.Model):
            def __init__(self):
                super().__init__()
                self.first = layers.Dense(5, activation="relu")
                self.last = layers.Dense(units, activation=activation)

            def call(self, x):
                return self.last(self.first(x))

        model = Two()
        model(X[:2])
        return self._start(model, loss, metrics=list(metrics), weighted_metrics=weighted)

    def two_outputs(self, named, loss, **compile_args):
        x = self.keras.Input((4,))
        a = self.keras.layers.Dense(1, name="a")(x)
        b = self.keras.layers.Dense(3, activation="softmax", name="b")(x)
        return self._start(self.keras.Model(x, {"a": a, "b": b} if named else [a, b]), loss, **compile_args)

    def real(self, weighted=None):
        return self.subclassed(1, None, "mse", ["mae"], weighted)

    def binary(self, weighted=None):
        return self.subclassed(1, "sigmoid", "binary_crossentropy", ["accuracy"], weighted)

    def sparse(self, weighted=None):
        return self.subclassed(3, "softmax", "sparse_categorical_crossentropy", ["accuracy"], weighted)

    def one_hot(self, weighted=None):
        return self.subclassed(3, "softmax", "categorical_crossentropy", ["accuracy"], weighted)


def fit(model, y, x=X, **kwargs):
    found = model.fit(x, y, **{"verbose": 0, "shuffle": False, "epochs": 3, "batch_size": 16, **kwargs})
    return {**found.history, "epochs": found.epoch}


def batches():
    while True:
        for i in range(0, 48, 16):
            yield X[i : i + 16], REAL[i : i + 16]


def on_batch(model):
    x, y = X[:8], CLASSES[:8]
    logs = {f"train {i}": model.train_on_batch(x, y) for i in range(3)}
    logs["test"] = model.test_on_batch(x, y)
    logs["weighted"] = model.train_on_batch(x, y, class_weight={0: 2.0, 1: 3.0, 2: 1.0})
    return logs


def loss_of_a_layer(case):
    class Adds(case.keras.layers.Layer):
        def call(self, x):
            self.add_loss(case.keras.ops.mean(case.keras.ops.square(x)))
            return x

    x = case.keras.Input((4,))
    return case._start(case.keras.Model(x, Adds()(case.keras.layers.Dense(2)(x))), None)


WEIGHED = {0: 1.0, 1: 3.0, 2: 0.5}
NAMED = {"a": "mse", "b": "sparse_categorical_crossentropy"}
CASES = {
    "labels (n,), outputs (n, 1), binary": lambda c: fit(c.binary(), BINARY),
    "labels (n,), outputs (n, 1), real": lambda c: fit(c.real(), REAL),
    "labels (n, 1), real": lambda c: fit(c.real(), REAL[:, None]),
    "labels (n, 1), classes": lambda c: fit(c.sparse(), CLASSES[:, None]),
    "labels of bool": lambda c: fit(c.binary(), BINARY.astype(bool)),
    "labels of int, real": lambda c: fit(c.real(), CLASSES),
    "class_weight, classes": lambda c: fit(c.sparse(["accuracy"]), CLASSES, class_weight=WEIGHED),
    "class_weight of one class": lambda c: fit(c.sparse(["accuracy"]), CLASSES, class_weight={1: 3.0}),
    "class_weight, one-hot": lambda c: fit(c.one_hot(["accuracy"]), ONE_HOT, class_weight=WEIGHED),
    "class_weight, binary": lambda c: fit(c.binary(["accuracy"]), BINARY, class_weight={0: 1.0, 1: 3.0}),
    "class_weight, binary (n, 1)": lambda c: fit(c.binary(), BINARY[:, None], class_weight={0: 1.0, 1: 3.0}),
    "sample_weight": lambda c: fit(c.real(["mae"]), REAL, sample_weight=WEIGHTS),
    "sample_weight (n, 1)": lambda c: fit(c.real(["mae"]), REAL[:, None], sample_weight=WEIGHTS[:, None]),
    "sample_weight, a batch of 0": lambda c: fit(c.real(["mae"]), REAL, sample_weight=SOME_ZERO),
    "sample_weight, split": lambda c: fit(c.real(["mae"]), REAL, sample_weight=WEIGHTS, validation_split=0.2),
    "sample_weight, validation_data of three": lambda c: fit(
        c.real(["mae"]), REAL, sample_weight=WEIGHTS, validation_data=(X[:20], REAL[:20], WEIGHTS[:20])
    ),
    "sample_weight, validation_data of two": lambda c: fit(
        c.real(["mae"]), REAL, sample_weight=WEIGHTS, validation_data=(X[:20], REAL[:20])
    ),
    "steps_per_epoch": lambda c: fit(c.real(), REAL, steps_per_epoch=2),
    "steps_per_epoch that divide nothing": lambda c: fit(c.real(), REAL, steps_per_epoch=3),
    "steps_per_epoch above the data": lambda c: fit(c.real(), REAL, steps_per_epoch=5),
    "validation_steps": lambda c: fit(
        c.real(), REAL, validation_data=(X, REAL), validation_steps=2, validation_batch_size=7
    ),
    "validation_freq": lambda c: fit(c.real(), REAL, validation_data=(X, REAL), validation_freq=2),
    "initial_epoch": lambda c: fit(c.real(), REAL, initial_epoch=1),
    "initial_epoch past the end": lambda c: fit(c.real(), REAL, initial_epoch=5),
    "one sample": lambda c: fit(c.real(), REAL[:1], X[:1]),
    "one sample of a class": lambda c: fit(c.sparse(), CLASSES[:1], X[:1]),
    "a last batch of one": lambda c: fit(c.real(), REAL[:33], X[:33]),
    "a generator": lambda c: fit(c.real(), None, batches(), steps_per_epoch=3, batch_size=None),
    "evaluate": lambda c: {
        "list": c.real(["mae"]).evaluate(X, REAL, sample_weight=WEIGHTS, batch_size=16, verbose=0),
        **c.real(["mse"]).evaluate(X, REAL, batch_size=16, verbose=0, return_dict=True),
    },
    "on_batch": lambda c: on_batch(c.sparse()),
    "two outputs, named": lambda c: fit(
        c.two_outputs(True, NAMED, loss_weights={"a": 1.0, "b": 0.3}, metrics={"a": ["mae"], "b": ["accuracy"]}),
        {"a": REAL, "b": CLASSES},
        validation_split=0.2,
    ),
    "two outputs, listed": lambda c: fit(
        c.two_outputs(False, list(NAMED.values()), metrics=[["mae"], ["accuracy"]]),
        [REAL, CLASSES],
        sample_weight=[WEIGHTS, WEIGHTS],
    ),
    "the loss of a layer alone": lambda c: fit(loss_of_a_layer(c), None),
}


def plain(logs):
    """The logs as lists of floats, in their order."""
    return [[name, np.asarray(value, "float64").tolist()] for name, value in logs.items()]


if __name__ == "__main__":
    import keras

    lines = [f"{json.dumps(name)}: {json.dumps(plain(case(Case(keras))))}" for name, case in CASES.items()]
    print("{\n" + ",\n".join(lines) + "\n}")
