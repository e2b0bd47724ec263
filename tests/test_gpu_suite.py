"""The tests of operations, layers and trainers once more, with CKERAS_DEVICE=gpu: on a GPU, or on the emulated one.

Emulated, what takes long is left out.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ckeras import _cuda
from gpu_device import obstacle

# Per file: which of its tests are left out on any GPU, and which more on the emulated one (pytest's -k).
NOT_OF_A_DEVICE = {
    "test_ops_nn.py": "not makes_no_array",  # the processor's memory
}
FILES = {
    "test_ops_forward.py": "float32 or special or int32",
    "test_ops_gradients.py": "",
    "test_ops_control.py": "",
    "test_ops_linalg.py": "",
    "test_ops_signal.py": "",
    "test_layers.py": "",
    "test_layers_attention.py": "",
    "test_rnn.py": "",
    "test_trainings.py": "",
    "test_optimizers.py": "",
    "test_models.py": "",
    "test_random.py": "",
}


@pytest.mark.parametrize("name", FILES)
def test_on_a_gpu(name):
    why = obstacle()
    if why:
        pytest.skip(why)
    chosen = [NOT_OF_A_DEVICE.get(name, ""), FILES[name] if _cuda.emulated() else ""]
    chosen = " and ".join(f"({c})" for c in chosen if c)
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            str(Path(__file__).parent / name),
            "-k",
            chosen,
        ],
        env={**os.environ, "PYTHONPATH": path, "CKERAS_DEVICE": "gpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
