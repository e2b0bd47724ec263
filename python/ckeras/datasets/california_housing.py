"""Prices of houses in California (Pace, Barry: "Sparse spatial autoregressions", 1997)."""

from ckeras.datasets import _source

_SMALL = 600


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """`((x_train, y_train), (x_test, y_test))`: 20,640 districts, 8 numbers each, and the median price in dollars.

    `version`: "large", or "small" for the first 600. `seed` orders the districts; the last `test_split` of them are for
    tests. Raises `ValueError` for another version or a share outside [0, 1), and `OSError` where the file is not in the
    cache (as `path`) and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.california_housing.load_data()  # doctest: +SKIP
    """
    if version not in ("small", "large"):
        raise ValueError(f"[california_housing.load_data] version must be 'small' or 'large', got {version!r}")
    data = _source.arrays("california_housing.npz", path)
    count = _SMALL if version == "small" else len(data["x"])
    return _source.split(test_split, *_source.shuffled(seed, data["x"][:count], data["y"][:count]))
