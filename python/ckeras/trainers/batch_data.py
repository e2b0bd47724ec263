"""Data that comes in batches: generators, iterables, `PyDataset`s, loaders of other libraries."""

import collections.abc
import contextlib
import itertools
import warnings

from ckeras._core import nest, rng
from ckeras.trainers.data import NAMES, ArrayData, arrays, is_array_like, warn_short, with_class_weight
from ckeras.utils.batches import unpack_x_y_sample_weight
from ckeras.utils.dataset import PyDataset, make_batch

_END = object()


class BatchData:
    """Batches of a source; `steps` is None when their number is not known.

    A source is a `PyDataset` or any other object with `__len__` and `__getitem__` for batches, an iterable of batches,
    or an object with `as_numpy_iterator`, as a `tf.data.Dataset` has. `single`: it is an iterator, so it gives its
    batches once. `infinite`: it says of itself that it never ends.
    """

    def __init__(self, source, class_weight=None, shuffle=False):
        self.source = source
        self.class_weight = class_weight
        self.shuffle = shuffle and not getattr(source, "keeps_order", False)
        self.indexed = isinstance(source, PyDataset) or (hasattr(source, "__getitem__") and hasattr(source, "__len__"))
        self.single = not self.indexed and isinstance(source, collections.abc.Iterator)
        self.steps = self._length()
        if self.steps == 0:
            raise ValueError("[data] x is empty: it yields no batch; at least one is needed")
        self.infinite = self.steps is None and (self.indexed or _cardinality(source) == -1)
        self._left = None  # what is left of the pass under way: an iterator of batch numbers, or of batches
        self._feed = None  # gives the batches of this epoch
        self._limit = None
        self._shuffler = None

    def _length(self):
        if self.indexed:
            source = self.source
            found = source.num_batches if hasattr(source, "num_batches") else len(source)
            if found is not None and (isinstance(found, bool) or not hasattr(found, "__index__") or found < 0):
                raise ValueError(f"[data] {type(source).__name__}.num_batches must be an integer or None, got {found}")
            return found
        try:
            return len(self.source)
        except TypeError:  # also from sources whose number of batches is unknown or infinite
            return None

    def reset(self):
        """Makes the next epoch start with the first batch, if the source can start over."""
        if not self.single:
            self._left = None

    def ended(self):
        """Whether an iterator that gave batches before has none left, so that there can be no further epoch."""
        if not self.single or self._left is None:
            return False
        batch = next(self._left, _END)
        if batch is _END:
            return True
        self._left = itertools.chain([batch], self._left)
        return False

    @contextlib.contextmanager
    def epoch(self, limit):
        """An epoch: gives an iterator of tensors `(x, y, sample_weight)`, at most `limit` of them.

        With a limit, and with an iterator, it goes on where the last epoch stopped. Where the data ends first the epoch
        does, with a warning; `ValueError` when there is not one batch. Workers end with the epoch.
        """
        self._hook("on_epoch_begin")
        goes_on = self._left is not None and (limit is not None or self.single)
        self._limit = limit
        try:
            self._open(goes_on)
            yield self._batches(goes_on)
        except BaseException:
            self._close(wait=False)
            raise
        self._close()
        self._hook("on_epoch_end")

    def _batches(self, goes_on):
        done = 0
        while self._limit is None or done < self._limit:
            batch = next(self._feed, _END)
            if batch is _END and done == 0 and goes_on and not self.single:  # the last epoch took the last batch
                self._close()
                self._open(goes_on=False)
                batch = next(self._feed, _END)
            if batch is _END:
                self.reset()
                break
            yield self._standard(batch, done)
            done += 1
        if done == 0:
            raise ValueError("[data] the data yielded no batch; a generator can be used only once unless it is endless")
        if self._limit is None:
            self.steps = self.steps or done
        elif done < self._limit:
            warn_short(self._limit, done)

    def _open(self, goes_on):
        if not goes_on:
            self._left = self._fresh()
        self._feed = self._left
        if not self.indexed:
            return
        source = self.source
        numbers = itertools.islice(self._left, self._limit)  # no batch is made that the epoch has no use for
        workers, processes = getattr(source, "workers", 1), getattr(source, "use_multiprocessing", False)
        if workers > 1 or (workers and processes):
            from ckeras.trainers.workers import Prefetch

            self._feed = Prefetch(source, numbers, workers, processes, source.max_queue_size)
        else:
            self._feed = (make_batch(source, i) for i in numbers)

    def _fresh(self):
        if not self.indexed:
            return iter(self.source.as_numpy_iterator() if _is_tf(self.source) else self.source)
        steps = self._length()
        if steps is None:
            return itertools.count()
        self.steps = steps
        if not self.shuffle:
            return iter(range(steps))
        if self._shuffler is None:
            self._shuffler = rng.Shuffler()
        return iter(self._shuffler.permutation(steps).tolist())

    def _close(self, wait=True):
        if hasattr(self._feed, "stop_workers"):
            self._feed.stop_workers(wait)
        self._feed = None

    def _hook(self, name):
        hook = getattr(self.source, name, None)
        if callable(hook):
            hook()

    def _standard(self, batch, number):
        x, y, sw = unpack_x_y_sample_weight(batch)
        parts = [arrays(part, name) for part, name in zip((x, y, sw), NAMES, strict=False)]
        leaves = nest.leaves(parts)
        if not leaves or any(leaf.shape[0] == 0 for leaf in leaves):
            raise ValueError(f"[data] batch {number} of the epoch is empty: it holds no samples; leave it out")
        return with_class_weight(parts, self.class_weight)


def ended(data, then):
    """Whether no epoch is left in `data`; warns of what comes of it."""
    if not (isinstance(data, BatchData) and data.ended()):
        return False
    warnings.warn(
        f"[data] the {type(data.source).__name__} ran out of batches, so {then}; give more data, let it repeat "
        "itself, or ask for fewer steps",
        stacklevel=4,
    )
    return True


def _is_tf(source):
    return callable(getattr(source, "as_numpy_iterator", None))


def _cardinality(source):
    """The number of batches that a `tf.data.Dataset` states: -1 for one that never ends, -2 when it does not know."""
    return int(source.cardinality()) if _is_tf(source) and hasattr(source, "cardinality") else None


def make(x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None):
    """The data adapter for the arguments of `fit`, `evaluate` and `predict`."""
    if x is None:
        raise ValueError("[data] x is missing: pass arrays, a dict or list of them, or an iterable of batches")
    if isinstance(x, (dict, list, tuple)) or is_array_like(x):
        return ArrayData(x, y, sample_weight, batch_size, shuffle, class_weight)
    if isinstance(x, str) or not (hasattr(x, "__iter__") or hasattr(x, "__getitem__")):
        raise ValueError(
            f"[data] unrecognised data: {type(x).__name__}; pass arrays, a dict or list of them, a "
            f"generator or an iterable "
            "of batches, or a ckeras.utils.PyDataset"
        )
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"[data] {name} must be None when x yields batches: the batches hold it, (x, y, sample_weight)"
            )
    if batch_size is not None:
        warnings.warn(
            f"[data] batch_size={batch_size} changes nothing: x yields batches, so their source decides it",
            stacklevel=4,
        )
    return BatchData(x, class_weight, shuffle=shuffle is True)
