"""The measured peak: `peak.cpp`, compiled for this machine by the system's compiler and run."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path

from harness import THREADS


def cache_bytes(level, default):
    """A cache's size as the system tells it."""
    try:
        return os.sysconf(f"SC_LEVEL{level}_CACHE_SIZE") or default
    except (ValueError, OSError):
        return default


@dataclass(frozen=True)
class Peak:
    """float32 flop/s and, by what a case touches, bytes/s."""

    flops_1: float
    flops: float
    l2: float
    l3: float
    dram: float
    vector_bits: int
    l2_bytes: int
    l3_bytes: int

    def bandwidth(self, nbytes):
        """The copy bandwidth of the smallest memory that holds so many bytes."""
        if nbytes <= self.l2_bytes * THREADS:
            return self.l2
        return self.l3 if nbytes <= self.l3_bytes else self.dram

    def floor(self, flops, nbytes):
        """Seconds that the counted work takes at the peak."""
        return max(flops / self.flops, nbytes / self.bandwidth(nbytes))

    def __str__(self):
        return (
            f"float32 FMA, {self.vector_bits}-bit vectors: {self.flops_1 / 1e9:.0f} GFLOP/s on 1 thread, "
            f"{self.flops / 1e9:.0f} on {THREADS}. memcpy on {THREADS} threads, read plus written: "
            f"L2 {self.l2 / 1e9:.0f} GB/s, L3 {self.l3 / 1e9:.0f}, DRAM {self.dram / 1e9:.0f}."
        )


def median(peaks):
    """Of several measurements of one machine, field by field."""
    return Peak(*(type(values[0])(statistics.median(values)) for values in zip(*map(astuple, peaks))))


def measure():
    """The `Peak` of this machine; `None`, with a word about it, where nothing compiles."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
    if compiler is None:
        print("(no C++ compiler: the peak is not measured, shares are left out)")
        return None
    l2, l3 = cache_bytes(2, 1 << 20), cache_bytes(3, 32 << 20)
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "peak")
        source = Path(__file__).with_name("peak.cpp")
        flags = ["-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
        built = subprocess.run([compiler, *flags, str(source), "-o", program], capture_output=True, text=True)
        if built.returncode:
            print(f"(peak.cpp does not compile here, shares are left out: {built.stderr.strip()[:300]})")
            return None
        run = subprocess.run([program, str(THREADS), str(l2), str(l3)], capture_output=True, text=True, check=True)
    return Peak(**json.loads(run.stdout), l2_bytes=l2, l3_bytes=l3)


if __name__ == "__main__":
    print(measure())
