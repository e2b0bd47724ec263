"""Start-up in fresh processes: import, first training step, resident memory."""

import statistics
import subprocess
import sys
import time

CODE = """
import time; t = time.perf_counter()
import {module} as keras
imported = time.perf_counter() - t
rss = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS")) / 1024
import numpy as np
m = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
m.compile(optimizer="adam", loss="mse")
t = time.perf_counter()
m.fit(np.zeros((32, 20), "float32"), np.zeros((32, 1), "float32"), batch_size=32, verbose=0)
print(imported, rss, time.perf_counter() - t)
"""


def measure(module, rounds=3):
    """Medians of (import seconds, resident MiB after import, first step seconds), or None where it does not run."""
    rows = []
    for _ in range(rounds):
        run = subprocess.run([sys.executable, "-c", CODE.format(module=module)], capture_output=True, text=True)
        if run.returncode:
            return None
        rows.append([float(v) for v in run.stdout.split()[-3:]])
        time.sleep(0.05)
    return [statistics.median(column) for column in zip(*rows)]


def table():
    lines = ["### Start-up", "", "| | import, s | resident, MiB | first step, s |", "|---|---|---|---|"]
    for module in ("ckeras", "keras"):
        row = measure(module)
        cells = [f"{v:.3f}" for v in row] if row else ["does not run here"] * 3
        lines.append(f"| {module} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
