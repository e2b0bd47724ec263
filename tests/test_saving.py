"""Files: what is saved comes back, and a save that fails costs nothing."""

import functools
import os
import resource
import signal
import threading

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, ops
from ckeras.saving import FileError, state

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 32)


def model(units=5, fit=True):
    m = keras.Sequential([keras.Input((4,)), layers.Dense(units, "relu"), layers.Dense(3, "softmax")])
    m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    if fit:
        m.fit(X, Y, shuffle=False, verbose=0)
    return m


def branched():
    x = keras.Input((4,), name="x")
    shared = layers.Dense(4, "tanh")
    y = layers.Concatenate()([shared(x), shared(shared(x)) * 2.0])
    m = keras.Model(x, [layers.Dense(1, name="p")(y), layers.Dense(2, name="q")(y)])
    m.compile(keras.optimizers.SGD(0.1, momentum=0.9), ["mse", "mae"], loss_weights=[1, 2])
    m.fit(X, [X[:, :1], X[:, :2]], shuffle=False, verbose=0)
    return m


@pytest.mark.parametrize("make", [model, branched])
def test_a_loaded_model_predicts_and_trains_on_with_the_same_bits(tmp_path, make):
    m = make()
    path = tmp_path / "a b \u00e9.keras"
    m.save(path)
    loaded = keras.models.load_model(path)
    targets = Y if make is model else [X[:, :1], X[:, :2]]
    for k in range(2):
        a, b = m.predict(X, verbose=0), loaded.predict(X, verbose=0)
        for p, q in zip(a if isinstance(a, list) else [a], b if isinstance(b, list) else [b], strict=True):
            np.testing.assert_array_equal(p, q, err_msg=f"round {k}")
        ha = m.fit(X, targets, shuffle=False, verbose=0)
        hb = loaded.fit(X, targets, shuffle=False, verbose=0)
        assert ha.history == hb.history
    assert [f.name for f in tmp_path.iterdir()] == [path.name]


def test_compile_false_loads_a_model_that_is_not_compiled(tmp_path):
    model().save(tmp_path / "m.keras")
    assert not keras.models.load_model(tmp_path / "m.keras", compile=False).compiled


