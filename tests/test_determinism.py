"""One hash of trained weights: on any number of threads, under any instruction set with FMA, in any process."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

import ckeras
from ckeras import _engine, ops

TRAIN = """
import hashlib
import numpy as np
import ckeras as keras
from ckeras import layers

keras.utils.set_random_seed(7)
rng = np.random.default_rng(0)
x, y = rng.random((96, 8, 8, 1), dtype="float32"), rng.integers(0, 10, 96)
model = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(16, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(2),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.Flatten(),
    layers.Dropout(0.25),
    layers.Dense(10, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=EAGER)
model.fit(x, y, batch_size=32, epochs=2, verbose=0)
h = hashlib.sha256()
for w in model.get_weights():
    h.update(np.ascontiguousarray(w).tobytes())
print(h.hexdigest())
"""


@functools.cache
def digest(threads=1, isa=None, eager=False, repeat=0):
    """The hash of a convnet's weights after two epochs; None where the instruction set is missing."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "CKERAS_NUM_THREADS": str(threads)}
    env.pop("CKERAS_ISA", None)
    if isa:
        env["CKERAS_ISA"] = isa
    code = TRAIN.replace("EAGER", str(eager))
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    if run.returncode and isa and "CKERAS_ISA" in run.stderr:
        return None
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout.strip()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads(threads):
    assert digest(threads) == digest(1)


@pytest.mark.parametrize("isa", ["avx2", "avx512", "neon"])
def test_instruction_sets(isa):
    if _engine.isa() not in ("avx2", "avx512", "neon"):
        pytest.skip(f"{_engine.isa()} has no fused multiply-add")
    other = digest(2, isa)
    if other is None:
        pytest.skip(f"this machine has no {isa}")
    assert other == digest(1)


def test_processes():
    assert digest(1, repeat=1) == digest(1)


def test_eager_gives_the_bits_of_the_program():
    assert digest(1, eager=True) == digest(1)


# Of these, some run with their rows in the lanes, some in strips, some as they are.
@pytest.mark.parametrize("m, k, n", [(70, 33, 10), (130, 40, 20), (390, 4097, 50), (2048, 260, 100), (700, 300, 70)])
def test_a_product_of_transposed_rows_has_the_bits_of_one_of_rows(m, k, n):
    a, b = np.random.default_rng(0).standard_normal((2, k, max(m, n)), "float32")
    columns, b = np.ascontiguousarray(a[:, :m]), np.ascontiguousarray(b[:, :n])
    transposed = ckeras.function(lambda x, y: ops.matmul(ops.transpose(x), y))(columns, b)
    rows = ops.matmul(np.ascontiguousarray(columns.T), b)
    assert np.asarray(transposed).tobytes() == np.asarray(rows).tobytes()


# The first three are cut along their length, the others by columns.
@pytest.mark.parametrize("k, n", [(1030, 300), (2048, 150), (4100, 1000), (300, 40), (600, 1100)])
def test_one_row_has_the_bits_of_several(k, n):
    rng = np.random.default_rng(1)
    rows, b = rng.standard_normal((9, k), "float32"), rng.standard_normal((k, n), "float32")
    assert np.asarray(ops.matmul(rows[:1], b)).tobytes() == np.asarray(ops.matmul(rows, b))[:1].tobytes()
