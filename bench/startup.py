"""Start-up in fresh processes: import, resident memory, the first training step, from nothing to a prediction."""

import inspect
import os
import statistics
import subprocess
import sys
import tempfile
import time

import networks
from harness import duration, markdown, peer

RESIDENT = """
def resident():
    import os
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
"""
# Each prints: seconds of the import (with NumPy), MiB after it, seconds of the first training step of a dense model
# 20-32-1, MiB.
FIRST_STEP = """
import time; start = time.perf_counter()
{imports}
import numpy as np
imported, memory = time.perf_counter() - start, resident()
x, y = np.zeros((32, 20), "float32"), np.zeros((32, 1), "float32")
start = time.perf_counter()
{step}
print(imported, memory, time.perf_counter() - start, resident())
"""
KERAS_STEP = """
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
model.fit(x, y, batch_size=32, verbose=0)
"""
TORCH_STEP = """
model = torch.nn.Sequential(torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), fused=True)
torch.nn.functional.mse_loss(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
optimizer.step()
"""
JAX_STEP = """
w = [jax.numpy.ones((20, 32)), jax.numpy.zeros(32), jax.numpy.ones((32, 1)), jax.numpy.zeros(1)]
loss = lambda w: ((jax.nn.relu(x @ w[0] + w[1]) @ w[2] + w[3] - y) ** 2).mean()
jax.block_until_ready(jax.jit(lambda w: [a - 1e-3 * g for a, g in zip(w, jax.grad(loss)(w))])(w))
"""
LOAD = (
    "import {0} as keras, numpy as np; keras.models.load_model({1!r}).predict(np.zeros((1, 20), 'float32'), verbose=0)"
)
SAVE = (
    "import ckeras as k; k.Sequential([k.Input((20,)), k.layers.Dense(32, activation='relu'), k.layers.Dense(1)])"
    ".save({0!r})"
)
# Prints the seconds of the first `fit` of one batch: trace, plan, compilation where there is one, and the step.
NETWORK_STEP = """
import {module} as keras, numpy as np, time
{build}
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
x, y = np.zeros({shape}, "float32"), np.zeros({shape}[:1], "int32")
start = time.perf_counter()
model.fit(x, y, batch_size=len(x), verbose=0)
print(time.perf_counter() - start)
"""
NETWORKS = {  # name: (what makes `model`, shape of a batch)
    "ResNet-20, batch 64": (inspect.getsource(networks.resnet20) + "model = resnet20(keras)", (64, 32, 32, 3)),
    "ResNet-50, batch 2": (
        "model = keras.applications.ResNet50(weights=None, classes=10, classifier_activation=None)",
        (2, 224, 224, 3),
    ),
}
# name, module that must be there, imports, step
CONTESTANTS = [
    ("ckeras", "ckeras", "import ckeras as keras", KERAS_STEP),
    (f"keras on {os.environ.get('KERAS_BACKEND', 'jax')}", "keras", "import keras", KERAS_STEP),
    ("torch", "torch", "import torch", TORCH_STEP),
    ("jax, plain gradient descent", "jax", "import jax", JAX_STEP),
    ("numpy", "numpy", "import numpy", None),
]
HEADER = ["", "import", "resident", "first step after it", "resident", "load a model and predict, from process start"]


def fresh(code):
    """(wall seconds, numbers printed) of a fresh process, which may keep byte code, as an installed package does."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    if run.returncode:
        raise RuntimeError(run.stderr.strip().splitlines()[-1])
    return time.perf_counter() - start, [float(v) for v in run.stdout.split()]


def measure(quick=False):
    """Rows of (name, import seconds, MiB, first step seconds, MiB, load seconds), `None` for what a contestant lacks.

    Rounds are interleaved.
    """
    rounds = 1 if quick else 3
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        fresh(SAVE.format(path))
        fresh(LOAD.format("ckeras", path))  # its byte code
        for _ in range(rounds):
            for name, module, imports, step in CONTESTANTS:
                if peer(module) is None:
                    continue
                code = RESIDENT + FIRST_STEP.format(imports=imports, step=step or "")
                numbers = fresh(code)[1]
                load = fresh(LOAD.format(module, path))[0] if module.endswith("keras") else None
                found.setdefault(name, []).append((*numbers[:2], *(numbers[2:] if step else (None, None)), load))
    return [(name, *map(_median, zip(*rows))) for name, rows in found.items()]


def first_steps(quick=False):
    """Rows of (network, seconds of ckeras, seconds of Keras or `None`), rounds interleaved."""
    contestants = [(name, module) for name, module, *_ in CONTESTANTS if module.endswith("keras")]
    rows = []
    for name, (build, shape) in list(NETWORKS.items())[: 1 if quick else None]:
        found = [[] for _ in contestants]
        for _ in range(1 if quick else 3):
            for times, (_, module) in zip(found, contestants):
                if peer(module):
                    times += fresh(NETWORK_STEP.format(module=module, build=build, shape=shape))[1]
        rows.append((name, *(statistics.median(times) if times else None for times in found)))
    return rows


def first_steps_table(rows):
    names = [name for name, module, *_ in CONTESTANTS if module.endswith("keras")]
    body = [[name, *("-" if v is None else duration(v) for v in values)] for name, *values in rows]
    return markdown("First training steps of large networks, in fresh processes, after building", ["", *names], body)


def _median(column):
    return None if None in column else statistics.median(column)


def table(rows):
    def cell(v, megabytes):
        return "-" if v is None else f"{v:.0f} MiB" if megabytes else duration(v)

    body = [[name, *(cell(v, i in (1, 3)) for i, v in enumerate(values))] for name, *values in rows]
    return markdown("Start-up, in fresh processes", HEADER, body)
