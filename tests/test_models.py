"""Functional, Sequential and subclassed models: graphs, configs, cloning, summaries, messages."""

import json

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, models, ops


@pytest.fixture(autouse=True)
def _fresh():
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    yield
    keras.backend.clear_session()


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def two_headed():
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(5, activation="tanh", name="shared")
    x = layers.Concatenate(name="join")([layers.Dense(3, name="narrow")(a), b])
    y = layers.Add(name="sum")([shared(x), shared(x * 2.0)])
    z = ops.reshape(ops.mean(y, axis=-1, keepdims=True), (-1, 1))
    return keras.Model([a, b], {"y": layers.Dense(2, name="y")(y), "z": z}, name="two")


def test_functional_with_shared_layers_and_operations():
    model = two_headed()
    a, b = rand(6, 4), rand(6, 3)
    out = model([a, b])
    k, c = (w.numpy() for w in model.get_layer("narrow").weights)
    s, d = (w.numpy() for w in model.get_layer("shared").weights)
    x = np.concatenate([a @ k + c, b], 1)
    y = np.tanh(x @ s + d) + np.tanh(2 * x @ s + d)
    np.testing.assert_allclose(out["z"].numpy(), y.mean(1, keepdims=True), rtol=1e-4, atol=1e-5)
    assert out["y"].shape == (6, 2) and model.output_shape == {"y": (None, 2), "z": (None, 1)}
    by_name = model({"b": b, "a": a})
    np.testing.assert_array_equal(by_name["y"].numpy(), out["y"].numpy())
    assert len(model.weights) == 6 and model.count_params() == (12 + 3) + (30 + 5) + (10 + 2)


def test_functional_json_round_trip_and_clone():
    model = two_headed()
    text = model.to_json()
    again = models.model_from_json(text)
    assert json.loads(again.to_json()) == json.loads(text)
    again.set_weights(model.get_weights())
    a, b = rand(2, 4), rand(2, 3)
    np.testing.assert_array_equal(again([a, b])["y"].numpy(), model([a, b])["y"].numpy())
    twin = models.clone_model(model)
    assert [w.shape for w in twin.weights] == [w.shape for w in model.weights]
    assert twin.weights[0] is not model.weights[0]
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin([a, b])["z"].numpy(), model([a, b])["z"].numpy())


def test_config_is_in_the_format_of_keras():
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layers.Dense(1, name="d")(x) + 1.0, name="m")
    config = json.loads(model.to_json())
    assert (config["module"], config["class_name"]) == ("keras.src.models.functional", "Functional")
    assert config["registered_name"] == "Functional"
    dense, add = config["config"]["layers"][1:]
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "dtype": "float32"}}
    tensor["config"]["keras_history"] = ["x", 0, 0]
    assert dense["module"] == "keras.layers" and dense["registered_name"] is None
    assert dense["inbound_nodes"] == [{"args": [tensor], "kwargs": {}}]
    assert dense["build_config"] == {"input_shape": [None, 3]}
    assert (add["module"], add["class_name"], add["registered_name"]) == ("keras.src.ops.numpy", "Add", "Add")
    assert add["inbound_nodes"][0]["args"][1] == 1.0
    assert config["config"]["input_layers"] == ["x", 0, 0] and config["config"]["output_layers"] == ["add", 0, 0]


def test_nested_models_and_parts_of_models():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="in1"), layers.Dense(2, name="in2")], name="inner"
    )
    x = keras.Input((4,))
    outer = keras.Model(x, layers.Dense(1)(inner(x)))
    data = rand(5, 4)
    np.testing.assert_allclose(outer(data).numpy(), outer.layers[-1](inner(data)).numpy(), rtol=1e-6)
    again = models.model_from_json(outer.to_json())
    again.set_weights(outer.get_weights())
    np.testing.assert_array_equal(again(data).numpy(), outer(data).numpy())
    first = keras.Model(inner.inputs, inner.get_layer("in1").output)
    np.testing.assert_array_equal(first(data).numpy(), inner.get_layer("in1")(data).numpy())
    tail = keras.Model(inner.get_layer("in1").output, inner.output)
    np.testing.assert_allclose(tail(first(data)).numpy(), inner(data).numpy(), rtol=1e-6)
    inner.trainable = False
    assert len(outer.trainable_weights) == 2


