"""The tests of on_numpy/, for which Keras computes on NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
FILES = sorted(Path(__file__).with_name("on_numpy").glob("test_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_file(file):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    print(done.stdout.splitlines()[-1])
