"""The older `.h5` format of whole models."""

import json

import h5py
import numpy as np
import pytest

import ckeras as keras
from ckeras import layers


@keras.saving.register_keras_serializable("test_saving_h5")
class Scale(layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 4)).astype("float32"), rng.normal(size=(24, 2)).astype("float32")


def model(trained=True, frozen=False):
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    i = keras.Input((4,))
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="a"), Scale(name="b")], name="inner")
    inner.layers[0].trainable = not frozen
    h = inner(layers.BatchNormalization(name="norm")(layers.Dense(3, activation="relu", name="first")(i)))
    m = keras.Model(i, layers.Dense(2, name="last")(h + 1.0))
    m.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    if trained:
        m.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    return m


def equal(a, b):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", ["m.h5", "m.hdf5"])
def test_training_continues_with_the_same_bits(tmp_path, name, frozen):
    m = model(frozen=frozen)
    m.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name)
    assert int(loaded.optimizer.iterations) == 3
    equal(loaded, m)
    for each in (m, loaded):
        each.fit(*data(), batch_size=8, epochs=2, shuffle=False, verbose=0)
    equal(loaded, m)
    x, y = data()
    assert loaded.evaluate(x, y, verbose=0) == m.evaluate(x, y, verbose=0)


def test_without_the_training_state(tmp_path):
    m = model()
    m.save(tmp_path / "m.h5", include_optimizer=False)
    assert not keras.models.load_model(tmp_path / "m.h5").compiled
    m.save(tmp_path / "m.h5")
    assert not keras.models.load_model(tmp_path / "m.h5", compile=False).compiled


def test_weights_alone_by_order_and_by_name(tmp_path):
    m, fresh = model(), model(trained=False)
    m.save(tmp_path / "m.h5")
    fresh.load_weights(tmp_path / "m.h5")
    equal(fresh, m)
    keras.backend.clear_session()
    other = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(7, name="new")])
    kept = other.layers[1].get_weights()
    other.load_weights(tmp_path / "m.h5", by_name=True)
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), m.get_layer("first").kernel.numpy())
    np.testing.assert_array_equal(other.layers[1].kernel.numpy(), kept[0])
    with pytest.raises(ValueError, match="4 layers with weights, the model 2"):
        other.load_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="by_name"):
        other.load_weights(tmp_path / "m.weights.h5", by_name=True)


def test_mismatch_names_layer_and_shapes_and_assigns_nothing(tmp_path):
    model().save(tmp_path / "m.h5")
    keras.backend.clear_session()
    wrong = keras.Sequential([keras.Input((5,)), layers.Dense(3, name="first")])
    before = wrong.get_weights()
    with pytest.raises(ValueError, match=r"first.*\(5, 3\).*\(4, 3\)"):
        wrong.load_weights(tmp_path / "m.h5", by_name=True)
    with pytest.warns(UserWarning, match="keeps its values"):
        wrong.load_weights(tmp_path / "m.h5", by_name=True, skip_mismatch=True)
    for a, b in zip(wrong.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_long_names_are_kept_in_pieces(tmp_path):
    keras.backend.clear_session()
    rows = [layers.Dense(1, name=f"{'x' * 200}_{i}") for i in range(400)]
    m = keras.Sequential([keras.Input((1,)), *rows])
    m.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as f:
        assert {"layer_names0", "layer_names1"} <= set(f["model_weights"].attrs)
    equal(keras.models.load_model(tmp_path / "m.h5"), m)


def test_what_the_format_cannot_hold(tmp_path):
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(NotImplementedError, match=r"Sequential and functional models alone.*\.keras"):
        Own().save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="zipped"):
        model(False).save(tmp_path / "m.h5", zipped=True)
    with pytest.raises(ValueError, match="include_optimizer"):
        model(False).save(tmp_path / "m.keras", include_optimizer=False)
    assert not list(tmp_path.iterdir())