def test_sequential_is_built_late_or_early():
    late = keras.Sequential([layers.Dense(3), layers.Dense(1)])
    assert not late.built
    with pytest.raises(AttributeError, match="before it is built"):
        _ = late.output_shape
    assert late(rand(2, 4)).shape == (2, 1) and late.input_shape == (None, 4)
    assert [v.path for v in late.weights][:2] == ["sequential/dense/kernel", "sequential/dense/bias"]
    early = keras.Sequential([layers.Dense(3, input_shape=(4,))])
    assert early.built and early.output_shape == (None, 3)
    early.add(layers.Dense(2))
    assert early.output_shape == (None, 2) and len(early.layers) == 2
    early.pop()
    assert early.output_shape == (None, 3)
    again = models.model_from_json(late.to_json())
    again.set_weights(late.get_weights())
    x = rand(2, 4)
    np.testing.assert_array_equal(again(x).numpy(), late(x).numpy())


@pytest.mark.parametrize("first", [(), (keras.Input((10, 3)),)], ids=["late", "with an Input"])
def test_sequential_takes_other_sizes(first):
    model = keras.Sequential([*first, layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()])
    assert model(np.ones((2, 10, 3))).shape == (2, 4)
    assert model(np.ones((2, 12, 3))).shape == (2, 4)
    assert model(keras.Input((7, 3))).shape == (None, 4)
    assert model.predict(np.ones((2, 15, 3)), verbose=0).shape == (2, 4)
    with pytest.raises(ValueError, match=r"expected axis -1 .* 3.*"):
        model(np.ones((2, 10, 5)))
    with pytest.raises(ValueError, match=r"must have shape \(None, 10, 3\), got \(2, 10\)"):
        model(np.ones((2, 10)))


def test_sequential_in_a_layer_of_unknown_length():
    """What is built while shapes are found keeps no stand-in of an unknown size."""

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.Sequential([layers.Dense(5), layers.Dense(2)])

        def call(self, x):
            return self.inner(ops.concatenate([x, x], axis=1))

    block = Block()
    x = keras.Input((None, 3))
    model = keras.Model(x, block(x))
    assert model.output_shape == (None, None, 2)
    assert model(np.ones((4, 6, 3))).shape == (4, 12, 2)
    plain = keras.Sequential([layers.Dense(5)])
    layer = layers.Lambda(lambda x: plain(x))
    layer(keras.Input((None, 3)))
    assert plain.input_shape == (None, None, 3)


def test_outputs_of_layers_of_a_sequential_that_grew():
    model = keras.Sequential()
    model.add(keras.Input((8, 8, 3)))
    model.add(layers.Conv2D(4, 3))
    model.add(layers.Flatten())
    model.add(layers.Dense(2))
    model.pop()
    features = keras.Model(model.inputs, [layer.output for layer in model.layers])
    x = rand(1, 8, 8, 3)
    conv, flat = features(x)
    np.testing.assert_array_equal(conv, model.layers[0](x))
    np.testing.assert_array_equal(flat, model(x))


def test_dropout_in_a_model_follows_training():
    x = keras.Input((50,))
    model = keras.Model(x, layers.Dropout(0.5)(x))
    ones = np.ones((4, 50), "float32")
    np.testing.assert_array_equal(model(ones).numpy(), ones)
    assert set(np.unique(model(ones, training=True).numpy())) == {0.0, 2.0}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.a = layers.Dense(2)
        self.rest = [layers.Dense(3), {"k": layers.Dense(4)}]

    def call(self, x):
        return self.rest[1]["k"](self.rest[0](self.a(x)))


