"""Targets, weights and validation data not shaped as the outputs: taken for what they mean, or refused."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

X, Y1, Y2, W = np.ones((6, 5), "float32"), np.zeros((6, 2)), np.zeros((6, 1)), np.full(6, 0.5)


def model(kind, eager=False):
    i = keras.Input((5,))
    a, b = (layers.Dense(n, kernel_initializer="ones", name=name)(i) for n, name in ((2, "a"), (1, "b")))
    found = keras.Model(i, {"one": a, "list": [a, b], "dict": {"a": a, "b": b}}[kind])
    found.compile(
        "sgd",
        "mse",
        weighted_metrics=["mae"] if kind == "one" else [["mae"], ["mae"]] * (kind == "list"),
        run_eagerly=eager,
    )
    return found


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(
    "kind, y, weights, loss",
    [
        ("one", Y1, W, 12.5),
        ("one", Y1, [W], 12.5),
        ("one", Y1, {"a": W}, 12.5),
        ("one", [Y1], [W], 12.5),
        ("list", [Y1, Y2], [W, None], 37.5),
        ("list", (Y1, Y2), {"a": W}, 37.5),
        ("list", {"a": Y1, "b": Y2}, W, 25.0),
        ("dict", {"a": Y1, "b": Y2}, {"b": W}, 37.5),
        ("dict", [Y1, Y2], [None, W], 37.5),
    ],
)
def test_what_belongs_to_an_output(kind, y, weights, loss, eager):
    found = model(kind, eager).evaluate(X, y, sample_weight=weights, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(loss)
    if kind == "one":
        assert found["mae"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    "kind, y, weights, words",
    [
        ("one", Y1, {"z": W}, ["sample_weight", "['z']", "['a']"]),
        ("list", [Y1, Y2], [W], ["sample_weight", "2 entries", "got 1 in a list"]),
        ("list", [Y1, Y2], [W] * 3, ["sample_weight", "2 entries", "got 3"]),
        ("list", [Y1, Y2], {"z": W}, ["sample_weight", "['z']", "['a', 'b']"]),
        ("list", [Y1, Y2, Y2], None, ["y must", "2 entries", "got 3"]),
        ("list", Y1, None, ["y must", "2 outputs", "one array"]),
        ("dict", {"a": Y1, "b": Y2}, [W] * 3, ["sample_weight", "a dict with keys ['a', 'b']", "got 3 in a list"]),
        ("dict", [Y1], None, ["y must", "a dict with keys ['a', 'b']", "got 1 in a list"]),
        ("dict", {"a": Y1, "b": Y2, "c": Y2}, None, ["y has keys ['c']", "['a', 'b']"]),
    ],
)
def test_what_belongs_to_none(kind, y, weights, words):
    for method in ("fit", "evaluate"):
        with pytest.raises(ValueError) as e:
            getattr(model(kind), method)(X, y, sample_weight=weights, verbose=0)
        assert all(word in str(e.value) for word in words), str(e.value)


def test_lists_for_outputs_in_a_dict():
    m = model("dict")
    m.compile("sgd", ["mse", "mae"], loss_weights=[1, 2], metrics=[["mae"], ["mse"]])
    found = m.evaluate(X, [Y1, Y2 + 1], verbose=0, return_dict=True)
    assert found == {"loss": 33, "a_loss": 25, "b_loss": 4, "a_mae": 5, "b_mse": 16}


def test_metrics_of_compile_come_before_those_of_the_model():
    class Own(keras.Sequential):
        def __init__(self):
            super().__init__([keras.Input((5,)), layers.Dense(2, kernel_initializer="ones")])
            self.own = keras.metrics.Mean(name="own")

        def test_step(self, data):
            self.own.update_state(7.0)
            return super().test_step(data)

    m = Own()
    m.compile("sgd", "mse", metrics=["mae"])
    assert m.evaluate(X, Y1, verbose=0) == [25, 5, 7]
    assert m.metrics_names == ["loss", "compile_metrics", "own"]


def test_validation_data_without_targets():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2, kernel_initializer="ones")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert y is None and sample_weight is None
            return keras.ops.mean(y_pred)

    for held in ((2 * X,), [2 * X], 2 * X):
        found = Own()
        found.compile(keras.optimizers.SGD(0.0))
        assert found.fit(X, validation_data=held, verbose=0).history == {"loss": [5.0], "val_loss": [10.0]}
    with pytest.raises(ValueError, match=r"\(x,\), \(x, y\) or \(x, y, sample_weight\), got a tuple of 4"):
        found.fit(X, validation_data=(X,) * 4, verbose=0)
