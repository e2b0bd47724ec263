"""Data sets that others collected: downloaded on first use, checked by hash, kept in `~/.keras/datasets`."""

from ckeras.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)
