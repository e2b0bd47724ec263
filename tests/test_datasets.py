"""Data sets from small files of their format, served from a folder: reading, options, the cache, hostile files."""

import gzip
import io
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

import ckeras
from ckeras.datasets import (
    _source,
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

RNG = np.random.default_rng(0)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder whose files stand for those of the network; `served(name, write)`."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    source = tmp_path / "source"
    source.mkdir()

    def serve(name):
        monkeypatch.setitem(_source.FILES, name, (source.resolve().as_uri() + "/", None))
        return source / name

    return serve


def lists(*sequences):
    out = np.empty(len(sequences), dtype=object)
    for i, s in enumerate(sequences):
        out[i] = list(s)
    return out


def test_mnist(served):
    data = {"x_train": RNG.integers(0, 256, (6, 28, 28), dtype="uint8"), "y_train": np.arange(6, dtype="uint8")}
    data |= {"x_test": data["x_train"][:2], "y_test": data["y_train"][:2]}
    np.savez(served("mnist.npz"), **data)
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    for name, got in (("x_train", x_train), ("y_train", y_train), ("x_test", x_test), ("y_test", y_test)):
        np.testing.assert_array_equal(got, data[name])
        assert got.dtype == np.uint8 and got.flags.writeable
    mnist.load_data("other.npz")
    assert sorted(os.listdir(os.path.join(os.environ["KERAS_HOME"], "datasets"))) == ["mnist.npz", "other.npz"]


def test_fashion_mnist(served):
    images, labels = RNG.integers(0, 256, (5, 28, 28), dtype="uint8"), np.array([1, 9, 0, 4, 4], "uint8")
    for which in ("train", "t10k"):
        served(f"{which}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + images.tobytes()))
        served(f"{which}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels.tobytes()))
    for x, y in fashion_mnist.load_data():
        np.testing.assert_array_equal(x, images)
        np.testing.assert_array_equal(y, labels)


def tar_of(path, folder, **files):
    with tarfile.open(path, "w:gz") as archive:
        for name, value in files.items():
            data = value if isinstance(value, bytes) else pickle.dumps(value, protocol=2)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def batch(n, *labels):
    data = RNG.integers(0, 256, (n, 3072), dtype="uint8")
    return {b"data": data, **{name: list(range(n)) for name in labels}}


def test_cifar10(served):
    parts = {f"data_batch_{i}": batch(2, b"labels") for i in range(1, 6)}
    tar_of(served("cifar-10-python.tar.gz"), "cifar-10-batches-py", test_batch=batch(3, b"labels"), **parts)
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_test.shape == (3, 32, 32, 3) and x_train.dtype == np.uint8
    assert y_train.shape == (10, 1) and y_train.dtype == y_test.dtype == np.uint8
    np.testing.assert_array_equal(x_train[3].transpose(2, 0, 1).ravel(), parts["data_batch_2"][b"data"][1])
    ckeras.config.set_image_data_format("channels_first")
    try:
        assert cifar10.load_data()[0][0].shape == (10, 3, 32, 32)
    finally:
        ckeras.config.set_image_data_format("channels_last")


def test_cifar100(served):
    labels = {b"fine_labels": [70, 71], b"coarse_labels": [3, 4]}
    parts = {name: {**batch(2), **labels} for name in ("train", "test")}
    tar_of(served("cifar-100-python.tar.gz"), "cifar-100-python", **parts)
    assert cifar100.load_data()[0][1].tolist() == [[70], [71]]
    assert cifar100.load_data("coarse")[1][1].tolist() == [[3], [4]]
    with pytest.raises(ValueError, match="'fine' or 'coarse'"):
        cifar100.load_data("medium")


REVIEWS = [[1, 2, 3], [4], [9, 8, 7, 6, 5], [2, 2]]


def serve_imdb(served):
    x, y = lists(*REVIEWS), np.array([0, 1, 1, 0])
    np.savez(served("imdb.npz"), x_train=x, y_train=y, x_test=x, y_test=y)


def by_label(part):
    return sorted((list(x), int(y)) for x, y in zip(*part, strict=True))


def test_imdb(served):
    serve_imdb(served)
    train, _ = imdb.load_data()
    whole = sorted(([1, *[w + 3 for w in r]], y) for r, y in zip(REVIEWS, [0, 1, 1, 0], strict=True))
    # The greatest rank is where unknown words begin, as in Keras.
    assert by_label(train) == sorted((([2 if w >= 12 else w for w in r], y) for r, y in whole))
    assert imdb.load_data()[0][1].tolist() == train[1].tolist()
    assert (
        imdb.load_data(seed=5)[0][1].tolist() != train[1].tolist()
        or imdb.load_data(seed=6)[0][1].tolist() != train[1].tolist()
    )
    plain, _ = imdb.load_data(start_char=None, index_from=0, num_words=100)
    assert by_label(plain) == sorted(zip(REVIEWS, [0, 1, 1, 0], strict=True))
    few, _ = imdb.load_data(start_char=None, index_from=0, num_words=5, skip_top=2, oov_char=None)
    assert by_label(few) == [([], 1), ([2, 2], 0), ([2, 3], 0), ([4], 1)]
    short, _ = imdb.load_data(maxlen=4, num_words=100)
    assert sorted(len(x) for x in short[0]) == [2, 3]
    with pytest.raises(ValueError, match="raise maxlen"):
        imdb.load_data(maxlen=1)
    with pytest.raises(TypeError, match="words"):
        imdb.load_data(words=3)


def test_reuters(served):
    np.savez(served("reuters.npz"), x=lists(*REVIEWS), y=np.array([5, 6, 7, 8]))
    train, test = reuters.load_data(test_split=0.25, num_words=100)
    assert len(train[0]) == 3 and len(test[0]) == 1
    assert sorted([*train[1], *test[1]]) == [5, 6, 7, 8]
    names = reuters.get_label_names()
    assert len(names) == 46 and names[0] == "cocoa" and names[45] == "lead"


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(served, module):
    name = f"{module.__name__.rpartition('.')[2]}_word_index.json"
    served(name).write_text(json.dumps({"the": 1, "é": 2}))
    assert module.get_word_index() == {"the": 1, "é": 2}


@pytest.mark.parametrize("module", [boston_housing, california_housing])
def test_housing(served, module):
    n = 1000
    name = f"{module.__name__.rpartition('.')[2]}.npz"
    np.savez(served(name), x=np.arange(2.0 * n).reshape(n, 2), y=np.arange(n))
    (x_train, y_train), (x_test, _) = module.load_data()
    assert len(x_train) == len(y_train) == 800 and len(x_test) == 200
    np.testing.assert_array_equal(x_train[:, 0], 2 * y_train)
    assert (module.load_data()[0][1] == y_train).all() and (module.load_data(seed=1)[0][1] != y_train).any()
    assert len(module.load_data(test_split=0)[1][0]) == 0
    with pytest.raises(ValueError, match="test_split"):
        module.load_data(test_split=1)
    if module is california_housing:
        assert len(module.load_data("small")[0][0]) == 480
        with pytest.raises(ValueError, match="'small' or 'large'"):
            module.load_data("medium")


class Evil:
    def __reduce__(self):
        return os.system, ("false",)


def test_a_hostile_pickle_runs_nothing(served):
    evil = np.empty(1, dtype=object)
    evil[0] = Evil()
    np.savez(served("imdb.npz"), x_train=evil, y_train=np.zeros(1), x_test=evil, y_test=np.zeros(1))
    with pytest.raises(ValueError, match=r"refers to .*system.*refused"):
        imdb.load_data()
    tar_of(served("cifar-100-python.tar.gz"), "cifar-100-python", train=Evil(), test=Evil())
    with pytest.raises(ValueError, match="refused"):
        cifar100.load_data()


def test_without_a_network_the_error_says_what_to_do(served):
    served("mnist.npz")
    with pytest.raises(OSError, match=r"put the file at .*mnist\.npz yourself"):
        mnist.load_data()
