"""Articles of clothing (Xiao, Rasul, Vollgraf: "Fashion-MNIST", 2017)."""

import gzip
import os

import numpy as np

from ckeras.datasets import _source

_FOLDER = os.path.join("datasets", "fashion-mnist")


def _read(name, skipped):
    with gzip.open(_source.fetch(name, cache_subdir=_FOLDER)) as f:
        return np.frombuffer(f.read(), np.uint8, offset=skipped)


def load_data():
    """`((x_train, y_train), (x_test, y_test))`: 60,000 and 10,000 grey images, uint8 `(n, 28, 28)`, and classes 0 to 9.

    The classes: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Raises `OSError`
    where the files are not in the cache and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    """
    parts = []
    for which in ("train", "t10k"):
        y = _read(f"{which}-labels-idx1-ubyte.gz", 8)
        parts.append((_read(f"{which}-images-idx3-ubyte.gz", 16).reshape(len(y), 28, 28), y))
    return tuple(parts)
