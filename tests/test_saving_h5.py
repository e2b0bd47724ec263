"""The older `.h5` format of whole models."""

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
