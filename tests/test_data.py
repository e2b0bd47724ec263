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
        ((Squares(),), {"batch_size": 3}, "batch_size"),
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
