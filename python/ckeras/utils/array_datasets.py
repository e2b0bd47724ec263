"""Datasets of arrays: windows of a time series, and the two parts of a split."""

import numpy as np

from ckeras._core import nest
from ckeras._core.tensor import Tensor, convert
from ckeras.utils.dataset import PyDataset
from ckeras.utils.directories import check_format
from ckeras.utils.sample_datasets import Batched, Samples


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
):
    """A `Dataset` of windows of a series: batches [N, sequence_length, ...], with a target each.

    Window `w` begins at `i = w * sequence_stride` and takes every `sampling_rate`-th step of `data`; its target is
    `targets[i]` (`None`: no targets). Only `data[start_index:end_index]` is used. `batch_size=None` gives single
    windows. `shuffle` draws another order of windows for every pass, from `seed`. Raises `ValueError` for numbers that
    do not fit the length of the data.

    >>> series = np.arange(20.0)
    >>> ds = ckeras.utils.timeseries_dataset_from_array(series[:-3], series[3:], sequence_length=3, batch_size=4)
    >>> x, y = ds[0]
    >>> x.numpy()[1].tolist(), y.numpy()[1]
    ([1.0, 2.0, 3.0], 4.0)
    """
    name = "timeseries_dataset_from_array"
    check_format(name, format)
    data = _array(data)
    targets = None if targets is None else _array(targets)
    n = len(data)
    for what, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        _check_number(name, what, value, 1, n if what == "sequence_length" else n - 1)
    start, end = 0 if start_index is None else start_index, n if end_index is None else end_index
    _check_number(name, "start_index", start, 0, n - 1)
    _check_number(name, "end_index", end, start + 1, n)
    windows = end - start - (sequence_length - 1) * sampling_rate
    data = data[start:end]
    if targets is not None:
        windows = min(windows, len(targets))
        targets = targets[start:end]
        if windows > len(targets):
            raise ValueError(f"[{name}] {windows} windows need a target each, got {len(targets)} from {start} to {end}")
    if windows < 1:
        raise ValueError(
            f"[{name}] a window spans {(sequence_length - 1) * sampling_rate + 1} steps, got {end - start}"
        )
    begins = np.arange(0, windows, sequence_stride)
    steps = np.arange(sequence_length) * sampling_rate

    def many(numbers):
        at = begins[numbers]
        x = convert(data[at[..., None] + steps])
        return x if targets is None else (x, convert(targets[at]))

    dataset = Samples(len(begins), many, many, shuffle, seed)
    return dataset if batch_size is None else dataset.batch(batch_size)


def _array(x):
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _check_number(name, what, value, least, most):
    if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= most:
        raise ValueError(f"[{name}] {what} must be an integer of {least} to {most} for this data, got {value!r}")


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None):
    """Two `Dataset`s of the samples of one: the first `left_size`, and the `right_size` after them.

    `dataset`: an array, a tuple, list or dict of arrays (a sample is a row of each), a `Dataset` of ckeras (batches are
    split by their samples and batched again), or another object with `len` and numbered samples, or an iterable of
    samples. A size is a number of samples or a fraction; one that is left out is the rest. `shuffle` takes the samples
    in an order drawn from `seed` before they are split. Raises `ValueError` for sizes that leave a part empty,
    `TypeError` for sizes that are no numbers. `preferred_backend` may name "ckeras" alone.

    >>> left, right = ckeras.utils.split_dataset(np.random.random((1000, 4)), left_size=0.8)
    >>> len(left), len(right)
    (800, 200)
    """
    if preferred_backend not in (None, "ckeras"):
        raise ValueError(f"[split_dataset] preferred_backend must be None or 'ckeras', got {preferred_backend!r}")
    batch_size = None
    if isinstance(dataset, Batched):
        dataset, batch_size = dataset.unbatched, dataset.batch_size
    get, n = _samples(dataset)
    left, right = _sizes(left_size, right_size, n)
    order = np.arange(n)
    if shuffle:
        order = np.random.Generator(np.random.Philox(seed)).permutation(n)
    parts = []
    for numbers in (order[:left], order[left : left + right]):
        part = Samples(len(numbers), lambda i, numbers=numbers: get(int(numbers[i])))
        parts.append(part if batch_size is None else part.batch(batch_size))
    return tuple(parts)


def _samples(dataset):
    """(function that gives a sample by number, how many)."""
    if isinstance(dataset, PyDataset):
        return dataset.__getitem__, dataset.num_batches
    if isinstance(dataset, (tuple, list, dict, np.ndarray, Tensor)) or hasattr(dataset, "__array__"):
        leaves = [_array(leaf) for leaf in nest.leaves(dataset)]
        sizes = sorted({len(leaf) if leaf.ndim else 0 for leaf in leaves})
        if len(sizes) != 1 or sizes[0] == 0:
            raise ValueError(f"[split_dataset] expected arrays with the same number of samples, got {sizes}")
        return (lambda i: nest.pack(dataset, [leaf[i] for leaf in leaves])), sizes[0]
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return dataset.__getitem__, len(dataset)
    if hasattr(dataset, "__iter__"):
        found = list(dataset.as_numpy_iterator() if hasattr(dataset, "as_numpy_iterator") else dataset)
        return found.__getitem__, len(found)
    raise TypeError(f"[split_dataset] expected arrays or a dataset of samples, got {type(dataset).__name__}")


def _sizes(left, right, n):
    if left is None and right is None:
        raise ValueError("[split_dataset] give left_size, right_size or both")
    found = []
    for what, size in (("left_size", left), ("right_size", right)):
        if size is not None and (isinstance(size, bool) or not isinstance(size, (int, float, np.number))):
            raise TypeError(f"[split_dataset] {what} must be a number of samples, a fraction or None, got {size!r}")
        if isinstance(size, (float, np.floating)):
            if not 0 < size < 1:
                raise ValueError(f"[split_dataset] {what} as a fraction must be between 0 and 1, got {size!r}")
            size = round(size * n)
        found.append(size)
    left, right = found
    left = n - right if left is None else left
    right = n - left if right is None else right
    if left < 1 or right < 1 or left + right > n:
        raise ValueError(
            f"[split_dataset] {n} samples cannot be split into {left} and {right}: each part needs one, and together "
            f"they cannot have more than {n}"
        )
    return left, right
