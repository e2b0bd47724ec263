"""What a network in the bench is, and its epoch through `fit` and in PyTorch."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness import peer

torch = peer("torch")
nn = torch and torch.nn


@dataclass(frozen=True)
class Network:
    name: str
    build: Any  # of the package
    module: Any  # of PyTorch
    shape: tuple  # of one sample
    batch: int
    words: int = 0  # samples are numbers below it, where it is given
    targets: tuple = ()  # shape of one sample's classes
    classes: int = 2
    steps: int = 2  # an epoch
    transposed: bool = True  # PyTorch gets the channels first, we and Keras last


def data(n):
    rng, count = np.random.default_rng(0), n.batch * n.steps
    shape = (count, *n.shape)
    x = rng.integers(0, n.words, shape).astype("int32") if n.words else rng.random(shape, "float32")
    return x, rng.integers(0, n.classes, (count, *n.targets)).astype("int32")


def fit(k, n, x, y):
    """An epoch of the package `k`."""
    k.utils.set_random_seed(0)
    model = n.build(k)
    model.compile(optimizer="adam", loss=k.losses.SparseCategoricalCrossentropy(from_logits=True))
    return functools.partial(model.fit, x, y, batch_size=n.batch, epochs=1, shuffle=False, verbose=0)


def torch_epoch(n, x, y):
    """An epoch of PyTorch. Scores have their classes first or, of words, last."""
    torch.manual_seed(0)
    module, loss_of = n.module(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 and n.transposed else x)
    y = torch.from_numpy(y.astype("int64"))

    def run():
        for i in range(0, len(x), n.batch):
            optimizer.zero_grad()
            scores, classes = module(x[i : i + n.batch]), y[i : i + n.batch]
            if scores.ndim == 3:
                scores, classes = scores.flatten(0, 1), classes.flatten()
            loss_of(scores, classes).backward()
            optimizer.step()

    return run
