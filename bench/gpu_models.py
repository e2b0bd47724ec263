"""Whole training steps on a GPU: small models in float32, ResNet-50 and a transformer of 100 M parameters in bfloat16.

One builder for ckeras and Keras (on JAX), a like module for PyTorch, eager and compiled.
"""

import functools
import hashlib
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import ckeras
from gpu_table import PLACE, TINY, jax, seconds, torch, wait_for_torch

# Of the transformer: blocks, width, heads, words, length of a text.
BLOCKS, WIDTH, HEADS, WORDS, LENGTH = (1, 16, 2, 32, 8) if TINY else (12, 768, 12, 16384, 512)


@dataclass(frozen=True)
class Model:
    name: str
    build: Any  # of the package
    module: Any  # of PyTorch
    shape: tuple  # of one sample
    batch: int
    steps: int  # an epoch
    words: int = 0  # samples are numbers below it, where it is given
    dtype: str = "float32"

    def data(self):
        """Samples and classes of an epoch; of texts, a class a word."""
        rng, shape = np.random.default_rng(0), (self.batch * self.steps, *self.shape)
        x = rng.integers(0, self.words, shape).astype("int32") if self.words else rng.random(shape, "float32")
        return x, (x if self.words else np.arange(shape[0]) % 10).astype("int32")


# ---- ckeras and Keras: `k` is the package


def mlp(k):
    layers = k.layers
    return k.Sequential([layers.Dense(512, "relu"), layers.Dense(512, "relu"), layers.Dense(10)])


def convnet(k):
    layers = k.layers
    parts = [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu")]
    return k.Sequential([*parts, layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10)])


def recurrent(k):
    return k.Sequential([k.layers.LSTM(128), k.layers.Dense(10)])


def resnet(k):
    if TINY:  # another of the applications, whose last images are not lost in tiles of 128
        return k.applications.MobileNet(
            input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=10, classifier_activation=None
        )
    return k.applications.ResNet50(weights=None, classifier_activation=None)


def transformer(k):
    layers = k.layers
    words = k.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(WORDS, WIDTH)(words)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
        y = layers.Dense(4 * WIDTH, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(WIDTH)(y)
    return k.Model(words, layers.Dense(WORDS)(layers.LayerNormalization()(x)))


# ---- PyTorch


def torch_mlp():
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def torch_convnet():
    nn = torch.nn
    body = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*body, nn.Flatten(), nn.Linear(1600, 10))


def torch_recurrent():
    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = torch.nn.LSTM(32, 128, batch_first=True), torch.nn.Linear(128, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    return Recurrent()


def torch_resnet():
    nn = torch.nn

    def unit(a, b, size=1, stride=1, relu=True):
        parts = nn.Conv2d(a, b, size, stride, size // 2), nn.BatchNorm2d(b)
        return nn.Sequential(*parts, *[nn.ReLU()] * relu)

    class Block(nn.Module):
        def __init__(self, a, width, stride):
            super().__init__()
            self.body = nn.Sequential(
                unit(a, width, 1, stride), unit(width, width, 3), unit(width, 4 * width, relu=False)
            )
            self.short = unit(a, 4 * width, 1, stride, False) if a != 4 * width else nn.Identity()

        def forward(self, x):
            return torch.relu(self.short(x) + self.body(x))

    blocks, channels = [], 64
    for width, count in ((64, 1),) if TINY else ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(count):
            blocks.append(Block(channels, width, 2 if i == 0 and width > 64 else 1))
            channels = 4 * width
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)
    return nn.Sequential(unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), *blocks, *head)


def torch_transformer():
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.body = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x):
            q, k, v = (t.unflatten(-1, (HEADS, -1)).transpose(1, 2) for t in self.qkv(self.first(x)).chunk(3, -1))
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).flatten(2))
            return x + self.body(self.second(x))

    parts = nn.Embedding(WORDS, WIDTH), *[Block() for _ in range(BLOCKS)], nn.LayerNorm(WIDTH)
    return nn.Sequential(*parts, nn.Linear(WIDTH, WORDS))


