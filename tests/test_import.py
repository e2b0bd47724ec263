"""`import ckeras` is cheap: nothing optional, and at most 2.5 times NumPy's own import."""

import statistics
import subprocess
import sys
import time

import pytest

LAZY = ("h5py", "rich", "ml_dtypes", "sklearn", "matplotlib", "pandas", "keras", "jax", "torch", "tensorflow", "PIL")
RARE = ("base64", "difflib", "json", "numpy.random", "ckeras.ops.further")


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
    for code in (
        "from ckeras.ops import solve as f",
        "from ckeras.ops import *; f = solve",
        "from ckeras import ops; assert 'solve' in dir(ops); f = ops.solve",
        "from ckeras.ops.linalg import solve as f",
        "import ckeras.ops.numpy as n; f = n.einsum",
        "import ckeras.ops.nn as n; assert 'moments' in dir(n); f = n.unfold",
        "import ckeras.ops; from ckeras._core.symbolic import get_public_op; f = get_public_op('unfold')",
    ):
        assert _python(code + "; print(callable(f))").strip() == "True"
    code = "from ckeras import ops; print([hasattr(m, 'solved') for m in (ops, ops.linalg, ops.nn, ops.numpy)])"
    assert _python(code).strip() == "[False, False, False, False]"


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
