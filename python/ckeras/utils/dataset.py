"""PyDataset: batches by number, and the making of one."""

import itertools


class PyDataset:
    """Base of datasets that give batch `i` by `self[i]`: `x`, `(x, y)` or `(x, y, sample_weight)`.

    A subclass defines `__getitem__` and `__len__` (or the property `num_batches`, which is `None` for a dataset that
    never ends: `fit` then needs `steps_per_epoch`). `on_epoch_begin` and `on_epoch_end` are called around each pass.

    With `workers` above 1 that many threads make batches ahead of the training, at most `max_queue_size` of them; with
    `use_multiprocessing=True` so many processes, each with a copy of the dataset as it is when the epoch begins. The
    batches come in the same order for any number of workers, and hold the same numbers when `self[i]` depends on `i`
    alone. An exception in `__getitem__` ends the training and names the batch. Raises `ValueError` for numbers below 0.

    >>> class Squares(ckeras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, i):
    ...         x = np.full((4, 1), i, "float32")
    ...         return x, x**2
    >>> history = model.fit(Squares(workers=2))
    """

    # Also for subclasses that do not call __init__.
    _workers = 1
    _use_multiprocessing = False
    _max_queue_size = 10

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def workers(self):
        """How many threads or processes make batches; 0 and 1 mean the training thread itself."""
        return self._workers

    @workers.setter
    def workers(self, value):
        self._workers = _count("workers", value, 0)

    @property
    def use_multiprocessing(self):
        """Whether the workers are processes."""
        return self._use_multiprocessing

    @use_multiprocessing.setter
    def use_multiprocessing(self, value):
        self._use_multiprocessing = bool(value)

    @property
    def max_queue_size(self):
        """The most batches that are made ahead."""
        return self._max_queue_size

    @max_queue_size.setter
    def max_queue_size(self, value):
        self._max_queue_size = _count("max_queue_size", value, 1)

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __iter__(self):
        for index in itertools.count() if self.num_batches is None else range(self.num_batches):
            yield self[index]

    @property
    def num_batches(self):
        """How many batches, or `None` when they never end."""
        if not hasattr(self, "__len__"):
            raise NotImplementedError(
                f"{type(self).__name__} must define __len__(self), or the property num_batches (None: it never ends)"
            )
        return len(self)

    def on_epoch_begin(self):
        """Before each epoch."""

    def on_epoch_end(self):
        """After each epoch."""


def make_batch(dataset, index):
    """`dataset[index]`; an exception of it gets a note that names the batch."""
    try:
        return dataset[index]
    except StopIteration as e:  # it would pass for the end of the data
        raise RuntimeError(f"[{type(dataset).__name__}] batch {index}: __getitem__ raised StopIteration") from e
    except BaseException as e:
        e.add_note(f"while {type(dataset).__name__} made batch {index}")
        raise


def _count(name, value, least):
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"[PyDataset] {name} must be an integer of at least {least}, got {value!r}")
    return int(value)


Sequence = PyDataset
