"""KerasFileEditor."""

import h5py
import numpy as np
import pytest

import ckeras as keras
from ckeras import layers

Editor = keras.saving.KerasFileEditor


def model(width=4, more=False):
    keras.utils.set_random_seed(width)
    found = keras.Sequential([keras.Input((3,)), layers.Dense(width, name="first"), layers.Dense(2, name="second")])
    if more:
        found.add(layers.LayerNormalization(name="third"))
    return found


@pytest.fixture
def saved(tmp_path):
    m = model()
    m.save_weights(tmp_path / "m.weights.h5")
    return m, tmp_path / "m.weights.h5"


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_what_is_read_is_what_is_written(tmp_path, ending, capsys):
    m = model(more=True)
    m.compile("adam", "mse")
    m.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    (m.save if ending == ".keras" else m.save_weights)(tmp_path / f"m{ending}")
    editor = Editor(tmp_path / f"m{ending}")
    assert (editor.config is not None) == (editor.metadata is not None) == (ending == ".keras")
    kernel = editor.weights_dict["layers"]["dense"]["0"]
    np.testing.assert_array_equal(kernel, m.layers[0].kernel.numpy())
    editor.summary()
    out = capsys.readouterr().out
    assert "dense (first)" in out and "0: shape=(3, 4), dtype=float32" in out
    assert editor.compare(m)["status"] == "success" and "All" in capsys.readouterr().out
    editor.resave_weights(tmp_path / "again.weights.h5")
    other = model(more=True)
    other.load_weights(tmp_path / "again.weights.h5")
    assert same(other.get_weights(), m.get_weights())
    if ending == ".weights.h5":
        assert (tmp_path / "again.weights.h5").read_bytes() == (tmp_path / "m.weights.h5").read_bytes()


def test_halves_keep_their_dtype(tmp_path):
    m = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    m.save_weights(tmp_path / "m.weights.h5")
    editor = Editor(tmp_path / "m.weights.h5")
    assert editor.weights_dict["layers"]["dense"]["0"].dtype.name == "bfloat16"
    editor.save(tmp_path / "n.weights.h5")
    assert (tmp_path / "n.weights.h5").read_bytes() == (tmp_path / "m.weights.h5").read_bytes()


def test_objects_move_between_places(saved, tmp_path):
    m, path = saved
    editor = Editor(path)
    editor.rename_object("dense_1", "einsum_dense")
    assert list(editor.weights_dict["layers"]) == ["dense", "einsum_dense"]
    editor.rename_object("layers/einsum_dense", "dense_1")
    kept = editor.weights_dict["layers"]["dense_1"]
    editor.delete_object("layers/dense_1")
    assert "dense_1" not in editor.weights_dict["layers"]
    editor.add_object("layers/dense_1", {"0": kept["0"] + 1, "1": kept["1"]})
    editor.add_weights("dense", {"1": np.full(4, 7.0, "float32")})
    editor.save(tmp_path / "n.weights.h5")
    other = model()
    other.load_weights(tmp_path / "n.weights.h5")
    expected = m.get_weights()
    expected[1][:] = 7
    expected[2] += 1
    assert same(other.get_weights(), expected)
    editor.delete_weight("layers/dense", "1")
    assert list(editor.weights_dict["layers"]["dense"]) == ["0"]


def test_differences_are_counted(saved, capsys):
    _, path = saved
    editor = Editor(path)
    found = editor.compare(model(width=5))
    assert found == {"status": "error", "error_count": 3, "match_count": 1}
    assert "layers/dense/0 has the shape (3, 4) in the file and (3, 5) in the model" in capsys.readouterr().out
    more = editor.compare(model(more=True))
    assert more == {"status": "error", "error_count": 1, "match_count": 4}
    assert "layers/layer_normalization is in the model and not in the file" in capsys.readouterr().out
    editor.add_object("layers/extra", {"0": np.ones(2)})
    assert editor.compare(model())["error_count"] == 1
    assert "layers/extra is in the file and not in the model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e.rename_object("dense_9", "x"), "no object of the file"),
        (lambda e: e.rename_object("layers/dense_9", "x"), "no object 'layers/dense_9'"),
        (lambda e: e.rename_object("dense", "a/b"), "not a path"),
        (lambda e: e.rename_object("dense", "dense_1"), "already"),
        (lambda e: e.delete_object("layers/dense/0"), "no object"),
        (lambda e: e.delete_weight("dense", "5"), "no weight '5'"),
        (lambda e: e.add_object("nowhere/dense", {}), "no object"),
        (lambda e: e.add_object("dense_5", [1]), "dict of arrays"),
        (lambda e: e.add_weights("dense", {"0": "text"}), "arrays of numbers"),
        (lambda e: e.add_weights("dense", {"a/b": 1.0}), "arrays of numbers"),
        (lambda e: e.save("x.keras"), r"\.weights\.h5"),
    ],
)
def test_what_is_refused(saved, change, words):
    with pytest.raises(ValueError, match=words):
        change(Editor(saved[1]))


def test_a_name_that_several_objects_have(saved):
    editor = Editor(saved[1])
    editor.add_object("dense", {"0": np.ones(2)})
    with pytest.raises(ValueError, match="several objects"):
        editor.delete_object("dense")
    editor.delete_object("layers/dense")


def test_files_that_are_not_trusted(tmp_path):
    with pytest.raises(ValueError, match="must end with"):
        Editor(tmp_path / "m.h5")
    path = tmp_path / "m.weights.h5"

    def written(change):
        model().save_weights(path)
        with h5py.File(path, "a") as f:
            change(f)
        return path

    changes = [
        lambda f: f.__setitem__("layers/dense/inner", f["layers"]),  # a circle
        lambda f: f.__setitem__("layers/soft", h5py.SoftLink("/layers/dense")),
        lambda f: f.__setitem__("layers/outside", h5py.ExternalLink("other.h5", "/")),
        lambda f: f["layers/dense/vars/0"].__setitem__((0, 0), 99.0),  # not what the checksum says
    ]
    for change in changes:
        with pytest.raises(ValueError, match=r"m\.weights\.h5"):
            Editor(written(change))
