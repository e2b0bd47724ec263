"""Datasets by number: samples, batches of them, and what `map`, `take` and `skip` make of either."""

import numpy as np

from ckeras import ops
from ckeras._core import nest
from ckeras._core.tensor import Tensor, convert
from ckeras.utils.dataset import PyDataset


class Dataset(PyDataset):
    """A `PyDataset` of samples or batches: what `split_dataset` and the `*_dataset_from_*` functions return.

    `fit`, `evaluate` and `predict` take one whose elements are batches; `adapt` and loops too. Every pass may have an
    order of its own; `fit(shuffle=True)` does not change it. `workers` and `max_queue_size` can be set, as on any
    `PyDataset`.

    >>> train = ckeras.utils.image_dataset_from_directory("images", image_size=(64, 64))
    >>> history = model.fit(train.map(lambda x, y: (x / 255, y)), epochs=2)
    """

    keeps_order = True

    def __iter__(self):
        self.on_epoch_begin()
        return super().__iter__()

    def batch(self, batch_size, drop_remainder=False):
        """The elements stacked by `batch_size`; `drop_remainder` leaves out a last smaller batch."""
        return Batched(self, batch_size, drop_remainder)

    def map(self, function):
        """`function(*element)` of elements that are tuples, `function(element)` of others."""
        return _Mapped(self, function)

    def take(self, count):
        """The first `count` elements of every pass."""
        return _Part(self, 0, count)

    def skip(self, count):
        """All but the first `count` elements of every pass."""
        return _Part(self, count, None)

    def cardinality(self):
        """How many elements."""
        return len(self)

    def as_numpy_iterator(self):
        """An iterator over the elements with NumPy arrays for tensors."""
        for element in self:
            yield nest.map_leaves(lambda x: x.numpy() if isinstance(x, Tensor) else x, element)

    def _checked(self, index):
        index = int(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"[{type(self).__name__}] element {index} of {len(self)}")
        return index % len(self)


class Samples(Dataset):
    """`n` samples: sample `i` is `get(i)`, and `many(numbers)`, where given, is a batch of them at once.

    `shuffle` draws another order of samples for every pass, from `seed`.
    """

    def __init__(self, n, get, many=None, shuffle=False, seed=None):
        super().__init__()
        self._get, self._many = get, many
        self._order = np.arange(n)
        self._generator = np.random.Generator(np.random.Philox(seed)) if shuffle else None

    def __len__(self):
        return len(self._order)

    def __getitem__(self, index):
        return self._get(int(self._order[self._checked(index)]))

    def range(self, start, stop):
        """The batch of samples `start` to `stop`."""
        if self._many is not None:
            return self._many(self._order[start:stop])
        return stack([self[i] for i in range(start, stop)])

    def on_epoch_begin(self):
        if self._generator is not None:
            self._order = self._generator.permutation(len(self._order))


class _Derived(Dataset):
    """A dataset made of another."""

    def __init__(self, parent):
        super().__init__()
        self._parent = parent

    def on_epoch_begin(self):
        self._parent.on_epoch_begin()

    def on_epoch_end(self):
        self._parent.on_epoch_end()


class Batched(_Derived):
    """Batches of a dataset's elements."""

    def __init__(self, parent, batch_size, drop_remainder=False):
        super().__init__(parent)
        if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size < 1:
            raise ValueError(f"[batch] batch_size must be a positive integer, got {batch_size!r}")
        self.batch_size = int(batch_size)
        self.drop_remainder = bool(drop_remainder)

    @property
    def unbatched(self):
        """The dataset of which these are batches."""
        return self._parent

    def __len__(self):
        n = len(self._parent)
        return n // self.batch_size if self.drop_remainder else -(-n // self.batch_size)

    def __getitem__(self, index):
        start = self._checked(index) * self.batch_size
        stop = min(start + self.batch_size, len(self._parent))
        if isinstance(self._parent, Samples):
            return self._parent.range(start, stop)
        return stack([self._parent[i] for i in range(start, stop)])


class _Mapped(_Derived):
    def __init__(self, parent, function):
        super().__init__(parent)
        self._function = function

    def __len__(self):
        return len(self._parent)

    def __getitem__(self, index):
        element = self._parent[index]
        return self._function(*element) if isinstance(element, tuple) else self._function(element)


class _Part(_Derived):
    def __init__(self, parent, start, count):
        super().__init__(parent)
        for number in (start, 0 if count is None else count):
            if isinstance(number, bool) or not hasattr(number, "__index__") or number < 0:
                raise ValueError(f"[take, skip] expected a number of elements, 0 or more, got {number!r}")
        self._start, self._count = start, count

    def __len__(self):
        rest = max(len(self._parent) - self._start, 0)
        return rest if self._count is None else min(rest, self._count)

    def __getitem__(self, index):
        return self._parent[self._start + self._checked(index)]


def stack(elements):
    """One batch of elements of one structure: numbers as a tensor, texts as a NumPy array of objects.

    Raises `ValueError` where their shapes differ.
    """
    columns = zip(*[nest.leaves(e) for e in elements], strict=True)
    return nest.pack(elements[0], [_stack_one(column) for column in columns])


def _stack_one(column):
    shapes = {np.shape(x) for x in column}
    if len(shapes) > 1:
        raise ValueError(f"[batch] elements of one shape can be stacked, got shapes {sorted(shapes)}")
    if isinstance(column[0], Tensor):
        return ops.stack(list(column))
    if isinstance(column[0], (str, bytes)):
        return np.array(column, object)
    found = np.stack(column)
    return found if found.dtype.kind in "OUS" else convert(found)
