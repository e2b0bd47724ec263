"""`import ckeras` is cheap: nothing optional, and at most 2.5 times NumPy's own import."""

import statistics
import subprocess
import sys
import time

import pytest

LAZY = ("h5py", "rich", "ml_dtypes", "sklearn", "matplotlib", "pandas", "keras", "jax", "torch", "tensorflow", "PIL")
RARE = ("base64", "difflib", "json", "numpy.random", "ckeras.ops.convolution", "ckeras.models.cloning")


def _python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))


def test_nothing_optional_is_loaded():
    code = f"import ckeras, sys; print([m for m in {LAZY!r} if m in sys.modules])"
    assert _python(code).strip() == "[]"


def test_a_first_fit_loads_nothing_that_it_has_no_use_for():
    code = f"""
import sys, numpy
seen = set(sys.modules)
import ckeras as keras
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(numpy.zeros((4, 2)), numpy.zeros((4, 1)), verbose=0)
print([m for m in {(*LAZY, *RARE)!r} if m in sys.modules and m not in seen])
"""
    assert _python(code).strip() == "[]"


def test_rarer_ops_load_when_they_are_named():
    """Each way in a process of its own, a copy of one that has loaded none."""
    ways = (
        "from ckeras.ops import solve as f",
        "from ckeras.ops import *; f = solve",
        "from ckeras import ops; assert 'solve' in dir(ops); f = ops.solve",
        "from ckeras.ops.linalg import solve as f",
        "import ckeras.ops.numpy as n; f = n.einsum",
        "import ckeras.ops.nn as n; assert 'moments' in dir(n); f = n.unfold",
        "from ckeras._core.symbolic import get_public_op; f = get_public_op('unfold')",
        "from ckeras._core.symbolic import get_public_op; f = get_public_op('resize')",
        "import ckeras.ops.convolution, ckeras.ops as ops; f = ops.conv",
        "from ckeras import ops; f = any(hasattr(m, 'g') for m in (ops, ops.linalg, ops.nn, ops.numpy)) or print",
    )
    code = f"""
import os, sys
import ckeras.ops
for way in {ways!r}:
    assert not {{"ckeras.ops.systems", "ckeras.ops.patches", "ckeras.ops.convolution"}} & set(sys.modules)
    child = os.fork()
    if child == 0:
        found = {{}}
        exec(way, found)
        assert callable(found["f"])
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, way
"""
    assert _python(code) == ""


def _seconds(module):
    start = time.perf_counter()
    _python(f"import {module}")
    return time.perf_counter() - start


def test_import_time_relative_to_numpy():
    _seconds("ckeras")  # byte code and page cache
    ratio = float("inf")
    for _ in range(5):  # a busy machine gets more than one chance
        rounds = [(_seconds("ckeras"), _seconds("numpy")) for _ in range(5)]
        ratio = min(ratio, statistics.median(c for c, _ in rounds) / statistics.median(n for _, n in rounds))
        if ratio <= 2.5:
            return
    pytest.fail(f"import ckeras takes {ratio:.2f} times import numpy")
