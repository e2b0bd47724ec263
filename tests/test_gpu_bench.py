"""The bench on a GPU, in sizes of the emulated one: everything in it runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_device import obstacle

BENCH = Path(__file__).parent.parent / "bench" / "gpu.py"


@pytest.mark.parametrize("part", ["kernels", "models"])
def test_bench_runs_through(part, tmp_path):
    why = obstacle() or (None if BENCH.exists() else "the tests run without the repository around them")
    if why:
        pytest.skip(why)
    table = tmp_path / "table.md"
    done = subprocess.run(
        [sys.executable, str(BENCH), "--tiny", "--only", part, "--markdown", str(table)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert ("transformer" if part == "models" else "attention bfloat16") in table.read_text()
