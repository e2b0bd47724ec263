"""Small images of ten classes (Krizhevsky, 2009)."""

import numpy as np

from ckeras.datasets import _cifar, _source


def load_data():
    """`((x_train, y_train), (x_test, y_test))`: 50,000 and 10,000 images, uint8 `(n, 32, 32, 3)`, and classes `(n, 1)`.

    The classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck. Raises `OSError` where the files
    are not in the cache and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.cifar10.load_data()  # doctest: +SKIP
    """
    folder = _source.folder("cifar-10-python.tar.gz", "cifar-10-batches-py-target")
    parts = ([f"data_batch_{i}" for i in range(1, 6)], ["test_batch"])
    read = [_cifar.batches(folder, names, b"labels") for names in parts]
    return tuple([(x, y.astype(np.uint8)) for x, y in read])
