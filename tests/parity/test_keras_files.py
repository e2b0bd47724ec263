"""Files exchanged with real Keras 3, both ways, optimizer state included."""

import os
import subprocess
import sys

import numpy as np
import pytest

import ckeras
from ckeras import layers

# An interpreter that has Keras, when this one has not.
PYTHON = os.environ.get("CKERAS_ORACLE_PYTHON", sys.executable)
HAS_KERAS = subprocess.run(
    [PYTHON, "-c", "import keras"], capture_output=True, env={**os.environ, "KERAS_BACKEND": "jax"}
)
pytestmark = pytest.mark.skipif(HAS_KERAS.returncode != 0, reason="keras is not installed; see CKERAS_ORACLE_PYTHON")

SCRIPT = """
import sys
import numpy as np
import keras
from keras import layers
folder = sys.argv[1]
data = np.load(folder + "/data.npz")
x, y = data["x"], data["y"]
def numbers(m):
    m.evaluate(x, y, verbose=0)
    before = m.predict(x, verbose=0)
    m.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return before, m.predict(x, verbose=0)
if sys.argv[2] == "read h5":
    m = keras.saving.load_model(folder + "/m.h5", compile=False)
    before = m.predict(x, verbose=0)
    m.load_weights(folder + "/m.h5")
    np.savez(folder + "/out.npz", before=before, reloaded=m.predict(x, verbose=0))
elif sys.argv[2] == "read":
    m = keras.saving.load_model(folder + "/m.keras")
    steps = int(m.optimizer.iterations)
    before, after = numbers(m)
    m.load_weights(folder + "/m.weights.h5")
    np.savez(folder + "/out.npz", before=before, after=after, steps=steps, reloaded=m.predict(x, verbose=0))
else:
    i = keras.Input((6, 6, 1))
    h = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(i)))
    m = keras.Model(i, layers.Dense(3, activation="softmax")(layers.Dense(5, activation="tanh")(h)))
    m.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    m.save(folder + "/m.keras")
    m.save_weights(folder + "/m.weights.h5")
    m.save(folder + "/m.h5")
    before, after = numbers(m)
    np.savez(folder + "/out.npz", before=before, after=after, steps=4)
"""


def run(folder, what):
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([PYTHON, "-c", SCRIPT, str(folder), what], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(folder / "out.npz")


@pytest.fixture
def xy(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 6, 6, 1)).astype("float32"), rng.integers(0, 3, 32)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    return x, y


def test_keras_reads_our_file_and_trains_on(tmp_path, xy):
    x, y = xy
    i = ckeras.Input((6, 6, 1))
    h = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(i)))
    m = ckeras.Model(i, layers.Dense(3, activation="softmax")(layers.Dense(5, activation="tanh")(h)))
    m.compile(ckeras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    m.save(tmp_path / "m.keras")
    m.save_weights(tmp_path / "m.weights.h5")
    theirs = run(tmp_path, "read")
    before = m.predict(x, verbose=0)
    np.testing.assert_allclose(theirs["before"], before, atol=1e-6)
    np.testing.assert_allclose(theirs["reloaded"], before, atol=1e-6)
    assert theirs["steps"] == 4
    m.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(theirs["after"], m.predict(x, verbose=0), atol=2e-5)


def test_we_read_the_file_of_keras_and_train_on(tmp_path, xy):
    x, y = xy
    theirs = run(tmp_path, "write")
    m = ckeras.models.load_model(tmp_path / "m.keras")
    assert int(m.optimizer.iterations) == 4
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["before"], atol=1e-6)
    m.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["after"], atol=2e-5)
    m.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["before"], atol=1e-6)


def test_keras_reads_our_older_format(tmp_path, xy):
    x, y = xy
    i = ckeras.Input((6, 6, 1))
    inner = ckeras.Sequential([ckeras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(5, activation="tanh")])
    h = layers.BatchNormalization()(inner(layers.Conv2D(1, 3, activation="relu")(i)))
    m = ckeras.Model(i, layers.Dense(3, activation="softmax")(h))
    m.compile("adam", "sparse_categorical_crossentropy")
    m.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    m.save(tmp_path / "m.h5")
    theirs = run(tmp_path, "read h5")
    for key in ("before", "reloaded"):
        np.testing.assert_allclose(theirs[key], m.predict(x, verbose=0), atol=1e-6)


def test_we_read_the_older_format_of_keras_and_train_on(tmp_path, xy):
    x, y = xy
    theirs = run(tmp_path, "write")
    m = ckeras.models.load_model(tmp_path / "m.h5")
    assert int(m.optimizer.iterations) == 4
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["before"], atol=1e-6)
    m.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["after"], atol=2e-5)
    m.load_weights(tmp_path / "m.h5")
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["before"], atol=1e-6)
