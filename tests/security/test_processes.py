"""Several processes and one file, or one engine: never a mix, never a deadlock."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers


def python(code, *args):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], env=env, stderr=subprocess.PIPE, text=True)


WRITER = """
import sys
import numpy as np
import ckeras as keras
path, value = sys.argv[1], float(sys.argv[2])
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16), keras.layers.Dense(8)])
model.set_weights([np.full(w.shape, value, "float32") for w in model.get_weights()])
for _ in range(12):
    model.save(path)
"""


def test_a_reader_sees_one_writer_s_file_or_the_other_s(tmp_path):
    path = tmp_path / "m.keras"
    writers = [python(WRITER, path, value) for value in (1, 2)]
    seen, until = set(), time.monotonic() + 1200
    while any(w.poll() is None for w in writers):
        assert time.monotonic() < until
        if path.exists():
            values = {float(v) for w in keras.models.load_model(path).get_weights() for v in np.unique(w)}
            assert values in ({1.0}, {2.0})
            seen |= values
    for w in writers:
        assert w.wait() == 0, w.stderr.read()
        w.stderr.close()
    assert seen
    assert os.listdir(tmp_path) == ["m.keras"]


FORK = """
import os, signal, sys, warnings
import numpy as np
import ckeras as keras
warnings.simplefilter("ignore")
x = np.random.default_rng(0).normal(size=(512, 64)).astype("float32")
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(512, activation="relu"), keras.layers.Dense(64)])
model.compile("adam", "mse")
model.fit(x, x, verbose=0)
want = model.predict(x, verbose=0)
child = os.fork()
if child == 0:
    signal.alarm(100)
    same = np.array_equal(model.predict(x, verbose=0), want)
    model.fit(x, x, verbose=0)
    os._exit(0 if same else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert np.array_equal(model.predict(x, verbose=0), want)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_fork_computes_on():
    child = python(FORK)
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors


def test_an_interrupted_save_leaves_the_old_file(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    killed = python(WRITER.replace("range(12)", "range(10**6)"), tmp_path / "other.keras", 1)
    until = time.monotonic() + 120
    while not (tmp_path / "other.keras").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    loaded = keras.models.load_model(tmp_path / "other.keras")
    assert all((w == 1).all() for w in loaded.get_weights())
    for a, b in zip(keras.models.load_model(tmp_path / "m.keras").get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
