"""Kernels and models on a GPU beside PyTorch and JAX there, in one run, with the share of the copy bandwidth.

    python bench/gpu.py --markdown bench/results/gpu.md     # the table
    python bench/gpu.py --hashes                             # two trainings, each in a process: equal bits?

Operations run eagerly, in a row, and are waited for once; ours on the arrays of `ckeras.device("gpu:0")`. Bytes count
each array once. `--tiny` takes sizes that the emulated device can do: it checks this file, and measures nothing.
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import ckeras
from ckeras import layers, ops
from ckeras._core import device as devices
from ckeras._core import gpu

MB = 1 << 20


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


torch, jax = optional("torch"), optional("jax")
if torch is not None and not torch.cuda.is_available():
    torch = None
if jax is not None and jax.default_backend() != "gpu":
    jax = None


def seconds(run, wait, rounds=5, least=0.05):
    """The median of a call's time, over runs of calls in a row that take `least` each."""
    run(), wait()
    run(), wait()
    n = 1
    while True:
        begun = time.perf_counter()
        for _ in range(n):
            run()
        wait()
        took = time.perf_counter() - begun
        if took >= least or n >= 1 << 14:
            break
        n = max(2 * n, int(1.2 * n * least / max(took, 1e-9)))
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(n):
            run()
        wait()
        times.append((time.perf_counter() - begun) / n)
    return statistics.median(times)


class Table:
    def __init__(self, place, least):
        self.place, self.least, self.lines, self.bandwidth = place, least, [], None

    def row(self, name, ours, torchs=None, jaxs=None, flops=0, bytes_=0):
        """One line. A contestant is a function; what raises is named instead of its time."""
        times = []
        waits = self.place.wait, torch and torch.cuda.synchronize, lambda: None
        for make, wait, there in zip((ours, torchs, jaxs), waits, (True, torch, jax), strict=True):
            try:
                times.append(seconds(make, wait, least=self.least) if make and there else None)
            except Exception as e:
                print(f"{name}: {type(e).__name__}: {e}", file=sys.stderr)
                times.append(None)
        mine, best = times[0], min([t for t in times[1:] if t], default=None)
        cells = [name, *[f"{t * 1e6:.1f}" if t else "" for t in times]]
        cells.append(f"{best / mine:.2f}" if mine and best else "")
        cells.append(f"{flops / mine / 1e12:.1f}" if mine and flops else "")
        cells.append(f"{bytes_ / mine / self.bandwidth:.0%}" if mine and bytes_ and self.bandwidth else "")
        self.lines.append("| " + " | ".join(cells) + " |")
        print(self.lines[-1], flush=True)
        return mine

    def text(self):
        head = "| | ckeras us | PyTorch us | JAX us | best peer / ckeras | TFLOP/s | of the copy bandwidth |"
        return "\n".join([head, "|---" + "|--:" * 6 + "|", *self.lines])


def data(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, "float32")


def pair(shape, dtype="float32"):
    """The same array for each contestant."""
    x = data(*shape)
    mine = ops.cast(ops.convert_to_tensor(x), dtype)
    theirs = torch and torch.from_numpy(x).cuda().to(getattr(torch, dtype))
    third = jax and jax.numpy.asarray(x, dtype)
    return mine, theirs, third


def jitted(fn, *args):
    if jax is None:
        return None
    compiled = jax.jit(fn)
    return lambda: compiled(*args).block_until_ready()


