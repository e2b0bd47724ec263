"""Cases of random shapes, one family of ops each: a table of what ckeras and PyTorch run on the same numbers.

`FAMILIES[name](draw)` gives (name, ours, theirs), or `None` where the shape that was drawn is too small or too large.
"""

import math

import numpy as np
import torch

import ckeras
from ckeras import ops

library = torch.nn.functional
MOST = 4_000_000  # elements
FAMILIES = {}


class Draw:
    """Numbers of one seed."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def size(self, least, most):
        """Between the two, its logarithm spread evenly."""
        return round(math.exp(self._rng.uniform(math.log(least), math.log(most))))

    def one(self, items):
        return items[int(self._rng.integers(len(items)))]

    def often(self, share):
        return self._rng.random() < share

    def floats(self, *shape):
        return self._rng.standard_normal(shape, "float32")

    def whole(self, most, *shape):
        return self._rng.integers(0, most, shape)

    def shape(self, most=MOST):
        while True:
            shape = [self.size(1, 2048) for _ in range(self.one((1, 2, 2, 3, 3, 4)))]
            if 1000 < math.prod(shape) < most:
                return shape


def family(draws):
    FAMILIES[draws.__name__] = draws
    return draws


def pair(x):
    return ops.convert_to_tensor(x), torch.from_numpy(x)


def images(x):
    """PyTorch's tensor of images whose channels come last."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1))).to(memory_format=torch.channels_last)


# ---- products


@family
def matmul(draw):
    m, k, n = (draw.size(1, 2048) for _ in range(3))
    (x, tx), (y, ty) = pair(draw.floats(m, k)), pair(draw.floats(k, n))
    return f"matmul {m}x{k}x{n}", lambda: ops.matmul(x, y), lambda: tx @ ty


@family
def batched(draw):
    count, m, k, n = draw.size(2, 256), *(draw.size(1, 256) for _ in range(3))
    (x, tx), (y, ty) = pair(draw.floats(count, m, k)), pair(draw.floats(count, k, n))
    return f"{count} of {m}x{k}x{n}", lambda: ops.matmul(x, y), lambda: tx @ ty


# ---- windows


