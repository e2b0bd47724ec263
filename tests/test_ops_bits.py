"""Bits of every primitive: the same on any threads and every instruction set with a fused multiply-add."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import opinfo
from ckeras import _engine

HERE = Path(__file__).parent


@functools.cache
def work(mode, isa=None, threads=None):
    """What tests/op_worker.py prints under a set of instructions and threads; None where the set is missing."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    for key, value in (("CKERAS_ISA", isa), ("CKERAS_NUM_THREADS", threads)):
        env.pop(key, None)
        if value:
            env[key] = str(value)
    run = subprocess.run(
        [sys.executable, HERE / "op_worker.py", mode], env=env, capture_output=True, text=True, timeout=300
    )
    if run.returncode and isa and "CKERAS_ISA" in run.stderr:
        return None
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def _differ(a, b):
    return sorted(name for name in a if a[name] != b[name])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_bits(threads):
    assert _differ(work("hash", None, 1), work("hash", None, threads)) == []


@pytest.mark.parametrize("isa", ["avx2", "avx512", "neon"])
def test_instruction_sets_do_not_change_bits(isa):
    if _engine.isa() not in ("avx2", "avx512", "neon"):
        pytest.skip(f"{_engine.isa()} has no fused multiply-add")
    other = work("hash", isa, 2)
    if other is None:
        pytest.skip(f"this machine has no {isa}")
    assert _differ(work("hash", None, 1), other) == []


@pytest.mark.parametrize("isa", ["reference", "baseline"])
def test_plain_kernels_agree_within_tolerance(isa):
    found = work("check", isa)
    if found is None:
        pytest.skip(f"this build has no {isa}")
    assert {name: d for name, d in found.items() if d} == {}


def test_an_unknown_instruction_set_is_an_error():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CKERAS_ISA": "mmx"}
    run = subprocess.run([sys.executable, "-c", "import ckeras._engine"], env=env, capture_output=True, text=True)
    assert run.returncode and "mmx" in run.stderr


def test_the_worker_sees_every_row():
    assert set(work("hash", None, 1)) == set(opinfo.ROWS)