def test_weights_files_hold_what_attributes_and_lists_hold(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(4)
            self.rest = [layers.Dense(4), layers.Dense(2)]

        def call(self, x):
            return self.rest[1](self.rest[0](self.first(x)))

    a, b = Net(), Net()
    expected = a.predict(X, verbose=0)
    b.predict(X, verbose=0)
    a.save_weights(tmp_path / "w.weights.h5")
    b.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(b.predict(X, verbose=0), expected)
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.weights.h5") as f:
        assert {"first", "layers", "vars"} <= set(f)  # in a Model's `layers` is what comes after it in the alphabet
        assert set(f["layers"]) == {"dense_1", "dense_2"}  # `first`, seen before, has a number too


class Nest(layers.Layer):
    """Layers in containers of containers, in private attributes and behind a property."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pairs = [(layers.Dense(2), {"deep": [layers.Dense(3)]}), [layers.Dense(4)]]
        self._hidden = [layers.Dense(5)]
        self._one = layers.Dense(6)
        self.again = [self.pairs[0][0], layers.Dense(7)]

    @property
    def chosen(self):
        return self._hidden[0]

    @property
    def unready(self):
        raise RuntimeError("not yet")

    def all_layers(self):
        (a, b), c = self.pairs
        return [a, b["deep"][0], *c, *self._hidden, self._one, self.again[1]]

    def call(self, x):
        return ops.concatenate([layer(x) for layer in self.all_layers()], -1)


@pytest.mark.parametrize("as_model", [False, True])
def test_weights_of_layers_in_nested_containers_are_kept(tmp_path, as_model, monkeypatch):
    def make():
        if not as_model:
            return keras.Sequential([keras.Input((4,)), Nest()])
        made = type("NestModel", (Nest, keras.Model), {})()
        made(X)
        return made

    model, other = make(), make()
    assert len(model.weights) == 12 and not np.array_equal(model(X), other(X))
    model.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(model(X), other(X))
    # Older files of Keras keep them in `layers` of a model, or not at all.
    walk = functools.partial(state._Walk, nested=False)
    with monkeypatch.context() as patch:
        patch.setattr(state, "walk", lambda model: walk(model).found)
        model.save_weights(tmp_path / "old.weights.h5")
    old = make()
    old.load_weights(tmp_path / "old.weights.h5")
    assert np.array_equal(model(X), old(X)) == as_model


def test_a_function_is_stored_by_the_name_that_it_is_registered_under(tmp_path):
    @keras.saving.register_keras_serializable(package="test_saving", name="squared")
    def square(x):
        return x * x

    m = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=square), layers.Lambda(square)])
    stored = keras.saving.serialize_keras_object(square)
    assert (stored["config"], stored["registered_name"]) == ("test_saving>squared", "function")
    m.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.layers[0].activation is square
    np.testing.assert_array_equal(again(X), m(X))


def test_nan_and_half_precision_survive(tmp_path):
    m = keras.Sequential([keras.Input((2,)), layers.Dense(2, dtype="bfloat16")])
    w = m.get_weights()
    w[1] = np.array([np.nan, 2.5]).astype(w[1].dtype)
    m.set_weights(w)
    m.save(tmp_path / "m.keras")
    back = keras.models.load_model(tmp_path / "m.keras").get_weights()
    for a, b in zip(w, back, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a.astype("float32"), b.astype("float32"))


def test_weights_that_do_not_fit_are_named_and_nothing_is_assigned(tmp_path):
    model(5).save_weights(tmp_path / "w.weights.h5")
    other = model(6)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"dense.*\(4, 6\).*\(4, 5\)"):
        other.load_weights(tmp_path / "w.weights.h5")
    for a, b in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning) as caught:
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    assert "(4, 6)" in str(caught[0].message)


@pytest.mark.parametrize(
    ("name", "words"),
    [("m.txt", r"\.keras"), ("m", r"\.keras")],
)
def test_another_ending_is_refused(tmp_path, name, words):
    with pytest.raises(ValueError, match=words):
        model(fit=False).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_overwrite_false_keeps_the_file(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="overwrite"):
        model(fit=False).save(path, overwrite=False)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_a_save_that_fails_leaves_the_old_file_and_no_other(tmp_path, name):
    path = tmp_path / name
    m = model()
    save = m.save if name.endswith(".keras") else m.save_weights
    save(path)
    old = path.read_bytes()
    m.fit(X, Y, verbose=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(OSError, match=r"(?i)large"):
            save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == old
    assert [f.name for f in tmp_path.iterdir()] == [name]


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "m.keras"
    m = model()
    m.save(path)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            m.save(path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(15):
            np.testing.assert_array_equal(keras.models.load_model(path).get_weights()[0], m.get_weights()[0])
    finally:
        stop.set()
        writer.join()


def test_links_and_relative_paths(tmp_path, monkeypatch):
    m = model(fit=False)
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real" / "m.keras", tmp_path / "link.keras")
    m.save(tmp_path / "link.keras")
    assert (tmp_path / "link.keras").is_symlink() and (tmp_path / "real" / "m.keras").is_file()
    monkeypatch.chdir(tmp_path)
    m.save("n.keras")
    keras.models.load_model("n.keras")
    m.save("x" * 249 + ".keras")
    with pytest.raises(OSError, match=r"(?i)too long"):
        m.save("x" * 300 + ".keras")
    with pytest.raises(FileNotFoundError):
        m.save(tmp_path / "nowhere" / "m.keras")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.keras", b"", "empty"),
        ("a.keras", b"garbage" * 99, "not a zip"),
        ("a.keras", b"\x89HDF\r\n\x1a\n" + b"0" * 99, "HDF5"),
        ("a.weights.h5", b"", "empty"),
        ("a.weights.h5", b"garbage" * 99, "not an HDF5"),
        ("a.weights.h5", b"PK\x03\x04" + b"0" * 99, "zip"),
    ],
)
def test_files_that_are_something_else_are_told(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    m = model(fit=False)
    with pytest.raises(FileError, match=words):
        keras.models.load_model(path) if name.endswith(".keras") else m.load_weights(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="not found"):
        keras.models.load_model(tmp_path / "no.keras")
    (tmp_path / "d.keras").mkdir()
    with pytest.raises(FileError, match="folder"):
        keras.models.load_model(tmp_path / "d.keras")


def test_own_variables_may_be_stored_in_any_order(tmp_path):
    class Named(layers.Dense):
        def save_own_variables(self, store):
            store["10"], store["weight"], store["9"] = np.arange(3.0), self.kernel.numpy(), np.ones(2)
            store["bias"] = self.bias.numpy()

        def load_own_variables(self, store):
            self.found = list(store.keys()), np.asarray(store["10"])
            self.kernel.assign(np.asarray(store["weight"]))
            self.bias.assign(np.asarray(store["bias"]))

    model = keras.Sequential([keras.Input((2,)), Named(3)])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Named": Named})
    assert again.layers[0].found[0] == ["9", "10", "bias", "weight"]
    np.testing.assert_array_equal(again.layers[0].found[1], np.arange(3.0))
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


class TwoOptimizers(keras.Model):
    """Compiled as generative networks are: with arguments of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2)

    def compile(self, first_optimizer, second_optimizer, **kwargs):
        super().compile(**kwargs)
        self.optimizers = (first_optimizer, second_optimizer)

    def call(self, x):
        return self.dense(x)


