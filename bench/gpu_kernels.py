"""Operations on a GPU, eagerly and in a row: bound by memory, products, convolutions, attention, LSTM, Adam."""

import os

import ckeras
from ckeras import layers, ops
from ckeras._core import gpu
from gpu_table import PLACE, TINY, data, jax, jitted, pair, round_to_tf32, torch

FLOATS = ("bfloat16", "float32")
SIZES = (64,) if TINY else (1024, 2048, 4096, 8192)
nn = torch and torch.nn.functional

# ResNet-50's convolutions: the image's side, channels, the window's side, filters, stride.
RESNET = [
    (224, 3, 7, 64, 2),
    (56, 64, 1, 64, 1),
    (56, 64, 3, 64, 1),
    (56, 64, 1, 256, 1),
    (56, 256, 1, 64, 1),
    (56, 256, 1, 128, 2),
    (56, 256, 1, 512, 2),
    (28, 128, 3, 128, 1),
    (28, 128, 1, 512, 1),
    (28, 512, 1, 128, 1),
    (28, 512, 1, 256, 2),
    (28, 512, 1, 1024, 2),
    (14, 256, 3, 256, 1),
    (14, 256, 1, 1024, 1),
    (14, 1024, 1, 256, 1),
    (14, 1024, 1, 512, 2),
    (14, 1024, 1, 2048, 2),
    (7, 512, 3, 512, 1),
    (7, 512, 1, 2048, 1),
    (7, 2048, 1, 512, 1),
]


def run(table):
    memory_bound(table)
    for dtype in FLOATS:
        for size in SIZES:
            product(table, dtype, size)
    for dtype in FLOATS:
        for shape in [(1, 64, 2, 32)] if TINY else [(8, 1024, 16, 64), (1, 8192, 16, 64), (4, 2048, 16, 128)]:
            for causal in (False, True):
                attention(table, dtype, *shape, causal)
    for dtype in FLOATS:
        for shape in [(8, 3, 3, 8, 2), (6, 8, 1, 8, 1)] if TINY else RESNET:
            convolution(table, dtype, 2 if TINY else 64, *shape)
    for units in (4,) if TINY else (256, 512, 1024):
        lstm(table, *((2, 3) if TINY else (64, 128)), units)
    adam(table, 1000 if TINY else 10_000_000, 10)
    round_to_tf32(True)
    for size in SIZES:
        product(table, "float32", size, " as TF32")
    for shape in [(6, 8, 1, 8, 1)] if TINY else [s for s in RESNET if s[2] > 1]:
        convolution(table, "float32", 2 if TINY else 64, *shape, " as TF32")
    round_to_tf32(False)
    os.environ["CKERAS_CUDA_WGMMA"] = "1"  # last: what is off by default may not return
    for size in SIZES:
        product(table, "bfloat16", size, " by wgmma")
    del os.environ["CKERAS_CUDA_WGMMA"]


