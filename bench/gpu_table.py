"""What the benches on a GPU share: who takes part, times, the table, the same arrays for everybody."""

import os
import statistics
import sys
import time

import numpy as np

from ckeras import GradientTape, ops

TINY = "--tiny" in sys.argv  # sizes for the emulated device; then the others run on the processor
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX leaves memory to the others


def _optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


torch, jax = _optional("torch"), _optional("jax")
if torch is not None and not (TINY or torch.cuda.is_available()):
    torch = None
if jax is not None and not (TINY or jax.default_backend() == "gpu"):
    jax = None
PLACE = "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


def round_to_tf32(yes):
    """Whether everybody rounds the operands of float32 products to TF32. Nobody does from the start."""
    os.environ["CKERAS_CUDA_TF32"] = str(int(yes))
    if torch:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = yes
    if jax:
        jax.config.update("jax_default_matmul_precision", "tensorfloat32" if yes else "float32")


round_to_tf32(False)


def wait_for_torch():
    if PLACE == "cuda":
        torch.cuda.synchronize()


def seconds(run, wait, rounds=5):
    """The median of a call's time, over runs of calls in a row that take 50 ms each."""
    least, rounds = (0.0, 1) if TINY else (0.05, rounds)
    for _ in range(1 if TINY else 2):
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


class Progress:
    """Which row is next, and how often who raised. Nothing up to and with the row `after` is run. A card that was lost
    stays so for this process: `save()`, and another one takes the rows that follow."""

    def __init__(self, after, save):
        self.after, self.save, self.ours, self.theirs = after, save, int(after != ""), 0

    def skips(self, name):
        if not self.after:
            return False
        if self.after == name:
            self.after = ""
        return True

    def raised(self, name, ours, error):
        who = "ckeras" if ours else "another"
        print(f"{name}: {who}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        self.ours += ours
        self.theirs += not ours
        if ours and "the GPU was lost" in str(error):
            self.save()
            argv = [a for i, a in enumerate(sys.argv) if "--after" not in (a, sys.argv[i - 1])]
            os.execv(sys.executable, [sys.executable, *argv, "--after", name])


class Table:
    """Lines as they are measured."""

    def __init__(self, place, progress):
        self.place, self.progress, self.lines, self.bandwidth = place, progress, [], None

    def row(self, name, ours, torchs=None, jaxs=None, flops=0, bytes_=0):
        """One line. A contestant is a function; what raises is named instead of its time."""
        if self.progress.skips(name):
            return None
        times = []
        waits = self.place.wait, wait_for_torch, lambda: None
        for make, wait, there in zip((ours, torchs, jaxs), waits, (True, torch, jax), strict=True):
            try:
                times.append(seconds(make, wait) if make and there else None)
            except Exception as e:
                self.progress.raised(name, not times, e)
                times.append(None)
        mine, best = times[0], min([t for t in times[1:] if t], default=None)
        cells = [name, *[f"{t * 1e6:.1f}" if t else "" for t in times]]
        cells.append(f"{best / mine:.2f}" if mine and best else "")
        cells.append(f"{flops / mine / 1e12:.1f}" if mine and flops else "")
        cells.append(f"{bytes_ / mine / self.bandwidth:.0%}" if mine and bytes_ and self.bandwidth else "")
        self.lines.append("| " + " | ".join(cells) + " |")
        print(self.lines[-1], flush=True)
        return mine

    def both_ways(self, name, arrays, ours, torchs=None, jaxs=None, flops=0, bytes_=0):
        """Two lines: a function of arrays, a triple for each, and the same with the gradients to all of them."""
        mine, theirs, third = zip(*arrays)
        self.row(
            name,
            lambda: ours(*mine),
            torchs and torch and (lambda: torchs(*theirs)),
            jaxs and jitted(jaxs, *third),
            flops,
            bytes_,
        )

        def our_gradients():
            with GradientTape() as tape:
                tape.watch(list(mine))
                y = ours(*mine)
            return tape.gradient(y, list(mine))

        def torch_gradients():
            leaves = [t.detach().requires_grad_() for t in theirs]
            y = torchs(*leaves)
            return torch.autograd.grad(y, leaves, torch.ones_like(y))

        def jax_gradients(*args):
            y, back = jax.vjp(jaxs, *args)
            return back(jax.numpy.ones_like(y))

        self.row(
            f"{name}, with gradients",
            our_gradients,
            torchs and torch and torch_gradients,
            jaxs and jitted(jax_gradients, *third),
            3 * flops,
        )

    def text(self):
        head = "| | ckeras us | PyTorch us | JAX us | best peer / ckeras | TFLOP/s | of the copy bandwidth |"
        return "\n".join([head, "|---" + "|--:" * 6 + "|", *self.lines])


def data(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, "float32")


def pair(shape, dtype="float32"):
    """The same array for each contestant."""
    x = data(*shape)
    mine = ops.cast(ops.convert_to_tensor(x), dtype)
    theirs = torch and torch.from_numpy(x).to(PLACE, getattr(torch, dtype))
    third = jax and jax.numpy.asarray(x, dtype)
    return mine, theirs, third


def jitted(fn, *args):
    if jax is None:
        return None
    compiled = jax.jit(fn)
    return lambda: jax.block_until_ready(compiled(*args))
