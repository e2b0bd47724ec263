"""Kernels and models on a GPU beside PyTorch and JAX there, in one run, with the share of the copy bandwidth.

    python bench/gpu.py --markdown bench/results/gpu.md     # the tables
    python bench/gpu.py --only models                        # one part: kernels, models
    python bench/gpu.py --hashes                             # two trainings, each in a process: equal bits?

Operations run eagerly, in a row, and are waited for once; ours on the arrays of `ckeras.device("gpu:0")`. Bytes count
each array once. Rows are printed as they are measured. What raises is named instead; where it took the card away, the
bench goes on after it in a new process. It fails when ckeras raised. `--tiny` takes sizes that the emulated device can
do, and the processor for the others: it checks these files, measures nothing, and fails when anybody raised.
"""

import argparse
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ckeras
import gpu_kernels
import gpu_models
from ckeras._core import device as devices
from gpu_table import TINY, Progress, Table, jax, torch


def hashes():
    again = [sys.executable, __file__, "--digest", *["--tiny"] * TINY]
    found = [subprocess.run(again, stdout=subprocess.PIPE, text=True).stdout.strip() for _ in range(2)]
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
    parser.add_argument("--after", default="", help="only rows after the one of this name")
    asked = parser.parse_args()
    if asked.hashes:
        return hashes()
    with ckeras.device("gpu:0"):
        if asked.digest:
            print(gpu_models.digest())
            return 0
        progress = Progress(asked.after, lambda: write(asked, rates, table))
        table, rates = Table(devices.find("gpu:0"), progress), []
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("out of time"))
        try:
            if asked.only != "kernels":
                gpu_models.run(gpu_models.SMALL + gpu_models.LARGE, rates, progress)
            if asked.only != "models":
                gpu_kernels.run(table)
        finally:
            write(asked, rates, table)
    print(f"{progress.ours} times ckeras raised, {progress.theirs} times another")
    return int(progress.ours > 0 or (TINY and progress.theirs > 0))


def write(asked, rates, table):
    """What there is so far; after what another process wrote, where this one goes on."""
    if not asked.markdown:
        return
    title = f"ckeras {ckeras.__version__}, PyTorch {torch and torch.__version__}, JAX {jax and jax.__version__}"
    if table.bandwidth:
        title += f"; copies move {table.bandwidth / 1e9:.0f} GB/s, read and written"
    before = asked.markdown.read_text() + "\n" if asked.after and asked.markdown.exists() else ""
    asked.markdown.parent.mkdir(parents=True, exist_ok=True)
    parts = [before + title, "\n".join(rates), table.text() if table.lines else ""]
    asked.markdown.write_text("\n\n".join(p for p in parts if p) + "\n")


if __name__ == "__main__":
    sys.exit(main())
