"""PyDataset: batches by number."""


class PyDataset:
    """Base of datasets that give batch `i` by `self[i]`: `(x, y)` or `(x, y, sample_weight)`; `len(self)` batches.

    `on_epoch_end` is called after each epoch. Batches are made in the training thread: `workers` above 1 is an error.

    >>> class Squares(ckeras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, i):
    ...         x = np.full((4, 1), i, "float32")
    ...         return x, x**2
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        if workers != 1:
            raise ValueError(f"[PyDataset] workers={workers}: batches are made in the training thread, write workers=1")
        if use_multiprocessing:
            raise ValueError("[PyDataset] use_multiprocessing=True is not supported")
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __len__(self):
        return self.num_batches

    @property
    def num_batches(self):
        """How many batches; `__len__` or this must be defined."""
        if type(self).__len__ is PyDataset.__len__:
            raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")
        return len(self)

    def on_epoch_begin(self):
        """Before each epoch."""

    def on_epoch_end(self):
        """After each epoch."""


Sequence = PyDataset