def kernels(table, tiny):
    n = (1 if tiny else 256) * MB // 4
    x, tx, jx = pair((n,))
    cell = gpu.Cell(table.place.put(data(n)))
    copy = table.row("copy", lambda: cell.set(x._array), torch and (lambda t=tx: t.clone()))
    table.bandwidth = 8 * n / copy
    relu = torch and torch.nn.functional
    table.row("add", lambda: ops.add(x, x), lambda: tx + tx, jitted(lambda a: a + a, jx), bytes_=8 * n)
    table.row("gelu", lambda: ops.gelu(x), lambda: relu.gelu(tx), jax and jitted(jax.nn.gelu, jx), bytes_=8 * n)
    table.row("sum", lambda: ops.sum(x), lambda: tx.sum(), jitted(lambda a: a.sum(), jx), bytes_=4 * n)
    y, ty, jy = pair((n // 1024, 1024))
    table.row(
        "softmax of 1024",
        lambda: ops.softmax(y),
        lambda: ty.softmax(-1),
        jax and jitted(jax.nn.softmax, jy),
        bytes_=8 * n,
    )
    norm = layers.LayerNormalization()
    norm(y)
    _, tg, _ = pair((1024,))
    table.row("layer norm of 1024", lambda: norm(y), lambda: relu.layer_norm(ty, (1024,), tg, tg), bytes_=8 * n)
    table.row(
        "transpose", lambda: ops.transpose(y), lambda: ty.t().contiguous(), jitted(lambda a: a.T + 0, jy), bytes_=8 * n
    )
    for dtype in ("bfloat16", "float32"):
        for size in (64,) if tiny else (1024, 2048, 4096, 8192):
            product(table, dtype, size)
    for shape in [(1, 64, 2, 32)] if tiny else [(8, 1024, 16, 64), (1, 8192, 16, 64)]:
        attention(table, *shape)
    shapes = [(2, 8, 4, 3, 4)] if tiny else [(64, 56, 64, 3, 64), (64, 28, 128, 3, 128), (64, 14, 1024, 1, 256)]
    for dtype in ("bfloat16", "float32"):
        for shape in shapes:
            convolution(table, dtype, *shape)
    z, tz, _ = pair((2, 8, 8, 4) if tiny else (64, 112, 112, 64))
    tz = torch and tz.permute(0, 3, 1, 2)
    ways = lambda: ops.max_pool(z, 3, 2, "same"), lambda: relu.max_pool2d(tz, 3, 2, 1)
    table.row("max pool 3, 2", *ways, bytes_=5 * z.size)
    for units in (4,) if tiny else (256, 512, 1024):
        lstm(table, *((2, 3) if tiny else (64, 128)), units)
    adam(table, 1000 if tiny else 10_000_000, 10)


def product(table, dtype, size):
    (a, ta, ja), (b, tb, jb) = pair((size, size), dtype), pair((size, size), dtype)
    ways = lambda: ops.matmul(a, b), lambda: ta @ tb, jitted(lambda p, q: p @ q, ja, jb)
    table.row(f"matmul {dtype} {size}", *ways, flops=2 * size**3)


def attention(table, b, s, h, d):
    q, tq, _ = pair((b, s, h, d))
    tq = torch and tq.transpose(1, 2)
    ways = (
        lambda: ops.dot_product_attention(q, q, q),
        lambda: torch.nn.functional.scaled_dot_product_attention(tq, tq, tq),
    )
    table.row(f"attention float32 {b} x {s} x {h} x {d}", *ways, flops=4 * b * h * s * s * d)


def convolution(table, dtype, n, side, c, k, o):
    (x, tx, _), (w, tw, _) = pair((n, side, side, c), dtype), pair((k, k, c, o), dtype)
    if torch:
        tx = tx.permute(0, 3, 1, 2)
        tw = tw.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    ways = lambda: ops.conv(x, w, 1, "same"), lambda: torch.nn.functional.conv2d(tx, tw, None, 1, k // 2)
    table.row(f"conv {dtype} {n} x {side}^2 x {c}, {k}^2 x {o}", *ways, flops=2 * n * side**2 * k * k * c * o)


def lstm(table, b, t, units):
    x, tx, _ = pair((b, t, units))
    layer = layers.LSTM(units, return_sequences=True)
    layer(x)
    theirs = torch and torch.nn.LSTM(units, units, batch_first=True).cuda()
    table.row(f"LSTM {b} x {t} x {units}", lambda: layer(x), lambda: theirs(tx), flops=16 * b * t * units * units)


def adam(table, n, count):
    variables = [ckeras.Variable(ops.zeros((n,))) for _ in range(count)]
    grads = [ckeras.Variable(ops.ones((n,)), trainable=False) for _ in range(count)]
    optimizer = ckeras.optimizers.Adam()
    optimizer.build(variables)
    step = ckeras.function(lambda: optimizer.apply([g.value for g in grads], variables))
    theirs = None
    if torch:
        parameters = [torch.nn.Parameter(torch.zeros(n, device="cuda")) for _ in range(count)]
        for p in parameters:
            p.grad = torch.ones_like(p)
        theirs = torch.optim.Adam(parameters, fused=True).step
    table.row(f"Adam of {count * n / 1e6:g} M", step, theirs, bytes_=28 * n * count)


def mlp():
    return ckeras.Sequential([layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10)])


def convnet():
    parts = [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu")]
    return ckeras.Sequential([*parts, layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10)])


def recurrent():
    return ckeras.Sequential([layers.LSTM(128), layers.Dense(10)])


def torch_parts(name):
    nn = torch.nn
    if name == "MLP":
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    if name == "convnet":
        body = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)
        return nn.Sequential(*body, nn.Flatten(), nn.Linear(1600, 10))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(32, 128, batch_first=True), nn.Linear(128, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return Recurrent()


MODELS = {"MLP": (mlp, (784,)), "convnet": (convnet, (28, 28, 1)), "LSTM": (recurrent, (50, 32))}


def fitted(make, shape, rows, batch, epochs=1):
    """(model, its data, seconds of the first step)"""
    ckeras.utils.set_random_seed(0)
    x, y = data(rows, *shape), (np.arange(rows) % 10).astype("int32")
    model = make()
    model.compile("adam", ckeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    begun = time.perf_counter()
    model.train_on_batch(x[:batch], y[:batch])
    return model, x, y, time.perf_counter() - begun


def torch_rate(name, shape, steps, batch, compiled):
    model = torch_parts(name).cuda()
    run = torch.compile(model, mode="reduce-overhead") if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x = torch.randn(batch, *(shape if name != "convnet" else (1, 28, 28)), device="cuda")
    y = torch.arange(batch, device="cuda") % 10

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(run(x), y).backward()
        optimizer.step()

    return 1 / seconds(step, torch.cuda.synchronize)


def models(tiny):
    lines = ["| steps a second | ckeras | PyTorch | torch.compile | first step s |", "|---|--:|--:|--:|--:|"]
    batch, steps = (4, 3) if tiny else (64, 1000)
    for name, (make, shape) in MODELS.items():
        cells = [f"{name}, batch {batch}"]
        try:
            model, x, y, first = fitted(make, shape, batch * steps, batch)
            model.fit(x, y, batch_size=batch, verbose=0)
            begun = time.perf_counter()
            model.fit(x, y, batch_size=batch, verbose=0)
            cells.append(f"{steps / (time.perf_counter() - begun):.0f}")
        except Exception as e:
            first = 0
            cells.append(f"{type(e).__name__}")
            print(f"{name}: {e}", file=sys.stderr)
        for compiled in (False, True):
            try:
                cells.append(f"{torch_rate(name, shape, steps, batch, compiled):.0f}" if torch else "")
            except Exception as e:
                print(f"PyTorch's {name}: {e}", file=sys.stderr)
                cells.append("")
        lines.append("| " + " | ".join([*cells, f"{first:.2f}"]) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def digest(tiny):
    """The bits of all weights after some training."""
    found = hashlib.sha256()
    for make, shape in MODELS.values():
        model, x, y, _ = fitted(make, shape, 8 if tiny else 640, 4 if tiny else 64)
        model.fit(x, y, batch_size=4 if tiny else 64, epochs=2, verbose=0)
        for v in model.variables:
            found.update(v.numpy().tobytes())
    return found.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markdown", type=Path, help="write the tables here")
    parser.add_argument("--hashes", action="store_true", help="train twice and compare the bits")
    parser.add_argument("--tiny", action="store_true", help="sizes for the emulated device")
    parser.add_argument("--digest", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hashes:
        again = [sys.executable, __file__, "--digest", *["--tiny"] * asked.tiny]
        found = [subprocess.run(again, capture_output=True, text=True, env=os.environ).stdout.strip() for _ in range(2)]
        print("\n".join(found))
        print("equal bits" if found[0] == found[1] != "" else "other bits")
        return int(found[0] != found[1] or not found[0])
    with ckeras.device("gpu:0"):
        if asked.digest:
            print(digest(asked.tiny))
            return 0
        table = Table(devices.find("gpu:0"), 0.0 if asked.tiny else 0.05)
        kernels(table, asked.tiny)
        rates = models(asked.tiny)
    title = f"ckeras {ckeras.__version__}, PyTorch {torch and torch.__version__}, JAX {jax and jax.__version__}"
    if table.bandwidth:
        title += f"; copies move {table.bandwidth / 1e9:.0f} GB/s, read and written"
    if asked.markdown:
        asked.markdown.parent.mkdir(parents=True, exist_ok=True)
        asked.markdown.write_text(f"{title}\n\n{table.text()}\n\n{rates}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
