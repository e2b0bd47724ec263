"""The device of the tests that need a GPU: a real one, or the emulated one that CKERAS_CUDA_EMULATED names."""

import pytest

import ckeras
from ckeras import _cuda


def obstacle():
    """Why there is none, or `None`."""
    return None if _cuda.emulated() else _cuda.look().obstacle()


@pytest.fixture
def on_gpu():
    """Computes on gpu:0; skipped, with the reason, where there is none."""
    why = obstacle()
    if why:
        pytest.skip(why)
    with ckeras.device("gpu:0"):
        yield
