"""Peak resident memory of whole trainings, each in a fresh process that loads one library only.

As a program: `python bench/memory.py NETWORK CONTESTANT` trains one and prints its MiB: peak, and planned (ours only).
"""

import os
import subprocess
import sys

import harness

EPOCHS = 3


def train(number, contestant):
    """MiB at the highest while a network was trained, and MiB that our Program planned."""
    import network
    import networks

    n = networks.NETWORKS[number]
    x, y = network.data(n)
    if contestant == "torch":
        epoch = network.torch_epoch(n, x, y)
    else:
        epoch = network.fit(networks.ckeras if contestant == "ckeras" else networks.keras, n, x, y)
    for _ in range(EPOCHS):
        epoch()
    planned = 0
    if contestant == "ckeras":
        runners = epoch.func.__self__._trainer.runners.values()
        planned = max(p.planned_bytes for r in runners for p in r._programs.values())
    with open("/proc/self/status") as f:
        peak = next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))
    return peak / 2**20, planned / 2**20


def measure():
    """Rows of (network, MiB planned, {contestant: MiB at the highest})."""
    import networks

    contestants = ["ckeras", *(name for name in ("torch", "keras") if harness.peer(name))]
    rows = []
    for number, n in enumerate(networks.NETWORKS):
        peaks, planned = {}, 0.0
        for name in contestants:
            command = [sys.executable, __file__, str(number), name]
            environment = dict(os.environ, CKERAS_BENCH_PEERS="keras jax" if name == "keras" else name)
            run = subprocess.run(command, capture_output=True, text=True, env=environment)
            if run.returncode:
                raise RuntimeError(run.stderr.strip().splitlines()[-1])
            peaks[name], ours = map(float, run.stdout.split())
            planned = max(planned, ours)
        rows.append((f"{n.name}, batch {n.batch}", planned, peaks))
    return rows


def table(rows):
    names = list(rows[0][2])
    body = [[name, f"{planned:.0f} MiB", *(f"{peaks[n]:.0f} MiB" for n in names)] for name, planned, peaks in rows]
    header = ["training", "planned", *(n if n != "keras" else "keras on jax" for n in names)]
    return harness.markdown("Peak resident memory of trainings, in fresh processes", header, body)


if __name__ == "__main__":
    harness.set_threads()
    print(*train(int(sys.argv[1]), sys.argv[2]))
