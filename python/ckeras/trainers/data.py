"""Arrays as data of `fit`, `evaluate` and `predict`: what counts as an array, and batches cut from arrays."""

import contextlib
import threading
import warnings

import numpy as np

from ckeras._core import dtypes, nest, rng
from ckeras._core.scope import on_host, state
from ckeras._core.tensor import Tensor, TensorBase, convert

NAMES = ("x", "y", "sample_weight")
SHUFFLED_BESIDE = 1 << 17  # samples from which on the next epoch's order is drawn while the present one runs


def as_tensor(x, what):
    """A tensor of an array-like; floats become the default float dtype. `ValueError` where it holds no numbers."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, TensorBase):
        return convert(x)
    if state.device is not None:  # a GPU takes data of the host batch by batch
        with on_host():
            return _as_tensor(x, what)
    return _as_tensor(x, what)


def _as_tensor(x, what):
    if not isinstance(x, np.ndarray):
        try:
            x = _foreign(x, what)
        except ValueError as e:
            raise ValueError(
                f"[{what}] expected an array of numbers, got a {type(x).__name__} that is none (rows of different "
                f"lengths?): {e}; pad the rows to one length"
            ) from None
    if x.dtype == np.float32 and dtypes.floatx() == "float32":
        return convert(x)
    kind = x.dtype.kind
    if kind == "f":
        wanted = dtypes.floatx()
        return (
            convert(x)
            if x.dtype.name == wanted
            else convert(x.astype(np.float32) if wanted == "float32" else x, wanted)
        )
    if kind in "biu" or x.dtype.name == "bfloat16":
        return convert(x)
    raise ValueError(
        f"[{what}] expected an array of numbers, got dtype {x.dtype}"
        + (" (rows of different lengths, or strings?)" if kind in "OUS" else "")
        + "; pass NumPy arrays or tensors of numbers"
    )


def _foreign(x, what):
    """The NumPy array of another library's: a pandas frame (a Series is one column), a PyTorch tensor, a SciPy sparse
    matrix (made dense), or anything that NumPy can read."""
    if hasattr(x, "iloc"):
        return _of_pandas(x, what)
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    return x.toarray() if _is_sparse(x) else np.asarray(x)


def _is_sparse(x):
    return hasattr(x, "toarray") and hasattr(x, "nnz")


def _of_pandas(x, what):
    columns = list(x.items()) if x.ndim == 2 else [(x.name, x)]
    odd = [f"{name!r} ({column.dtype})" for name, column in columns if column.dtype.kind not in "biuf"]
    if odd:
        raise ValueError(
            f"[{what}] expected columns of numbers, got {', '.join(odd[:5])}; turn them into numbers, for example by "
            "pandas.get_dummies or a StringLookup layer, or leave them out"
        )
    found = x.to_numpy()
    if found.dtype == object:  # columns of numbers that have no common dtype, or may hold no value
        found = x.to_numpy(dtype=dtypes.floatx(), na_value=np.nan)
    return found[:, None] if found.ndim == 1 and what.split("[")[0] != "sample_weight" else found


def is_array_like(x):
    """Whether it is one array: NumPy, tensor, pandas, SciPy sparse, or a list of numbers."""
    if isinstance(x, (np.ndarray, TensorBase)) or hasattr(x, "__array__") or _is_sparse(x):
        return True
    return isinstance(x, (list, tuple)) and len(x) > 0 and isinstance(x[0], (int, float, np.generic))


def arrays(structure, what):
    """The structure with every array a tensor; a list of lists of numbers is one array."""
    if structure is None:
        return None
    if isinstance(structure, dict):
        return {k: arrays(v, f"{what}[{k!r}]") for k, v in structure.items()}
    if isinstance(structure, (list, tuple)) and not is_array_like(structure):
        if structure and all(isinstance(r, (list, tuple)) and _all_numbers(r) for r in structure):
            return as_tensor(structure, what)
        return type(structure)(arrays(v, f"{what}[{i}]") for i, v in enumerate(structure))
    t = as_tensor(structure, what)
    if not t.shape:
        raise ValueError(f"[{what}] expected an array with a first dimension for the samples, got a single number")
    return t


def _all_numbers(row):
    return is_array_like(row) or (len(row) > 0 and all(isinstance(r, (list, tuple)) and _all_numbers(r) for r in row))


def class_weights_of(y, class_weight):
    """One weight per sample of integer, one-hot or (n, 1) labels. `ValueError` for a label without a weight."""
    if not isinstance(class_weight, dict):
        raise ValueError(f"[class_weight] expected a dict of class number to weight, got {class_weight!r}")
    strange = [k for k in class_weight if not isinstance(k, (int, np.integer))]
    if strange:
        raise ValueError(f"[class_weight] expected a dict of class number to weight, got the class {strange[0]!r}")
    if nest.is_nested(y) or y is None:
        raise ValueError("[class_weight] needs a model with one output and `y` given")
    labels = np.asarray(y)
    if labels.ndim > 2:
        raise ValueError(
            f"[class_weight] needs labels of shape (n,), (n, 1) or one-hot (n, classes), got {labels.shape}"
        )
    if labels.ndim == 2:
        labels = labels.argmax(-1) if labels.shape[1] > 1 else labels[:, 0]
    labels = np.round(labels).astype(np.int64)
    values, inverse = np.unique(labels, return_inverse=True)
    found = [class_weight.get(int(v), 1.0) for v in values]
    odd = [w for w in found if isinstance(w, (str, bytes)) or not hasattr(w, "__float__")]
    if odd:
        raise ValueError(
            f"[class_weight] expected a dict of class number to weight, a number; got the weight {odd[0]!r}"
        )
    weights = np.array([float(w) for w in found], dtypes.numpy_dtype(dtypes.floatx()))
    return weights[inverse]


def with_class_weight(parts, class_weight):
    """`(x, y, sample_weight)` with weights by class, and with one array of weights repeated for every output."""
    x, y, weight = parts
    if class_weight is not None:
        if weight is not None:
            raise ValueError("[fit] give either class_weight or sample weights, not both")
        weight = convert(class_weights_of(y, class_weight))
    if weight is not None and nest.is_nested(y) and not nest.is_nested(weight):
        one = weight
        weight = nest.map_leaves(lambda _: one, y)
    return x, y, weight


class _Beside:
    """`fn()` worked out by a thread of its own; `result()` waits for it, and raises what it raised."""

    def __init__(self, fn):
        self._fn = fn
        self._found = self._error = None
        self._thread = threading.Thread(target=self._work, name="ckeras-shuffle", daemon=True)
        self._thread.start()

    def _work(self):
        try:
            self._found = self._fn()
        except BaseException as e:
            self._error = e

    def result(self):
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found


class ArrayData:
    """Arrays in memory, cut into batches along the first dimension; the last batch may be smaller.

    `structure` is `(x, y, sample_weight)` as tensors, `leaves` its tensors in order, `steps` the batches of an epoch.
    """

    def __init__(self, x, y=None, sample_weight=None, batch_size=None, shuffle=False, class_weight=None):
        parts = [arrays(part, name) for part, name in zip((x, y, sample_weight), NAMES, strict=False)]
        self.structure = with_class_weight(parts, class_weight)
        self.leaves = nest.leaves(self.structure)
        if not self.leaves:
            raise ValueError("[data] x holds no array")
        sizes = {name: [leaf.shape[0] for leaf in nest.leaves(part)] for name, part in zip(NAMES, parts, strict=False)}
        if len({n for group in sizes.values() for n in group}) > 1:
            found = ", ".join(f"{k}: {v}" for k, v in sizes.items() if v)
            raise ValueError(f"[data] all arrays must hold the same number of samples, got {found}")
        self.n = self.leaves[0].shape[0]
        if self.n == 0:
            raise ValueError("[data] x is empty: it holds 0 samples; at least one is needed")
        self.batch_size = check_batch_size(batch_size) or 32
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"[fit] shuffle must be True, False or 'batch', got {shuffle!r}")
        self.shuffle = shuffle
        self.passes = 1  # at most so many orders will be asked for
        self._shuffler = None
        self._orders = 0  # handed out
        self._next_order = None
        self.full = self.n // self.batch_size
        self.rest = self.n % self.batch_size
        self.steps = self.full + (self.rest > 0)
        self._identity = None
        self._pass = None  # [order, next step] of the pass through the samples that is under way

    def order(self):
        """The samples' order in the next epoch, int64."""
        if not self.shuffle:
            if self._identity is None:
                self._identity = np.arange(self.n, dtype=np.int64)
            return self._identity
        if self._shuffler is None:
            self._shuffler = rng.Shuffler()
        found = self._next_order.result() if self._next_order is not None else self._shuffled()
        self._orders += 1
        more = self.n >= SHUFFLED_BESIDE and self._orders < self.passes
        self._next_order = _Beside(self._shuffled) if more else None
        return found

    def _shuffled(self):
        if self.shuffle == "batch":
            whole = np.arange(self.full * self.batch_size, dtype=np.int64).reshape(self.full, self.batch_size)
            whole = whole[self._shuffler.permutation(self.full)].reshape(-1)
            return np.concatenate([whole, np.arange(len(whole), self.n, dtype=np.int64)])
        return self._shuffler.permutation(self.n)

    def segments(self, limit):
        """`(order, batch size, first step, steps)` runs that make one epoch of `limit` steps (all when `None`).

        With a limit, an epoch goes on where the last one stopped; where the samples are used up it ends, early and
        with a warning, and the next one starts over.
        """
        if limit is None or self._pass is None:
            self._pass = [self.order(), 0]
        left = limit or self.steps
        while left and self._pass is not None:
            order, at = self._pass
            if at < self.full:
                n = min(self.full - at, left)
                self._pass[1] += n
                yield order, self.batch_size, at, n
            else:
                n = 1
                self._pass[1] += 1
                yield order[self.full * self.batch_size :], self.rest, 0, 1
            left -= n
            if self._pass[1] >= self.steps:
                self._pass = None
        if left:
            warn_short(limit, limit - left)

    def reset(self):
        """Makes the next epoch start with the first sample."""
        self._pass = None

    @contextlib.contextmanager
    def epoch(self, limit):
        """A pass in the samples' own order: gives an iterator of batches `(x, y, sample_weight)`, `limit` at most."""
        starts = range(0, self.n, self.batch_size)[:limit]
        yield (nest.pack(self.structure, [t[i : i + self.batch_size] for t in self.leaves]) for i in starts)

    def split(self, fraction):
        """`(training, validation)` structures: the last `fraction` of the samples is for validation."""
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
            raise ValueError(f"[fit] validation_split must be a number between 0 and 1, got {fraction!r}")
        at = int(self.n * (1.0 - fraction))
        if at == 0 or at == self.n:
            raise ValueError(
                f"[fit] {self.n} samples cannot be split with validation_split={fraction}: one part would be empty"
            )
        first = nest.map_leaves(lambda t: t[:at], self.structure)
        return first, nest.map_leaves(lambda t: t[at:], self.structure)


def warn_short(limit, done):
    """Says that the data ended before an epoch of `limit` steps did."""
    warnings.warn(
        f"[data] the data ran out after {done} of {limit} steps, so the epoch ends there; give more data, let the "
        "source repeat itself, or ask for fewer steps",
        stacklevel=4,
    )


def check_batch_size(batch_size):
    """The batch size, or `None`; `ValueError` unless it is a positive integer."""
    if batch_size is None:
        return None
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"[batch_size] expected a positive integer, got {batch_size!r}")
    return int(batch_size)