def layer_of_keras_2(name, units, inbound):
    config = {"name": name, "trainable": True, "dtype": "float32", "units": units, "activation": "relu"}
    config["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {"seed": None}}
    return {"class_name": "Dense", "config": config, "name": name, "inbound_nodes": inbound}


def test_a_model_of_keras_2(tmp_path, monkeypatch):
    """Calls are lists, inputs have batch_input_shape, the optimizer has fields of old, weight names end in :0."""
    monkeypatch.delitem(vars(layers), "Add", raising=False)  # not loaded yet, as in a fresh process
    config = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "i"}}
    both = [[["a", 0, 0, {}], ["b", 0, 0, {}]]]
    entries = [
        {**config, "name": "i", "inbound_nodes": []},
        layer_of_keras_2("a", 3, [[["i", 0, 0, {}]]]),
        layer_of_keras_2("b", 3, [[["i", 0, 0, {}]]]),
        {"class_name": "Add", "config": {"name": "sum", "trainable": True}, "name": "sum", "inbound_nodes": both},
    ]
    model = {"name": "old", "layers": entries, "input_layers": [["i", 0, 0]], "output_layers": [["sum", 0, 0]]}
    optimizer = {"class_name": "SGD", "config": {"name": "SGD", "lr": 0.5, "decay": 0.0, "momentum": 0.0}}
    training = {"loss": "mse", "metrics": None, "loss_weights": None, "optimizer_config": optimizer}
    rng = np.random.default_rng(0)
    weights = {n: (rng.normal(size=(4, 3)).astype("f4"), np.ones(3, "f4")) for n in "ab"}
    with h5py.File(tmp_path / "m.h5", "w") as f:
        f.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": model}).encode()
        f.attrs["training_config"] = json.dumps(training).encode()
        group = f.create_group("model_weights")
        group.attrs["layer_names"] = [b"i", b"a", b"b", b"sum"]
        for name in ("i", "a", "b", "sum"):
            inner = group.create_group(name)
            names = [f"{name}/kernel:0", f"{name}/bias:0"] if name in weights else []
            inner.attrs["weight_names"] = [n.encode() for n in names]
            for n, value in zip(names, weights.get(name, ())):
                inner[n] = value
    m = keras.models.load_model(tmp_path / "m.h5")
    x = rng.normal(size=(5, 4)).astype("f4")
    want = sum(np.maximum(x @ k + b, 0) for k, b in weights.values())
    np.testing.assert_allclose(m.predict(x, verbose=0), want, rtol=1e-5)
    assert float(m.optimizer.learning_rate) == 0.5 and m.loss == "mse"


def test_dropout_goes_on_where_it_was(tmp_path):
    m = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5, seed=1), layers.Dense(2)])
    m.compile("sgd", "mse")
    m.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    m.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")
    for each in (m, loaded):
        each.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    equal(loaded, m)


@pytest.mark.parametrize(("optimizer", "warns"), [("sgd", True), ("adam", False)])
def test_an_operation_stored_by_its_class_and_an_optimizer_that_does_not_fit(tmp_path, optimizer, warns):
    """Keras 3 leaves out the modules of operations, which it cannot read back itself, and kinds of objects."""
    m = model()
    m.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as f:
        del f.attrs["ckeras_crc32"]
        config = json.loads(f.attrs["model_config"])
        for entry in config["config"]["layers"]:
            entry.pop("module")
        f.attrs["model_config"] = json.dumps(config)
        training = json.loads(f.attrs["training_config"])
        training["optimizer_config"] = {"class_name": optimizer.capitalize().replace("Sgd", "SGD"), "config": {}}
        training["loss"] = {"class_name": "MeanSquaredError", "config": {}}
        training["metrics"] = [{"class_name": "MeanSquaredError", "config": {"name": "m"}}]
        f.attrs["training_config"] = json.dumps(training)
    if warns:
        with pytest.warns(UserWarning, match="optimizer"):
            loaded = keras.models.load_model(tmp_path / "m.h5")
    else:
        loaded = keras.models.load_model(tmp_path / "m.h5")
    equal(loaded, m)
    assert type(loaded.loss) is keras.losses.MeanSquaredError
    assert set(loaded.evaluate(*data(), verbose=0, return_dict=True)) == {"loss", "m"}
    np.testing.assert_array_equal(loaded.predict(data()[0], verbose=0), m.predict(data()[0], verbose=0))


def test_export_says_what_to_do_instead():
    with pytest.raises(NotImplementedError, match="onnx"):
        model(trained=False).export("x", format="onnx")
