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

# What a user registers, in the words of either package: `package>name` is what the file holds.
OWN = """
import sys
import numpy as np
@keras.saving.register_keras_serializable(package="own", name="squared")
def square(x):
    return x * x
@keras.saving.register_keras_serializable("own")
def distance(y, p):
    return keras.ops.mean(keras.ops.square(y - p), -1)
@keras.saving.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
    def call(self, x):
        return x * self.factor
    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
x = np.linspace(-1, 1, 20).reshape(5, 4)
def write(folder):
    i = keras.Input((4,))
    m = keras.Model(i, keras.layers.Lambda(square)(Scale(0.5)(keras.layers.Dense(3, activation=square)(i))))
    m.compile("sgd", distance)
    m.fit(x, x[:, :3], verbose=0)
    m.save(folder + "/own.keras")
    return m.predict(x, verbose=0), m.evaluate(x, x[:, :3], verbose=0)
def read(folder):
    m = keras.saving.load_model(folder + "/own.keras")
    return m.predict(x, verbose=0), m.evaluate(x, x[:, :3], verbose=0)
"""

# Attributes of a subclassed model, before and after `layers` in the alphabet: Keras walks a model's `layers` there.
SUBCLASSED = """
import sys
import numpy as np
L = keras.layers
class Part(L.Layer):
    def __init__(self):
        super().__init__()
        self._blocks = [L.Dense(2), L.Dense(3)]
        self._one = L.Dense(4)
        self.pub = [self._blocks[0], L.Dense(5)]
    @property
    def chosen(self):
        return self._blocks[1]
    def call(self, x):
        return keras.ops.concatenate([f(x) for f in (*self._blocks, self._one, self.pub[1])], -1)
class Whole(keras.Model):
    def __init__(self):
        super().__init__()
        self.zz = L.Dense(3)
        self._p = [L.Dense(2)]
        self.tracker = keras.metrics.Mean(name="t")
        self.first = Part()
        self.deep = {"q": [L.Dense(6)], "p": L.Dense(7)}
        self.nest = [[L.Dense(6)], [[L.Dense(7)]], L.Dense(8), (L.Dense(9),)]
    @property
    def metrics(self):
        return [self.tracker]
    def call(self, x):
        (a,), ((b,),), c, (d,) = self.nest
        parts = (self.zz, *self._p, self.first, self.deep["q"][0], self.deep["p"], a, b, c, d)
        return keras.ops.concatenate([f(x) for f in parts], -1)
class Beside(keras.Model):
    def __init__(self):
        i = keras.Input((4,))
        super().__init__(i, L.Dense(2)(i))
        self._extra = L.Dense(3)
        self.more = [L.Dense(4)]
        self._list = [L.Dense(5)]
    def call(self, x):
        return keras.ops.concatenate([super().call(x), self._extra(x), self.more[0](x), self._list[0](x)], -1)
x = np.linspace(-1, 1, 20).reshape(5, 4)
@keras.saving.register_keras_serializable("own")
class InTurns(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.up = []
        self.down = []
        self.head = L.Dense(3)
        for n in (4, 5):
            self.up.append(L.Dense(n))
            self.down.append(L.Dense(n))
    def call(self, x):
        for up, down in zip(self.up, self.down):
            x = down(up(x))
        return self.head(x)
def trained(m):
    m.fit(x, x[:, :3], epochs=2, shuffle=False, verbose=0)
    return [m.predict(x, verbose=0), *m.get_weights()]
def do(folder, load):
    found = []
    path = folder + "/turns.keras"
    if load:
        m = keras.saving.load_model(path)
    else:
        m = InTurns()
        m.compile("adam", "mse")
        m.fit(x, x[:, :3], verbose=0)
        m.save(path)
    found += trained(m)  # with the state of its optimizer, which is kept by number
    for make in (Whole, Beside):
        m = make()
        m(x)
        path = folder + "/" + make.__name__ + ".weights.h5"
        m.load_weights(path) if load else m.save_weights(path)
        found.append(m.predict(x, verbose=0))
        path = folder + "/" + make.__name__ + ".weights.json"
        m = make()
        m(x)
        m.load_weights(path) if load else m.save_weights(path, max_shard_size=2e-7)
        found.append(m.predict(x, verbose=0))
    return found
def write(folder):
    return do(folder, False)
def read(folder):
    return do(folder, True)
"""


def run(folder, what):
    in_keras(SCRIPT, folder, what)
    return np.load(folder / "out.npz")


def in_keras(script, folder, what):
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([PYTHON, "-c", script, str(folder), what], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]


IN_TURN = """
import sys
import numpy as np
import keras
for i, source in enumerate({sources!r}):
    names = {{"keras": keras}}
    exec(source, names)
    np.savez(f"{{sys.argv[1]}}/own{{i}}.npz", *names[sys.argv[2]](sys.argv[1]))
"""


def exchange(sources, folder, ours, theirs):
    """Runs `write` or `read` of each source here, the other one in Keras, and compares the arrays they give."""
    script = IN_TURN.format(sources=sources)
    if ours == "read":
        in_keras(script, folder, theirs)
    found = []
    for source in sources:
        names = {"keras": ckeras}
        exec(source, names)
        found.append(names[ours](str(folder)))
    if ours == "write":
        in_keras(script, folder, theirs)
    for i, arrays in enumerate(found):
        with np.load(folder / f"own{i}.npz") as expected:
            assert len(arrays) == len(expected.files)
            for a, key in zip(arrays, expected):
                np.testing.assert_allclose(a, expected[key], atol=1e-5)


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


@pytest.mark.parametrize(("ours", "theirs"), [("write", "read"), ("read", "write")])
def test_what_users_register_and_subclass_lies_where_keras_keeps_it(tmp_path, ours, theirs):
    exchange([OWN, SUBCLASSED], tmp_path, ours, theirs)
