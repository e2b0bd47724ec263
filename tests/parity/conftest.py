"""The oracle's compiler need not optimise: every operation here runs once. Its fusions are compiled by a pipeline of
their own, which takes longer than all else; and the many objects of its traces are looked through seldom."""

import gc
import os

import pytest

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")


@pytest.fixture(scope="module", autouse=True)  # that of a folder would last to the end of all tests
def seldom_collections():
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 20)
    yield
    gc.set_threshold(*before)
