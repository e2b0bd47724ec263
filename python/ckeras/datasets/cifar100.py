"""Small images of a hundred classes in twenty groups (Krizhevsky, 2009)."""

from ckeras.datasets import _cifar, _source


def load_data(label_mode="fine"):
    """`((x_train, y_train), (x_test, y_test))`: 50,000 and 10,000 images, uint8 `(n, 32, 32, 3)`, and numbers `(n, 1)`.

    `label_mode`: "fine" for the 100 classes, "coarse" for the 20 groups. Raises `ValueError` for another one, and
    `OSError` where the files are not in the cache and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.cifar100.load_data()  # doctest: +SKIP
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"[cifar100.load_data] label_mode must be 'fine' or 'coarse', got {label_mode!r}")
    folder = _source.folder("cifar-100-python.tar.gz", "cifar-100-python-target")
    labels = f"{label_mode}_labels".encode()
    return tuple([_cifar.batches(folder, [name], labels) for name in ("train", "test")])
