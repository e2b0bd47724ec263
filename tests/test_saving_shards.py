"""Weights in several files, told of by a JSON file: what is saved comes back, and hostile maps are refused."""

import json
import shutil

import h5py
import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

SIZE = 200 / 2**30
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")


def make(fit=True):
    m = keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.BatchNormalization(), layers.Dense(3)])
    m.compile("adam", "mse")
    if fit:
        m.fit(X, X[:, :3], shuffle=False, verbose=0)
    return m


@pytest.fixture
def saved(tmp_path):
    m = make()
    path = tmp_path / "m.weights.json"
    m.save_weights(path, max_shard_size=SIZE)
    return m, path


def test_what_is_saved_comes_back_with_the_optimizers_state(saved):
    m, path = saved
    told = json.loads(path.read_text())
    files = sorted(p.name for p in path.parent.glob("*.h5"))
    assert files == [f"m_{i:05}.weights.h5" for i in range(len(files))] and len(files) > 3
    assert any(isinstance(names, list) for names in told["weight_map"].values())  # one object in several files
    total = 0
    for name in files:
        sizes = []
        with h5py.File(path.parent / name) as f:
            f.visititems(lambda _, x, sizes=sizes: sizes.append(x.nbytes) if isinstance(x, h5py.Dataset) else None)
        assert 0 < sum(sizes) <= 200
        total += sum(sizes)
    assert told["metadata"]["total_size"] == total
    other = make(fit=False)
    other.load_weights(path)
    for a, b in zip(m.variables + m.optimizer.variables, other.variables + other.optimizer.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_failed_save_leaves_the_old_files(saved):
    m, path = saved
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    m.layers[0].kernel.assign(m.layers[0].kernel * 2)
    with pytest.raises(ValueError, match="max_shard_size"):
        m.save_weights(path, max_shard_size=90 / 2**30)  # the first kernel takes 96
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before


def test_names_and_sizes_that_cannot_be(saved, tmp_path):
    m, path = saved
    with pytest.warns(UserWarning, match=r"n\.weights\.json"):
        m.save_weights(tmp_path / "n.weights.h5", max_shard_size=1)
    m.load_weights(tmp_path / "n.weights.json")
    for size in (0, -1, "1GB", True, float("nan")):
        with pytest.raises(ValueError, match="max_shard_size"):
            m.save_weights(path, max_shard_size=size)
    for name, size in (("m.json", 1), ("m.weights.json", None)):
        with pytest.raises(ValueError, match="max_shard_size"):
            m.save_weights(tmp_path / name, max_shard_size=size)


def test_shapes_that_do_not_fit(saved):
    _, path = saved
    other = keras.Sequential([keras.Input((4,)), layers.Dense(7), layers.BatchNormalization(), layers.Dense(3)])
    kept = other.layers[0].kernel.numpy()
    with pytest.raises(ValueError, match=r"expected shape \(4, 7\), the file has \(4, 6\)"):
        other.load_weights(path)
    with pytest.warns(UserWarning, match="keeps its values"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), kept)


FIRST = "/layers/dense/vars"


def put(names):
    def edit(told, folder):
        told["weight_map"][FIRST] = names(folder) if callable(names) else names

    return edit


def no_map(told, folder):
    del told["weight_map"]


def twice(told, folder):
    """One variable in two files."""
    shutil.copy(folder / told["weight_map"][FIRST], folder / "again.weights.h5")
    told["weight_map"][FIRST] = [told["weight_map"][FIRST], "again.weights.h5"]


def huge(told, folder):
    with h5py.File(folder / told["weight_map"][FIRST], "r+") as f:
        del f["layers/dense/vars/0"]
        f["layers/dense/vars"].create_dataset("0", shape=(1 << 30, 64), dtype="f4", chunks=(1 << 16, 64))


def outside_data(told, folder):
    with h5py.File(folder / told["weight_map"][FIRST], "r+") as f:
        del f["layers/dense"]
        f["layers/dense"] = h5py.ExternalLink(str(folder.parent / "secret.weights.h5"), "layers/dense")


@pytest.mark.parametrize(
    "edit, words",
    [
        (put("../secret.weights.h5"), "same folder"),
        (put(lambda folder: str(folder.parent / "secret.weights.h5")), "same folder"),
        (put("..\\secret.weights.h5"), "same folder"),
        (put("C:secret.weights.h5"), "same folder"),
        (put("m_00000.weights.h5\0"), "same folder"),
        (put(".."), "same folder"),
        (put("m.weights.json"), "same folder"),
        (put([["m_00000.weights.h5"]]), "same folder"),
        (put(7), "same folder"),
        (put([]), "no file"),
        (put(["m_00000.weights.h5"] * 2), "twice"),
        (put("m_99999.weights.h5"), "not beside it"),
        (put("folder.weights.h5"), "not beside it"),
        (put("m_00001.weights.h5"), "no such group"),
        (no_map, "weight_map"),
        (twice, "two files"),
        (huge, "declares"),
        (outside_data, "links are refused"),
    ],
)
def test_hostile_maps_are_refused(tmp_path, edit, words):
    folder = tmp_path / "in"
    (folder / "folder.weights.h5").mkdir(parents=True)
    make().save_weights(folder / "m.weights.json", max_shard_size=SIZE)
    make().save_weights(tmp_path / "secret.weights.h5")
    m = make(fit=False)
    before = [v.numpy() for v in m.variables]
    m.load_weights(folder / "m.weights.json")  # the control
    for v, value in zip(m.variables, before):
        v.assign(value)
    told = json.loads((folder / "m.weights.json").read_text())
    edit(told, folder)
    (folder / "m.weights.json").write_text(json.dumps(told))
    with pytest.raises(ValueError, match=words):
        m.load_weights(folder / "m.weights.json")
    for v, value in zip(m.variables, before):
        np.testing.assert_array_equal(v.numpy(), value)


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": {"a": "x", "a": "y"}}', "[" * 5000, "\x89HDF\r\n"])
def test_a_map_that_is_none(tmp_path, text):
    path = tmp_path / "m.weights.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"m\.weights\.json"):
        make(fit=False).load_weights(path)
