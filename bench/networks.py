"""Whole training steps of the networks people build: one builder for ckeras and Keras, a like module for PyTorch.

As in `models`, a call is an epoch over arrays in memory and a time is a step's; Adam everywhere. ResNet-50 predicts.
"""

import functools

import numpy as np

import ckeras
import zoo
from harness import Case, peer
from models import keras_name
from network import Network, data, fit, nn, torch, torch_epoch

keras = peer("keras")
WORDS = 20000


# ---- ckeras and Keras: `k` is the package


def resnet20(k):
    def unit(x, filters, strides=1, relu=True):
        x = k.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        x = k.layers.BatchNormalization()(x)
        return k.layers.ReLU()(x) if relu else x

    image = k.Input((32, 32, 3))
    x = unit(image, 16)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if block == 0 and filters > 16 else 1
            y = unit(unit(x, filters, strides), filters, relu=False)
            if strides > 1:
                x = k.layers.Conv2D(filters, 1, strides, use_bias=False)(x)
            x = k.layers.ReLU()(k.layers.Add()([x, y]))
    x = k.layers.GlobalAveragePooling2D()(x)
    return k.Model(image, k.layers.Dense(10)(x))


def two_lstms(k):
    return k.Sequential(
        [
            k.Input((200,), dtype="int32"),
            k.layers.Embedding(WORDS, 128),
            k.layers.Bidirectional(k.layers.LSTM(64, return_sequences=True)),
            k.layers.Bidirectional(k.layers.LSTM(64)),
            k.layers.Dense(2),
        ]
    )


def encoder(k):
    words = k.Input((128,), dtype="int32")
    x = k.layers.Embedding(WORDS, 128)(words)
    for _ in range(2):
        x = k.layers.LayerNormalization()(x + k.layers.MultiHeadAttention(4, 32)(x, x))
        x = k.layers.LayerNormalization()(x + k.layers.Dense(128)(k.layers.Dense(512, activation="relu")(x)))
    return k.Model(words, k.layers.Dense(2)(k.layers.GlobalAveragePooling1D()(x)))


def table(k):
    stack = [k.Input((30,))]
    for _ in range(3):
        stack += [k.layers.Dense(256, activation="relu"), k.layers.BatchNormalization(), k.layers.Dropout(0.3)]
    return k.Sequential([*stack, k.layers.Dense(2)])


def autoencoder(k):
    stack = [k.Input((32, 32, 3))]
    stack += [k.layers.Conv2D(f, 3, 2, padding="same", activation="relu") for f in (32, 64, 128)]
    stack += [k.layers.Conv2DTranspose(f, 3, 2, padding="same", activation="relu") for f in (64, 32, 16)]
    return k.Sequential([*stack, k.layers.Flatten(), k.layers.Dense(2)])


# ---- PyTorch


def torch_resnet20():
    class Unit(nn.Sequential):
        def __init__(self, a, b, strides=1):
            super().__init__(nn.Conv2d(a, b, 3, strides, 1, bias=False), nn.BatchNorm2d(b))

    class Block(nn.Module):
        def __init__(self, a, b, strides):
            super().__init__()
            self.first, self.second = Unit(a, b, strides), Unit(b, b)
            self.short = nn.Conv2d(a, b, 1, strides, bias=False) if strides > 1 else nn.Identity()

        def forward(self, x):
            return torch.relu(self.short(x) + self.second(torch.relu(self.first(x))))

    widths = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    blocks = [Block(*w) for w in widths]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(Unit(3, 16), nn.ReLU(), *blocks, *head)


def torch_two_lstms():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, 128)
            self.lstm = nn.LSTM(128, 64, num_layers=2, bidirectional=True, batch_first=True)
            self.head = nn.Linear(128, 2)

        def forward(self, x):
            _, (h, _) = self.lstm(self.embedding(x))
            return self.head(torch.cat([h[-2], h[-1]], 1))

    return Words()


def torch_encoder():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(WORDS, 128)
            block = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
            self.blocks = nn.TransformerEncoder(block, 2)
            self.head = nn.Linear(128, 2)

        def forward(self, x):
            return self.head(self.blocks(self.embedding(x)).mean(1))

    return Encoder()


def torch_table():
    parts, width = [], 30
    for _ in range(3):
        parts += [nn.Linear(width, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Dropout(0.3)]
        width = 256
    return nn.Sequential(*parts, nn.Linear(256, 2))


def torch_autoencoder():
    parts = []
    for a, b in ((3, 32), (32, 64), (64, 128)):
        parts += [nn.Conv2d(a, b, 3, 2, 1), nn.ReLU()]
    for a, b in ((128, 64), (64, 32), (32, 16)):
        parts += [nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1), nn.ReLU()]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(32 * 32 * 16, 2))


NETWORKS = [
    Network("ResNet-20 on 32x32", resnet20, torch_resnet20, (32, 32, 3), 64),
    Network("Embedding, two Bidirectional(LSTM(64)), 200 steps", two_lstms, torch_two_lstms, (200,), 32, WORDS),
    Network("transformer encoder, 2 blocks, 128 steps", encoder, torch_encoder, (128,), 32, WORDS),
    Network("tabular 30-256-256-256-2, BatchNorm, Dropout", table, torch_table, (30,), 2048, steps=4),
    Network("strided convs 3-32-64-128, transposed back", autoencoder, torch_autoencoder, (32, 32, 3), 64),
]


def resnet50():
    """Images through `predict`, eight at a time."""
    x = np.random.default_rng(0).random((8, 224, 224, 3), "float32")
    contestants = {}
    for name, k in (("ckeras", ckeras), (keras and keras_name(), keras)):
        if k:
            model = k.applications.ResNet50(weights=None)
            contestants[name] = functools.partial(model.predict, x, batch_size=8, verbose=0)
    return Case("ResNet-50 predict, batch 8", contestants, 2 * 3.87e9 * 8)


def cases(quick=False):
    for n in NETWORKS + zoo.NETWORKS:
        x, y = data(n)
        contestants = {"ckeras": fit(ckeras, n, x, y)}
        if torch:
            contestants["torch"] = torch_epoch(n, x, y)
        if keras:
            contestants[keras_name()] = fit(keras, n, x, y)
        yield Case(f"{n.name}, batch {n.batch}", contestants, steps=n.steps)
    if not quick:
        yield resnet50()
