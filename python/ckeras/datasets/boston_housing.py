"""Prices of houses around Boston (Harrison, Rubinfeld, 1978). One of its columns counts people by race and was made up
to fit an assumption: for teaching, prefer `california_housing`."""

from ckeras.datasets import _source


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """`((x_train, y_train), (x_test, y_test))`: 506 districts, 13 numbers each, and the median price in 1,000 dollars.

    `seed` orders the districts; the last `test_split` of them are for tests. Raises `ValueError` for a share outside
    [0, 1), and `OSError` where the file is not in the cache (as `path`) and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.boston_housing.load_data()  # doctest: +SKIP
    """
    data = _source.arrays("boston_housing.npz", path)
    return _source.split(test_split, *_source.shuffled(seed, data["x"], data["y"]))
