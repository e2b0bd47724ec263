"""Hostile files are built from a good one, and refused: what the tests of this folder share."""

import io
import json
import random
import time
import zipfile

import h5py
import pytest

import ckeras as keras
from ckeras import layers
from ckeras._core import scope
from ckeras.saving import registry


def make_model():
    m = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    m.compile("adam", "mse")
    return m


def global_state():
    return (
        keras.config.floatx(),
        keras.config.image_data_format(),
        keras.dtype_policies.dtype_policy().name,
        dict(keras.saving.get_custom_objects()),
        random.getstate(),
        scope.names_snapshot(),
        registry.in_safe_mode(),
    )


def pack(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return path


def refuses(path, words=".", **kwargs):
    """The load raises, without much work, and global state is what it was."""
    before = global_state()
    start = time.process_time()
    with pytest.raises(ValueError, match=words):
        keras.models.load_model(path, **kwargs)
    assert time.process_time() - start < 5
    assert global_state() == before


def with_config(good, edit):
    config = json.loads(good["config.json"])
    edit(config)
    return {**good, "config.json": json.dumps(config)}


def with_weights(good, edit):
    buffer = io.BytesIO(good["model.weights.h5"])
    with h5py.File(buffer, "r+") as f:
        edit(f)
    return {**good, "model.weights.h5": buffer.getvalue()}


def dense(config):
    return config["config"]["layers"][1]
