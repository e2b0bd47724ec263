"""The batches of the two CIFAR sets (Krizhevsky: "Learning Multiple Layers of Features from Tiny Images", 2009)."""

import os

import numpy as np

from ckeras._core.settings import image_data_format
from ckeras.datasets import _source


def batches(folder, names, labels):
    """Images, uint8 in the configured data format, and their numbers `(n, 1)`."""
    images, numbers = [], []
    for name in names:
        with open(os.path.join(folder, name), "rb") as f:
            batch = _source.unpickle(f, encoding="bytes")
        images.append(np.asarray(batch[b"data"], "uint8").reshape(-1, 3, 32, 32))
        numbers += batch[labels]
    x = np.concatenate(images)
    x = x.transpose(0, 2, 3, 1) if image_data_format() == "channels_last" else x
    return x, np.reshape(numbers, (-1, 1))
