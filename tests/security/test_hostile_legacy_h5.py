"""Hostile files of the older `.h5` format."""

import json
import shutil

import h5py
import numpy as np
import pytest
from hostile import dense, make_model, refuses
from test_hostile_files import marker_lambda, weights_attacks

import ckeras as keras

KERNEL = "sequential/dense/kernel"
PLACES = {"layer": "model_weights/dense", "kernel": KERNEL, "bias": KERNEL.replace("kernel", "bias"), "owner": "."}


@pytest.fixture
def good(tmp_path):
    keras.backend.clear_session()
    path = tmp_path / "good.h5"
    make_model().save(path)
    keras.models.load_model(path)  # the control
    return path


def edited(good, edit):
    path = good.with_name("bad.h5")
    shutil.copy(good, path)
    with h5py.File(path, "r+") as f:
        edit(f)
    return path


ATTACKS = [name for name in weights_attacks("", "") if name != "surplus"]  # what no name names is not read


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_weights_are_refused(tmp_path, good, name):
    secret, other = tmp_path / "secret", tmp_path / "other.h5"
    secret.write_bytes(np.full(12, 1234.5, "f4").tobytes())
    with h5py.File(other, "w") as f:
        f["data"] = np.full((4, 3), 1234.5, "f4")
    bad = edited(good, weights_attacks(secret, other, **PLACES)[name])
    refuses(bad)
    m = make_model()
    before = m.get_weights()
    with pytest.raises(ValueError):
        m.load_weights(bad)
    for a, b in zip(m.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def config_edit(edit):
    """Changes the configuration and takes its checksum away, as a file of Keras has none."""

    def change(f):
        config = json.loads(f.attrs["model_config"])
        edit(config)
        f.attrs["model_config"] = json.dumps(config)
        del f.attrs["ckeras_crc32"]

    return change


@pytest.mark.parametrize("safe_mode", [True, None])
def test_lambdas_are_refused_in_safe_mode(tmp_path, good, safe_mode):
    marker = tmp_path / "marker"
    attack = marker_lambda(marker)
    bad = edited(good, config_edit(lambda c: dense(c)["config"].update(activation=attack)))
    refuses(bad, "lambda|safe", safe_mode=safe_mode)
    assert not marker.exists()


EDITS = {
    "another class": config_edit(lambda c: dense(c).update(class_name="system", module="os")),
    "no model": config_edit(lambda c: c.update(class_name="Dense", config={"units": 3})),
    "2^31 units": config_edit(lambda c: dense(c)["config"].update(units=2**31)),
    "changed config": lambda f: f.attrs.create("model_config", f.attrs["model_config"].replace("relu", "selu")),
    "no config": lambda f: f.attrs.__delitem__("model_config"),
    "config is a number": lambda f: f.attrs.create("model_config", 3.0),
    "config is a list": lambda f: f.attrs.create("model_config", [b"{}", b"{}"]),
    "config is no JSON": lambda f: f.attrs.create("model_config", b"{"),
    "names are numbers": lambda f: f["model_weights"].attrs.create("layer_names", [1, 2]),
    "names are references": lambda f: f["model_weights"].attrs.create("layer_names", f.ref),
    "names are missing": lambda f: f["model_weights"].attrs.__delitem__("layer_names"),
    "names lead out": lambda f: f["model_weights/dense"].attrs.create("weight_names", [b"../dense_1/x", b"/etc"]),
    "names are twice": lambda f: f["model_weights/dense"].attrs.create("weight_names", [KERNEL.encode()] * 2),
    "a layer less": lambda f: f["model_weights"].attrs.create("layer_names", [b"dense"]),
    "layers swapped": lambda f: f["model_weights"].attrs.create("layer_names", [b"dense_1", b"dense"]),
    "optimizer is a dataset": lambda f: f.create_dataset("optimizer_weights", data=1),
}


@pytest.mark.parametrize("name", EDITS)
def test_odd_files_are_refused(good, name):
    refuses(edited(good, EDITS[name]))


def test_a_byte_that_is_no_utf8_spoils_the_checksum(good):
    def edit(f):
        text = f.attrs["model_config"].encode().replace(b"relu", b"re\xffu")
        f.attrs.create("model_config", text, dtype=h5py.string_dtype())

    refuses(edited(good, edit), "checksum")