def test_subclassed_model():
    model = Subclassed()
    assert model(rand(2, 3), training=True).shape == (2, 4)
    assert [v.path for v in model.weights][::2] == [f"subclassed/dense{n}/kernel" for n in ("", "_1", "_2")]
    built = Subclassed()
    built.build((None, 3))
    assert len(built.weights) == 6


def test_subclass_that_passes_a_graph():
    class Graphed(keras.Model):
        def __init__(self):
            x = keras.Input((3,))
            super().__init__(x, layers.Dense(2)(x))

    model = Graphed()
    assert model.output_shape == (None, 2) and model(rand(2, 3)).shape == (2, 2)


def test_summary():
    pytest.importorskip("rich")
    lines = []
    two_headed().summary(print_fn=lines.append)
    text = "\n".join(lines)
    for words in ('Model: "two"', "Connected to", "shared (Dense)", "(None, 5)", "Total params: 62 (248.00 B)"):
        assert words in text


def entry(model, name):
    config = json.loads(model.to_json())
    return config, next(x for x in config["config"]["layers"] if x["name"] == name)


def test_a_file_names_no_functions_and_no_dead_layers():
    x = keras.Input((3,), name="x")
    model = keras.Model(x, layers.Dense(2, name="d")(x) * 2.0)
    config, product = entry(model, "multiply")
    product.update(module="keras.config", class_name="set_floatx", registered_name=None)
    with pytest.raises(ValueError):
        models.model_from_json(json.dumps(config))
    config, dense = entry(model, "d")
    dead = {**dense, "name": "dead", "config": {**dense["config"], "name": "dead"}}
    config["config"]["layers"].append(dead)
    with pytest.raises(ValueError, match=r"no output depends on.*dead"):
        models.model_from_json(json.dumps(config))
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: keras.Model(keras.Input((3,)), keras.Input((3,))), ["not connected"]),
        (lambda: keras.Model(keras.Input((3,)), np.ones(3)), ["outputs", "symbolic"]),
        (lambda: keras.Input(3), ["shape=(3,)"]),
        (lambda: keras.Sequential([layers.Dense(1), lambda x: x]), ["Lambda"]),
        (lambda: keras.Sequential([layers.Dense(1, name="q"), layers.Dense(1, name="q")]), ["'q'"]),
        (lambda: two_headed().get_layer("shaerd"), ["'shared'"]),
        (lambda: two_headed()([rand(2, 4)]), ["two", "2 inputs", "got 1"]),
        (lambda: two_headed()([rand(2, 5), rand(2, 3)]), ["'a'", "(None, 4)", "(2, 5)"]),
        (lambda: models.model_from_json("nonsense"), ["JSON"]),
        (lambda: two_headed().set_weights([np.ones(2)]), ["6 arrays", "got 1"]),
    ],
)
def test_messages(make, words):
    with pytest.raises(ValueError) as e:
        make()
    for word in words:
        assert word in str(e.value)


def test_a_frozen_layer_of_a_nested_model_stays_frozen():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3), layers.Dense(2)])
    inner.layers[0].trainable = False
    i = keras.Input((3,))
    again = keras.Model.from_config(keras.Model(i, inner(i)).get_config())
    assert [layer.trainable for layer in again.layers[1].layers] == [False, True]
    again.trainable = False
    assert not keras.Model.from_config(again.get_config()).trainable_weights


@pytest.mark.parametrize("layer", [layers.Dense(2), layers.EinsumDense("ab,bc->ac", 2), layers.Conv1D(2, 1)])
def test_an_activation_may_be_taken_away_later(layer):
    layer.activation = keras.activations.get("relu")
    x = rand(*((3, 4, 2) if isinstance(layer, layers.Conv1D) else (3, 2)))
    bent = layer(x).numpy()
    layer.activation = None
    np.testing.assert_array_equal(np.maximum(layer(x), 0), bent)
    assert layer(x).numpy().min() < 0