@family
def conv(draw):
    """Forward, or a gradient to the images or to the filters."""
    n, size, k = (
        draw.one((1, 2, 8, 16, 32)),
        draw.one((4, 7, 8, 14, 28, 32, 56, 64, 112)),
        draw.one((1, 2, 3, 3, 4, 5, 7)),
    )
    step = draw.one((1, 1, 1, 2, 3))
    dilation = draw.one((1, 1, 1, 2, 3)) if step == 1 else 1
    c, o = (draw.one((1, 2, 3, 8, 12, 16, 24, 32, 37, 48, 64, 96, 128, 192, 256, 512)) for _ in range(2))
    groups = draw.one([g for g in (1, 1, 1, 2, 3, 4, 8, 16, 32) if c % g == 0 and o % g == 0])
    reach = (k - 1) * dilation
    same = step == 1 and k % 2 == 1
    of_result = size if same else (size - reach - 1) // step + 1
    flops = 2 * n * max(of_result, 0) ** 2 * k * k * c * o // groups
    if not 2e5 < flops < 2e9 or n * size * size * max(c, o) > 4 * MOST:
        return None
    x, w, dy = draw.floats(n, size, size, c), draw.floats(k, k, c // groups, o), draw.floats(n, of_result, of_result, o)
    tx, tdy = images(x), images(dy)
    tw = torch.from_numpy(np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
    pad = reach // 2 if same else 0
    kw = {"padding": "same" if same else "valid", "strides": step, "dilation_rate": dilation}

    def theirs(*wanted):
        return torch.ops.aten.convolution_backward(
            tdy, tx, tw, None, [step] * 2, [pad] * 2, [dilation] * 2, False, [0, 0], groups, [*wanted, False]
        )

    into = {"fwd": np.empty_like(dy), "data": np.empty_like(x), "filters": np.empty_like(w)}
    runs = {
        "fwd": (
            lambda: ckeras.kernels.conv2d(x, w, out=into["fwd"], **kw),
            lambda: library.conv2d(tx, tw, None, step, pad, dilation, groups),
        ),
        "data": (
            lambda: ckeras.kernels.conv2d_input_gradient(dy, w, x.shape, out=into["data"], **kw),
            lambda: theirs(True, False),
        ),
        "filters": (
            lambda: ckeras.kernels.conv2d_filter_gradient(x, dy, w.shape, out=into["filters"], **kw),
            lambda: theirs(False, True),
        ),
    }
    # PyTorch 2.13 writes beyond its memory in strided 1x1 gradients to filters, and crashes.
    what = draw.one(list(runs)[: 2 if k == 1 and step > 1 else 3])
    return f"conv {what} {n}x{size} {k}x{k}/{step} dilation {dilation} {c}-{o} in {groups}", *runs[what]


@family
def pool(draw):
    n, size, c = (
        draw.one((1, 2, 8, 32)),
        draw.one((7, 8, 14, 28, 32, 56, 112)),
        draw.one((1, 3, 8, 16, 32, 64, 100, 256)),
    )
    k, step = draw.one((2, 2, 3, 3, 4, 5, 7)), draw.one((1, 2, 2, 3))
    if n * size * size * c > MOST or k > size:
        return None
    x = draw.floats(n, size, size, c)
    ours, theirs = ops.convert_to_tensor(x), images(x)
    if draw.often(0.5):
        return (
            f"max pool {x.shape} {k}/{step}",
            lambda: ops.max_pool(ours, k, step),
            lambda: library.max_pool2d(theirs, k, step),
        )
    return (
        f"average pool {x.shape} {k}/{step}",
        lambda: ops.average_pool(ours, k, step),
        lambda: library.avg_pool2d(theirs, k, step),
    )


# ---- one element at a time

UNARY = {
    "exp": torch.exp,
    "exp2": torch.exp2,
    "log": torch.log,
    "log2": torch.log2,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": library.relu,
    "gelu": lambda x: library.gelu(x, approximate="tanh"),
    "silu": library.silu,
    "elu": library.elu,
    "softplus": library.softplus,
    "sin": torch.sin,
    "tan": torch.tan,
    "sinh": torch.sinh,
    "arctan": torch.atan,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "floor": torch.floor,
    "round": torch.round,
    "square": torch.square,
    "expm1": torch.expm1,
    "erf": torch.erf,
    "isnan": torch.isnan,
}
POSITIVE = ("log", "log2", "sqrt", "rsqrt")  # of these operands; the others take both signs
BINARY = {
    "add": torch.add,
    "multiply": torch.multiply,
    "divide": torch.divide,
    "maximum": torch.maximum,
    "power": torch.pow,
    "greater": torch.gt,
    "mod": torch.remainder,
}


@family
def unary(draw):
    shape, name = draw.shape(), draw.one(list(UNARY))
    x = draw.floats(*shape)
    x, tx = pair(np.abs(x) + 0.1 if name in POSITIVE else x)
    return f"{name} {shape}", lambda: getattr(ops, name)(x), lambda: UNARY[name](tx)


@family
def binary(draw):
    shape, name = draw.shape(MOST // 2), draw.one(list(BINARY))
    other = [d if draw.often(0.6) else 1 for d in shape]
    (x, tx), (y, ty) = (pair(np.abs(draw.floats(*s)) + 0.1) for s in (shape, other))
    return f"{name} {shape} {other}", lambda: getattr(ops, name)(x, y), lambda: BINARY[name](tx, ty)


# ---- along a dimension

REDUCTIONS = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "prod": torch.prod,
    "argmax": torch.argmax,
    "cumsum": torch.cumsum,
    "sort": lambda x, d: torch.sort(x, d),
    "logsumexp": torch.logsumexp,
    "std": lambda x, d: torch.std(x, d, correction=0),
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
}


@family
def along(draw):
    shape, name = draw.shape(), draw.one(list(REDUCTIONS))
    axis = draw.one(range(len(shape)))
    x, tx = pair(draw.floats(*shape))
    return f"{name} {shape} axis {axis}", lambda: getattr(ops, name)(x, axis), lambda: REDUCTIONS[name](tx, axis)


# ---- moving


def _turned(rank, i):
    return (*range(i, rank), *range(i))


def _every_other(i):
    return (slice(None),) * i + (slice(None, None, 2),)


MOVES = {  # along dimension i of x
    "transpose": (
        lambda x, i: ops.transpose(x, _turned(x.ndim, i)),
        lambda x, i: x.permute(_turned(x.ndim, i)).contiguous(),
    ),
    "concatenate": (lambda x, i: ops.concatenate([x, x], i), lambda x, i: torch.cat([x, x], i)),
    "stack": (lambda x, i: ops.stack([x, x], i), lambda x, i: torch.stack([x, x], i)),
    "flip": (ops.flip, lambda x, i: torch.flip(x, (i,))),
    "roll": (lambda x, i: ops.roll(x, x.shape[i] // 3, i), lambda x, i: torch.roll(x, x.shape[i] // 3, i)),
    "repeat": (lambda x, i: ops.repeat(x, 3, i), lambda x, i: torch.repeat_interleave(x, 3, i)),
    "pad": (lambda x, i: ops.pad(x, [(1, 2)] * x.ndim), lambda x, i: library.pad(x, (1, 2) * x.ndim)),
    "every other": (lambda x, i: x[_every_other(i)], lambda x, i: x[_every_other(i)].contiguous()),
    "first diagonal": (lambda x, i: ops.diagonal(x), lambda x, i: torch.diagonal(x).contiguous()),
}


@family
def moves(draw):
    shape, name = draw.shape(MOST // 3), draw.one(list(MOVES))
    axis = draw.one(range(len(shape)))
    if (name == "transpose" and axis == 0) or len(shape) < 2:
        return None  # nothing to move, for one of the two
    ours, theirs = MOVES[name]
    x, tx = pair(draw.floats(*shape))
    return f"{name} {shape} axis {axis}", lambda: ours(x, axis), lambda: theirs(tx, axis)


@family
def take(draw):
    shape, count = draw.shape(MOST // 300), draw.size(1, 300)
    axis = draw.one(range(len(shape)))
    x, tx = pair(draw.floats(*shape))
    j, tj = pair(draw.whole(shape[axis], count).astype("int32"))
    return (
        f"take {count} of {shape} axis {axis}",
        lambda: ops.take(x, j, axis),
        lambda: torch.index_select(tx, axis, tj),
    )