SMALL = [
    Model("MLP", mlp, torch_mlp, (784,), *((4, 3) if TINY else (64, 1000))),
    Model("convnet", convnet, torch_convnet, (28, 28, 1), *((4, 3) if TINY else (64, 1000))),
    Model("LSTM", recurrent, torch_recurrent, (5 if TINY else 50, 32), *((4, 3) if TINY else (64, 1000))),
]
LARGE = [
    Model(
        "ResNet-50, bfloat16",
        resnet,
        torch_resnet,
        *(((32, 32, 3), 1, 2) if TINY else ((224, 224, 3), 64, 10)),
        dtype="bfloat16",
    ),
    Model(
        "transformer, bfloat16",
        transformer,
        torch_transformer,
        (LENGTH,),
        *((2, 2) if TINY else (16, 20)),
        words=WORDS,
        dtype="bfloat16",
    ),
]


def prepared(k, m):
    """(model, its data, seconds of the first step)"""
    x, y = m.data()
    before = k.config.dtype_policy()
    k.config.set_dtype_policy("mixed_bfloat16" if m.dtype == "bfloat16" else "float32")
    try:
        k.utils.set_random_seed(0)
        model = m.build(k)
        model.compile("adam", k.losses.SparseCategoricalCrossentropy(from_logits=True))
        begun = time.perf_counter()
        model.train_on_batch(x[: m.batch], y[: m.batch])
    finally:
        k.config.set_dtype_policy(before)
    return model, x, y, time.perf_counter() - begun


def rate(k, m):
    """Steps a second of `fit`, and the seconds of the first step."""
    model, x, y, first = prepared(k, m)
    fit = functools.partial(model.fit, x, y, batch_size=m.batch, verbose=0)
    fit()
    begun = time.perf_counter()
    fit()
    return m.steps / (time.perf_counter() - begun), first


def torch_rate(m, compiled):
    """Steps a second on one batch that lies on the device, with autocast where that is asked for."""
    model = m.module().to(PLACE, memory_format=torch.channels_last)
    run = torch.compile(model, mode=None if TINY else "reduce-overhead", backend="eager" if TINY else "inductor")
    run = run if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x, y = (torch.from_numpy(a[: m.batch]).to(PLACE) for a in m.data())
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2)
    y = y.long()

    def step():
        optimizer.zero_grad()
        with torch.autocast(PLACE, torch.bfloat16, m.dtype == "bfloat16"):
            scores = run(x)
            loss = torch.nn.functional.cross_entropy(scores.flatten(0, -2), y.flatten())
        loss.backward()
        optimizer.step()

    return 1 / seconds(step, wait_for_torch)


def keras():
    """Keras on JAX, where both are."""
    if jax is None:
        return None
    os.environ["KERAS_BACKEND"] = "jax"
    try:
        import keras as found
    except ImportError:
        return None
    return found


def run(models, lines, progress):
    """Appends the table's lines."""
    lines += [
        "| steps a second | ckeras | PyTorch | torch.compile | Keras on JAX | first step s |",
        "|---" + "|--:" * 5 + "|",
    ]
    third = keras()
    for m in models:
        if progress.skips(m.name):
            continue
        contestants = [functools.partial(rate, ckeras, m)]
        contestants += [functools.partial(torch_rate, m, c) if torch else None for c in (False, True)]
        # Keras's column repeats the code of ours: one model shows that it runs, where JAX would compile for a minute.
        contestants.append(functools.partial(rate, third, m) if third and not (TINY and m.name != "MLP") else None)
        cells = []
        for contestant in contestants:
            try:
                cells.append(contestant() if contestant else "")
            except Exception as e:
                progress.raised(m.name, not cells, e)
                cells.append("")
        first = cells[0][1] if cells[0] else ""
        rates = (c[0] if isinstance(c, tuple) else c for c in cells)
        texts = [f"{c:.4g}" if c else "" for c in (*rates, first)]
        lines.append("| " + " | ".join([f"{m.name}, batch {m.batch}", *texts]) + " |")
        print(lines[-1], flush=True)


def digest():
    """The bits of all weights after some training."""
    found = hashlib.sha256()
    for m in SMALL:
        model, x, y, _ = prepared(ckeras, m)
        rows = m.batch * min(m.steps, 10)
        model.fit(x[:rows], y[:rows], batch_size=m.batch, epochs=2, verbose=0)
        for v in model.variables:
            found.update(v.numpy().tobytes())
    return found.hexdigest()
