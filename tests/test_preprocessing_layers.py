"""Layers that learn from data with `adapt`, and that prepare it."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

X = np.random.default_rng(0).normal(3, 2, (40, 3, 4)).astype("float32")


@pytest.mark.parametrize("axis", [-1, 1, None, (1, -1), (1, 2), [2]])
def test_normalization_standardises(axis):
    layer = layers.Normalization(axis=axis)
    layer.adapt(X)
    kept = {a % 3 for a in layer.axis}
    others = tuple(a for a in range(3) if a not in kept)
    y = np.asarray(layer(X))
    np.testing.assert_allclose(y.mean(others), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(others), 1, atol=1e-5)
    back = layers.Normalization(axis=axis, invert=True)
    back.adapt(X)
    np.testing.assert_allclose(np.asarray(back(y)), X, atol=1e-4)


def test_normalization_adapts_to_batches_as_to_the_whole():
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(X)
    parts.adapt(X[i : i + 7] for i in range(0, 40, 7))
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    whole.adapt(X + 1)
    np.testing.assert_allclose(whole.get_weights()[0], parts.get_weights()[0] + 1, rtol=1e-6)


def test_normalization_with_given_moments():
    layer = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.0])
    np.testing.assert_allclose(np.asarray(layer(np.array([[3.0, 2.0]]))), [[1.0, 0.0]])
    assert layers.Normalization.from_config(layer.get_config()).get_config() == layer.get_config()
    with pytest.raises(ValueError, match="were given"):
        layer.adapt(X)


def test_a_constant_feature_becomes_zero():
    layer = layers.Normalization()
    layer.adapt(np.full((5, 2), 7.0, "float32"))
    np.testing.assert_array_equal(np.asarray(layer(np.full((1, 2), 7.0, "float32"))), [[0.0, 0.0]])


@pytest.mark.parametrize("file", ["m.keras", "m.h5", "m.weights.h5"])
def test_normalization_is_saved_with_its_model(tmp_path, file):
    def build():
        layer = layers.Normalization()
        return layer, ckeras.Sequential([ckeras.Input((3, 4)), layer, layers.Dense(1)])

    layer, model = build()
    layer.adapt(X)
    path = tmp_path / file
    if file.endswith("weights.h5"):
        model.save_weights(path)
        _, again = build()
        again.load_weights(path)
    else:
        model.save(path)
        again = ckeras.models.load_model(path)
    np.testing.assert_array_equal(np.asarray(again(X)), np.asarray(model(X)))


@pytest.mark.parametrize(
    ("arguments", "data", "message"),
    [
        ({"mean": 1.0}, X, "given together"),
        ({"axis": 3}, X, "out of range"),
        ({"axis": (1, -2)}, X, "names a dimension twice"),
        ({}, X[:0], "no data"),
        ({}, [X, X[:, :, :2]], "was given shape"),
    ],
)
def test_normalization_refuses(arguments, data, message):
    with pytest.raises(ValueError, match=message):
        layers.Normalization(**arguments).adapt(iter(data) if isinstance(data, list) else data)


def test_normalization_wants_known_sizes():
    with pytest.raises(ValueError, match="must be known"):
        layers.Normalization()(ckeras.Input((None,)))
    with pytest.raises(ValueError, match=r"mean of shape \(2,\) does not fit \(3,\)"):
        layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 1.0])(np.ones((1, 3)))


def test_normalization_within_a_data_pipeline_trains():
    layer = layers.Normalization()
    layer.adapt(X)
    model = ckeras.Sequential([layer, layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(X, X[:, 0, 0], epochs=1, verbose=0)
    assert layer.trainable_weights == []
