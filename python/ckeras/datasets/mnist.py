"""Handwritten digits (LeCun, Cortes, Burges: MNIST)."""

from ckeras.datasets import _source


def load_data(path="mnist.npz"):
    """`((x_train, y_train), (x_test, y_test))`: 60,000 and 10,000 grey images, uint8 `(n, 28, 28)`, and digits `(n,)`.

    `path`: the name of the file in the cache. Raises `OSError` where it is not there and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.mnist.load_data()  # doctest: +SKIP
    """
    data = _source.arrays("mnist.npz", path)
    return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