def memory_bound(table):
    n = (1 << 12) if TINY else (1 << 26)
    x, tx, jx = pair((n,))
    cell = gpu.Cell(table.place.put(data(n)))
    copy = table.row("copy", lambda: cell.set(x._array), torch and (lambda: tx.clone()))
    table.bandwidth = copy and 8 * n / copy
    table.row("add", lambda: ops.add(x, x), lambda: tx + tx, jitted(lambda a: a + a, jx), bytes_=8 * n)
    table.row("gelu", lambda: ops.gelu(x), lambda: nn.gelu(tx), jax and jitted(jax.nn.gelu, jx), bytes_=8 * n)
    chain = ckeras.function(lambda a: ops.tanh(ops.relu(a * 2 + 1)) * a)
    table.row(
        "a chain of five, fused",
        lambda: chain(x),
        lambda: (tx * 2 + 1).relu().tanh() * tx,
        jitted(lambda a: jax.numpy.tanh(jax.nn.relu(a * 2 + 1)) * a, jx),
        bytes_=8 * n,
    )
    table.row("sum", lambda: ops.sum(x), lambda: tx.sum(), jitted(lambda a: a.sum(), jx), bytes_=4 * n)
    for dtype in FLOATS:
        row(table, dtype, n // 1024)
    y, ty, jy = pair((n // 1024, 1024))
    table.row(
        "transpose", lambda: ops.transpose(y), lambda: ty.t().contiguous(), jitted(lambda a: a.T + 0, jy), bytes_=8 * n
    )
    z, tz, jz = pair((2, 8, 8, 4) if TINY else (64, 112, 112, 64))
    tz = torch and tz.permute(0, 3, 1, 2)
    table.both_ways(
        "max pool 3, 2",
        [(z, tz, jz)],
        lambda a: ops.max_pool(a, 3, 2, "same"),
        lambda a: nn.max_pool2d(a, 3, 2, 1),
        lambda a: jax.lax.reduce_window(a, -jax.numpy.inf, jax.lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"),
        bytes_=5 * z.size,
    )


def row(table, dtype, rows):
    y, ty, jy = pair((rows, 1024), dtype)
    bytes_ = 2 * y.size * (2 if dtype == "bfloat16" else 4)
    table.row(
        f"softmax {dtype} of 1024",
        lambda: ops.softmax(y),
        lambda: ty.softmax(-1),
        jax and jitted(jax.nn.softmax, jy),
        bytes_=bytes_,
    )
    norm = layers.LayerNormalization(dtype=dtype)
    norm(y)
    _, tg, _ = pair((1024,), dtype)
    table.row(f"layer norm {dtype} of 1024", lambda: norm(y), lambda: nn.layer_norm(ty, (1024,), tg, tg), bytes_=bytes_)


def product(table, dtype, size, way=""):
    (a, ta, ja), (b, tb, jb) = pair((size, size), dtype), pair((size, size), dtype)
    ways = lambda: ops.matmul(a, b), lambda: ta @ tb, jitted(lambda p, q: p @ q, ja, jb)
    table.row(f"matmul {dtype} {size}{way}", *ways, flops=2 * size**3)


def attention(table, dtype, b, s, h, d, causal):
    def theirs(q, k, v):
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        return nn.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2)

    def third(q, k, v):
        return jax.nn.dot_product_attention(q, k, v, is_causal=causal)

    table.both_ways(
        f"attention {dtype} {b} x {s} x {h} x {d}{', causal' if causal else ''}",
        [pair((b, s, h, d), dtype) for _ in range(3)],
        lambda q, k, v: ops.dot_product_attention(q, k, v, is_causal=causal),
        theirs,
        third,
        flops=4 * b * h * s * s * d // (2 if causal else 1),
    )


def convolution(table, dtype, n, side, c, k, o, stride, way=""):
    x, w = pair((n, side, side, c), dtype), pair((k, k, c, o), dtype)
    if torch:
        w = w[0], w[1].permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last), w[2]
        x = x[0], x[1].permute(0, 3, 1, 2), x[2]
    low = k // 2
    pads = ((low, low), (low, low))
    table.both_ways(
        f"conv {dtype} {n} x {side}^2 x {c}, {k}^2 x {o}, stride {stride}{way}",
        [x, w],
        lambda a, f: ops.conv(a, f, stride, "same"),
        lambda a, f: nn.conv2d(a, f, None, stride, low),
        lambda a, f: jax.lax.conv_general_dilated(
            a, f, (stride, stride), pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
        ),
        flops=2 * n * ((side + stride - 1) // stride) ** 2 * k * k * c * o,
    )


def lstm(table, b, t, units):
    x = pair((b, t, units))
    layer = layers.LSTM(units, return_sequences=True)
    layer(x[0])
    theirs = torch and torch.nn.LSTM(units, units, batch_first=True).to(PLACE)
    table.both_ways(f"LSTM {b} x {t} x {units}", [x], layer, lambda a: theirs(a)[0], flops=16 * b * t * units * units)


def adam(table, n, count):
    variables = [ckeras.Variable(ops.zeros((n,))) for _ in range(count)]
    grads = [ckeras.Variable(ops.ones((n,)), trainable=False) for _ in range(count)]
    optimizer = ckeras.optimizers.Adam()
    optimizer.build(variables)
    step = ckeras.function(lambda: optimizer.apply([g.value for g in grads], variables))
    theirs = None
    if torch:
        parameters = [torch.nn.Parameter(torch.zeros(n, device=PLACE)) for _ in range(count)]
        for p in parameters:
            p.grad = torch.ones_like(p)
        theirs = torch.optim.Adam(parameters, fused=True).step
    table.row(f"Adam of {count * n / 1e6:g} M", step, theirs, bytes_=28 * n * count)
