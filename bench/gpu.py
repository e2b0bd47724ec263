"""Kernels and models on a GPU beside PyTorch and JAX there, in one run, with the share of the copy bandwidth.

    python bench/gpu.py --markdown bench/results/gpu.md     # the tables
    python bench/gpu.py --only models                        # one part: kernels, models
    python bench/gpu.py --hashes                             # two trainings, each in a process: equal bits?

Operations run eagerly, in a row, and are waited for once; ours on the arrays of `ckeras.device("gpu:0")`. Bytes count
each array once. `--tiny` takes sizes that the emulated device can do, and the processor for the others: it checks these
files, measures nothing, and fails when anything raised.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ckeras
import gpu_kernels
import gpu_models
from ckeras._core import device as devices
from gpu_table import TINY, Table, jax, torch


def hashes():
    again = [sys.executable, __file__, "--digest", *["--tiny"] * TINY]
    found = [subprocess.run(again, capture_output=True, text=True, env=os.environ).stdout.strip() for _ in range(2)]
    print("\n".join(found))
    equal = found[0] == found[1] != ""
    print("equal bits" if equal else "other bits")
    return int(not equal)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--only", choices=("kernels", "models"), help="one part")
    parser.add_argument("--hashes", action="store_true", help="train twice and compare the bits")
    parser.add_argument("--tiny", action="store_true", help="sizes for the emulated device")
    parser.add_argument("--digest", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hashes:
        return hashes()
    with ckeras.device("gpu:0"):
        if asked.digest:
            print(gpu_models.digest())
            return 0
        table, rates, failed = Table(devices.find("gpu:0")), "", 0
        if asked.only != "kernels":
            rates, failed = gpu_models.run(gpu_models.SMALL + gpu_models.LARGE)
        if asked.only != "models":
            gpu_kernels.run(table)
    title = f"ckeras {ckeras.__version__}, PyTorch {torch and torch.__version__}, JAX {jax and jax.__version__}"
    if table.bandwidth:
        title += f"; copies move {table.bandwidth / 1e9:.0f} GB/s, read and written"
    if asked.markdown:
        asked.markdown.parent.mkdir(parents=True, exist_ok=True)
        asked.markdown.write_text(f"{title}\n\n{rates}\n\n{table.text()}\n")
    return int(TINY and failed + table.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