def test_a_summary_names_layers_built_for_several_shapes():
    class Attends(keras.Model):
        def __init__(self):
            super().__init__()
            self.attention = layers.MultiHeadAttention(2, 4)

        def call(self, x):
            return self.attention(x, x)

    model, lines = Attends(), []
    model(rand(2, 3, 8))
    model.summary(print_fn=lines.append)
    assert "(2, 3, 8)" in "".join(lines)


def test_layers_built_inside_a_call_remember_open_sizes():
    class Inside(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(3, name="first")
            self.second = layers.Conv1D(2, 3, padding="same", name="second")

        def call(self, x):
            return self.second(self.first(x))

    x, inside = keras.Input((None, 4), name="x"), Inside()
    model, lines = keras.Model(x, {"y": inside(x), "z": layers.Dense(1)(inside.output)}), []
    model.summary(print_fn=lines.append, expand_nested=True)
    assert "└ second (Conv1D)" in lines[0] and "(None, None, 2)" in lines[0]
    assert inside.first.get_build_config() == {"input_shape": (None, None, 4)}
    assert inside.get_build_config() == {"input_shape": (None, None, 4)}


def test_a_summary_of_a_chain_has_no_connections():
    x, lines = keras.Input((None, 3)), []
    keras.Model(x, layers.LSTM(2, return_state=True, name="l")(x)).summary(print_fn=lines.append, line_length=120)
    assert "[(None, 2), (None, 2), (None, 2)]" in lines[0] and "Connected" not in lines[0]


@pytest.mark.parametrize("chain", [True, False])
def test_a_clone_is_compiled_alike_and_may_stand_on_a_given_input(chain):
    def own(y, p):
        return ops.mean(ops.square(y - p))

    x = keras.Input((3,))
    model = keras.Sequential([x, layers.Dense(2)]) if chain else keras.Model(x, layers.Dense(2)(x))
    assert not models.clone_model(model).compiled
    model.compile(keras.optimizers.Adam(0.5), own, metrics=["mae", keras.metrics.MeanSquaredError()])
    model.fit(rand(4, 3), rand(4, 2), verbose=0)
    given = keras.Input((3,), name="given")
    clone = models.clone_model(model, input_tensors=[given])
    assert clone.inputs[0] is given
    clone.set_weights(model.get_weights())
    assert clone.evaluate(rand(4, 3), rand(4, 2), verbose=0) == model.evaluate(rand(4, 3), rand(4, 2), verbose=0)
    assert clone.optimizer is not model.optimizer and clone.optimizer.learning_rate == 0.5
    clone.fit(rand(4, 3), rand(4, 2), verbose=0)
    assert int(model.optimizer.iterations) == int(clone.optimizer.iterations) == 1


def test_a_clone_of_a_model_with_an_unknown_optimizer_says_so():
    class Slow(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

        def get_config(self):
            return {}

    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile(keras.optimizers.SGD(Slow()), "mse")
    with pytest.warns(UserWarning, match="not compiled: .*Slow"):
        assert not models.clone_model(model).compiled


def test_an_input_of_a_given_tensor():
    given = keras.Input((3,), name="given")
    assert keras.Input(tensor=given) is given and layers.InputLayer(input_tensor=given).output is given


def test_weights_of_a_model_not_built_are_not_saved(tmp_path):
    with pytest.raises(ValueError, match="is not built"):
        keras.Sequential([layers.Dense(2)]).save_weights(tmp_path / "w.weights.h5")


def test_clones_share_the_functions_of_lambda_layers():
    def halve(x):
        return ops.divide(x, 2)

    for function in (lambda x: ops.divide(x, 2), halve):
        model = keras.Sequential([keras.Input((3,)), layers.Lambda(function)])
        x = rand(2, 3)
        np.testing.assert_array_equal(models.clone_model(model)(x), x / 2)
