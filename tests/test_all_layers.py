"""What holds for every layer: shapes, configs, traced calls, models, files, names; the table is in layer_table.py."""

import os
import sys

import numpy as np
import pytest

import ckeras
from ckeras import layers
from ckeras.layers import Layer

sys.path.insert(0, os.path.dirname(__file__))
from layer_table import ROWS, WITHOUT

CLASSES = {n: c for n in dir(layers) if isinstance(c := getattr(layers, n), type) and issubclass(c, Layer)}
NAMES = sorted(n for n in ROWS if n in CLASSES and ROWS[n][1] is not None)
# Cells and the layers whose state goes in and out are called with states, which models feed as inputs too.
CELLS = {n for n in NAMES if n.endswith(("Cell", "Cells"))}
# Called with (query, value), not with a list.
SPREAD = {"MultiHeadAttention", "GroupQueryAttention"}


def made(value):
    if isinstance(value, str) and value.startswith("layers."):
        return eval(value, {"layers": layers})
    return [made(v) for v in value] if isinstance(value, list) else value


def layer_of(name, /, **more):
    return CLASSES[name](**{k: made(v) for k, v in ROWS[name][0].items()}, **more)


def mapped(f, shape):
    """f(dtype, shape) for every input of a row."""
    if isinstance(shape, list):
        return [mapped(f, s) for s in shape]
    return f(shape[0], shape[1:]) if shape and isinstance(shape[0], str) else f("float32", shape)


def batch(name, n=2):
    rng = np.random.default_rng(4)

    def numbers(dtype, shape):
        x = rng.integers(0, 4, (n, *shape)) if "int" in dtype else rng.normal(size=(n, *shape))
        return x.astype(dtype)

    return mapped(numbers, ROWS[name][1])


def inputs(name):
    return mapped(lambda dtype, shape: ckeras.Input(shape, dtype=dtype), ROWS[name][1])


def call(layer, name, x):
    return layer(*x) if name in CELLS | SPREAD else layer(x)


def first(outputs):
    return outputs[0] if isinstance(outputs, (tuple, list)) else outputs


def model_of(name, /, **more):
    x = inputs(name)
    flat = ckeras.tree.flatten(x)
    return ckeras.Model(flat, first(call(layer_of(name, **more), name, x)))


def flat(x):
    values = ckeras.tree.flatten(x)
    return values[0] if len(values) == 1 else values


def same(a, b):
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_every_layer_has_a_row():
    own = {n for n, c in CLASSES.items() if n == c.__name__ or n not in {k.__name__ for k in CLASSES.values()}}
    primary = {n for n in own if CLASSES[n].__name__ == n}
    assert primary - set(ROWS) == WITHOUT & primary, "a row in tests/layer_table.py for each layer"


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_dtypes_are_foretold(name):
    symbolic = first(call(layer_of(name), name, inputs(name)))
    got = first(call(layer_of(name), name, batch(name)))
    assert symbolic.shape[0] is None
    assert tuple(got.shape[1:]) == tuple(symbolic.shape[1:])
    assert got.dtype == symbolic.dtype


@pytest.mark.parametrize("name", NAMES)
def test_configs_make_the_same_layer(name):
    layer = layer_of(name, name="mine", **({} if name == "Pipeline" else {"dtype": "float32"}))
    config = layer.get_config()
    again = CLASSES[name].from_config(config)
    assert again.name == "mine"
    assert again.get_config() == config
    x = batch(name)
    call(layer, name, x), call(again, name, x)
    assert [w.shape for w in layer.weights] == [w.shape for w in again.weights]
    again.set_weights(layer.get_weights())
    same(first(call(again, name, x)), first(call(layer, name, x)))


@pytest.mark.parametrize("name", NAMES)
def test_predicting_is_calling(name):
    model, x = model_of(name), flat(batch(name))
    # Random transforms of images take a plain call for training.
    same(model.predict(x, verbose=0), model(x, training=False))
    same(ckeras.models.clone_model(model)(x).shape, model(x).shape)


@pytest.mark.parametrize("name", NAMES)
def test_models_are_saved_and_loaded(name, tmp_path):
    model, x = model_of(name), flat(batch(name))
    model.save(tmp_path / "m.keras")
    loaded = ckeras.models.load_model(tmp_path / "m.keras")
    same(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [w.path.split("/")[-1] for w in loaded.weights] == [w.path.split("/")[-1] for w in model.weights]


@pytest.mark.parametrize("name", NAMES)
def test_empty_batches_pass(name):
    got = first(call(layer_of(name), name, batch(name, 0)))
    assert got.shape[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_trainable_and_frozen(name):
    layer = layer_of(name)
    call(layer, name, batch(name))
    count = len(layer.trainable_weights)
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == len(layer.weights) >= count


@pytest.mark.parametrize("name", NAMES)
def test_unknown_arguments_are_refused(name):
    with pytest.raises((TypeError, ValueError), match="no_such_argument"):
        layer_of(name, no_such_argument=1)
