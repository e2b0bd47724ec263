"""csrc/cuda/harvest.sh on the emulated device: what fails, or has no time, does not end the other stages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ckeras import _cuda

SCRIPT = Path(__file__).parent.parent / "csrc" / "cuda" / "harvest.sh"


def harvest(folder, *stages, **environment):
    """(its status, the summary's lines)"""
    library = _cuda.emulated()
    if not (library and SCRIPT.exists() and shutil.which("bash")):
        pytest.skip("needs the emulated device, the repository, and bash")
    path = os.pathsep.join(p for p in sys.path if p)
    own = {"CKERAS_HARVEST_EMULATED": str(Path(library).parent), "PYTHON": sys.executable, "PYTHONPATH": path}
    env = {**os.environ, **own, **environment}
    done = subprocess.run(["bash", str(SCRIPT), str(folder), *stages], env=env, capture_output=True, text=True)
    return done.returncode, (folder / "summary.txt").read_text().splitlines()


def test_stages_fail_alone(tmp_path):
    status, lines = harvest(tmp_path / "out", "nonsense", "hashes")
    assert status == 1 and lines[0] == "nonsense: FAILED, no such stage"
    assert lines[1].startswith("hashes: passed, ") and lines[1].endswith("; equal bits"), lines
    assert "gpu.py --hashes --tiny" in (tmp_path / "out" / "log.txt").read_text()


def test_no_stage_begins_without_time(tmp_path):
    status, lines = harvest(tmp_path, "kernels", "bench", CKERAS_HARVEST_SECONDS="4")
    assert status == 1 and [line.split(",")[0] for line in lines] == [
        f"{name}: NOT BEGUN" for name in ("kernels", "bench_models", "bench_kernels")
    ]
