"""What `fit` and `predict` take as data."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers


def model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    return m


X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


class Squares(keras.utils.PyDataset):
    ended = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return X[10 * i : 10 * i + 10], Y[10 * i : 10 * i + 10]

    def on_epoch_end(self):
        self.ended += 1


def batches():
    return [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 40, 10)]


class Again:
    def __iter__(self):
        return iter(batches())


def fitted(*args, **kwargs):
    m = model()
    m.fit(*args, shuffle=False, verbose=0, epochs=2, **kwargs)
    return m.get_weights()


@pytest.mark.parametrize(
    "given",
    [
        lambda: ((X.astype("float64"), Y), {"batch_size": 10}),
        lambda: ((keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)), {"batch_size": 10}),
        lambda: ((X.tolist(), Y.tolist()), {"batch_size": 10}),
        lambda: (([X], [Y]), {"batch_size": 10}),
        lambda: ((np.asfortranarray(X), Y[::-1][::-1]), {"batch_size": 10}),
        lambda: ((Squares(),), {}),
        lambda: ((Again(),), {}),
        lambda: (((b for _ in range(2) for b in batches()),), {"steps_per_epoch": 4}),
    ],
)
def test_all_kinds_of_data_train_alike(given):
    args, kwargs = given()
    for a, b in zip(fitted(*args, **kwargs), fitted(X, Y, batch_size=10), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_dataset_hears_the_end_of_every_epoch():
    source = Squares()
    model().fit(source, epochs=3, verbose=0)
    assert source.ended == 3


def test_predict_takes_batches_and_joins_them():
    m = model()
    expected = m.predict(X, verbose=0)
    np.testing.assert_array_equal(m.predict(X, batch_size=7, verbose=0), expected)
    np.testing.assert_array_equal(m.predict(Squares(), verbose=0), expected)
    np.testing.assert_array_equal(m.predict((x for x, _ in batches()), verbose=0), expected)
    out = m.predict(X[:1], verbose=0)
    out[:] = 0  # the caller's own array
    assert m.predict(X[:1], verbose=0).any()


def test_inputs_by_name():
    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
    m = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate()([a, b])))
    m.compile("sgd", "mse")
    m.fit({"a": X[:, :2], "b": X[:, 2:]}, Y, verbose=0)
    assert m.predict({"a": X[:, :2], "b": X[:, 2:]}, verbose=0).shape == (40, 1)


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((X, Y), {"validation_split": 0.999}, "empty"),
        ((Squares(), Y), {}, "y must be None"),
        ((Squares(),), {"validation_split": 0.1}, "validation_split needs arrays"),
        ((iter(batches()),), {"epochs": 3}, "generator"),
        ((["a", "b", "c"], Y), {}, "numbers"),
        (([[1.0, 2.0], [3.0]], Y), {}, "(?i)rectangular|inhomogeneous|length"),
        ((object(), Y), {}, "unrecognised"),
        ((X, Y), {"class_weight": [1]}, "class_weight"),
        ((X, Y), {"validation_data": (X, Y, Y, Y)}, "validation_data"),
    ],
)
def test_data_that_does_not_fit_is_named(args, kwargs, words):
    with pytest.raises(ValueError, match=words):
        model().fit(*args, verbose=0, **kwargs)


# ---- the next batch and the next order, made beside the present step

WIDE = 1100  # 64 rows of it are enough for the engine to copy the next batch while a step runs


def _wide():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(64 * 5 + 7, WIDE)).astype("float32")
    return x, x[:, :3].copy()


def _fit_wide(threads, **kwargs):
    before = keras._engine.num_threads()
    keras._engine.set_num_threads(threads)
    try:
        keras.utils.set_random_seed(5)
        m = keras.Sequential([keras.Input((WIDE,)), layers.Dense(3)])
        m.compile("sgd", "mse")
        history = m.fit(*_wide(), batch_size=64, epochs=3, verbose=0, **kwargs)
        return [w.tobytes() for w in m.get_weights()], history.history["loss"]
    finally:
        keras._engine.set_num_threads(before)


def test_batches_copied_beside_the_step_give_the_same_bits():
    alone = _fit_wide(1)
    assert _fit_wide(2) == alone == _fit_wide(3)

    class Counts(keras.callbacks.Callback):  # wants every batch: steps run one by one, nothing is copied ahead
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert _fit_wide(2, callbacks=[Counts()]) == alone


def test_a_fault_in_a_copied_batch_stops_there():
    x, _ = _wide()
    labels = np.zeros(len(x), "int32")
    labels[64 * 3] = 7
    m = keras.Sequential([keras.Input((WIDE,)), layers.Dense(3)])
    m.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match="label 7 is out of range for 3 classes"):
        m.fit(x, labels, batch_size=64, verbose=0)
    assert 0 < int(m.optimizer.iterations) < 6
    labels[64 * 3] = 0
    m.fit(x, labels, batch_size=64, verbose=0)


def test_an_interruption_while_batches_are_copied():
    import signal
    import threading

    x = np.zeros((4096, WIDE), "float32")
    m = keras.Sequential([keras.Input((WIDE,)), layers.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(x[:128], x[:128, :1], batch_size=64, verbose=0)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            m.fit(x, x[:, :1], batch_size=64, epochs=100000, verbose=0)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    m.fit(x[:128], x[:128, :1], batch_size=64, verbose=0)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_orders_drawn_ahead_are_those_drawn_in_turn(shuffle, monkeypatch):
    from ckeras.trainers import data

    def orders():
        keras.utils.set_random_seed(11)
        source = data.ArrayData(X, batch_size=7, shuffle=shuffle)
        source.passes = 4
        found = [source.order().tolist() for _ in range(4)]
        return found, source._next_order

    in_turn, left = orders()
    assert left is None
    monkeypatch.setattr(data, "SHUFFLED_BESIDE", 1)
    ahead, left = orders()
    assert left is None  # nothing is drawn that nobody asks for
    assert ahead == in_turn and len({tuple(o) for o in ahead}) == 4


def test_what_goes_wrong_beside_is_raised():
    from ckeras.trainers.data import _Beside

    assert _Beside(lambda: 3).result() == 3
    with pytest.raises(ZeroDivisionError):
        _Beside(lambda: 1 / 0).result()


def test_batches_are_packed_and_unpacked():
    pack, unpack = keras.utils.pack_x_y_sample_weight, keras.utils.unpack_x_y_sample_weight
    for parts in ((1,), (1, 2), (1, 2, 3)):
        assert unpack(pack(*parts)) == (*parts, None, None)[:3]
    assert pack([1, 2]) == ([1, 2],)
    with pytest.raises(ValueError, match="tuple of 4"):
        unpack((1, 2, 3, 4))


def test_names_of_utils_and_backend_are_the_same_functions():
    for name in ("clear_session", "is_keras_tensor", "standardize_dtype"):
        assert getattr(keras.utils, name) is getattr(keras.backend, name)
    assert keras.utils.is_keras_tensor(keras.Input((2,))) and not keras.utils.is_keras_tensor(np.ones(2))
    assert keras.utils.standardize_dtype(np.float16) == "float16" and keras.utils.standardize_dtype(None) == "float32"