def test_a_model_with_a_compile_of_its_own_is_loaded_without_it(tmp_path):
    model = TwoOptimizers()
    model.compile(keras.optimizers.SGD(), keras.optimizers.Adam())
    x = np.ones((2, 3), "float32")
    expected = model(x)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=r"TwoOptimizers was loaded without being compiled"):
        again = keras.models.load_model(tmp_path / "m.keras", custom_objects={"TwoOptimizers": TwoOptimizers})
    assert not again.compiled
    np.testing.assert_array_equal(again(x), expected)
    again.compile(keras.optimizers.SGD(), keras.optimizers.Adam())


@pytest.mark.parametrize("ending", [".weights.h5", ".weights.json"])
def test_loading_past_objects(tmp_path, ending):
    def make(units):
        inner = keras.Sequential([keras.Input((units,)), layers.Dense(3, name="deep"), layers.Dense(2, name="last")])
        return keras.Sequential([keras.Input((4,)), layers.Dense(units), inner, layers.Dense(3)])

    saved, wider = make(5), make(6)
    path = tmp_path / f"m{ending}"
    saved.save_weights(path, **({"max_shard_size": 1} if ending == ".weights.json" else {}))
    first, inner, last = wider.layers
    before = [w.copy() for w in wider.get_weights()]
    wider.load_weights(path, objects_to_skip=[first, inner])
    for new, old in zip(wider.get_weights()[:6], before[:6]):
        np.testing.assert_array_equal(new, old)
    np.testing.assert_array_equal(last.get_weights()[0], saved.layers[2].get_weights()[0])
    wider.load_weights(path, objects_to_skip=(first, inner.layers[0]))
    np.testing.assert_array_equal(inner.layers[1].get_weights()[0], saved.layers[1].layers[1].get_weights()[0])
    np.testing.assert_array_equal(inner.get_weights()[0], before[2])
    with pytest.raises(FileError, match="deep"):
        wider.load_weights(path, objects_to_skip=[first])


def test_loading_past_objects_says_what_it_takes(tmp_path):
    m = model(fit=False)
    with pytest.raises(ValueError, match="objects_to_skip must be a list of layers, got Dense"):
        m.load_weights(tmp_path / "m.weights.h5", objects_to_skip=m.layers[0])
    for name in ("m.keras", "m.h5"):
        with pytest.raises(ValueError, match="objects_to_skip goes with"):
            m.load_weights(tmp_path / name, objects_to_skip=[m.layers[0]])
