"""Layers that number categories: CategoryEncoding, Discretization, Hashing, HashedCrossing."""

import itertools

import numpy as np

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.symbolic import KerasTensor, any_symbolic
from ckeras._core.tensor import Tensor, TensorBase
from ckeras._core.trace import Tracer
from ckeras.layers.layer import Layer
from ckeras.layers.preprocessing import hashes
from ckeras.layers.preprocessing.image_base import one_of, positive

ENCODINGS = ("int", "one_hot", "multi_hot", "count")


def refuse_sparse(layer, sparse):
    if sparse:
        raise ValueError(f"[{layer}] sparse=True: sparse tensors are not supported; leave sparse out")


def encode(indices, mode, depth, dtype, weights=None):
    """Integers as they are (`"int"`), or as vectors of `depth`: one an integer, or one a row with ones (`"multi_hot"`)
    or numbers (`"count"`). Integers outside of [0, depth) count nowhere."""
    if mode == "int":
        return ops.cast(indices, dtype)
    if indices.ndim == 0:
        indices = ops.expand_dims(indices, -1)
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, -1)
        return ops.one_hot(indices, depth, dtype=dtype)
    each = ops.one_hot(indices, depth, dtype=dtype)
    if mode == "multi_hot":
        return ops.max(each, axis=-2)
    if weights is not None:
        each = ops.multiply(each, ops.expand_dims(ops.cast(weights, dtype), -1))
    return ops.sum(each, axis=-2)


def encoded_shape(shape, mode, depth):
    """The shape that `encode` gives."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def as_array(layer, value):
    """Concrete data (strings too) as a NumPy array. Raises `ValueError` for symbols and values of a trace."""
    if isinstance(value, Tracer) or any_symbolic((value,)):
        raise ValueError(
            f"[{layer}] works on data, on the host: it cannot be part of a model or of a traced function. Apply it to "
            "the data before the model"
        )
    try:
        return np.asarray(value)
    except ValueError as e:
        raise ValueError(f"[{layer}] rows must be of one length, as utils.pad_sequences makes them: {e}") from None


def texts(values, encoding="utf-8"):
    """A flat list of strings; bytes are decoded."""
    return [v.decode(encoding) if isinstance(v, bytes) else str(v) for v in values.ravel().tolist()]


class HostLayer(Layer):
    """Base of layers that take strings or whatever else NumPy holds: `call` gets it as it was given."""

    def __call__(self, inputs, **kwargs):
        return self.call(inputs, **kwargs)


class CategoryEncoding(Layer):
    """Integers of [0, num_tokens) as vectors: `output_mode` `"one_hot"` (one an integer), `"multi_hot"` or `"count"`
    (one a row).

    `count_weights`, as large as the inputs, is what each counts in `"count"`. Other integers raise `ValueError`; inside
    of a model they count nowhere. `sparse` is not supported.

    >>> ckeras.layers.CategoryEncoding(3, output_mode="count")(np.array([[0, 1, 1]])).numpy()
    array([[1., 2., 0.]], dtype=float32)
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = one_of("CategoryEncoding", "output_mode", output_mode, ENCODINGS[1:])
        self.num_tokens = positive("CategoryEncoding", "num_tokens", num_tokens)
        refuse_sparse("CategoryEncoding", sparse)
        self.sparse = False
        self.built = True

    def call(self, inputs, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"[CategoryEncoding] count_weights goes with output_mode='count', this layer's is {self.output_mode!r}"
            )
        inputs = ops.convert_to_tensor(inputs)
        if isinstance(inputs, Tensor) and inputs.size:
            low, high = int(ops.min(inputs)), int(ops.max(inputs))
            if low < 0 or high >= self.num_tokens:
                raise ValueError(f"[CategoryEncoding] inputs must lie in [0, {self.num_tokens}), got {low} to {high}")
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def get_config(self):
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


class Discretization(Layer):
    """The number of the interval in which each input lies, of those between `bin_boundaries` (ascending; a boundary
    belongs to the interval after it); or with `num_bins`, of as many intervals that `adapt` finds to hold equally many.

    `output_mode` as in `CategoryEncoding`, and `"int"`. `epsilon` is the share of the data by which learned boundaries
    may be off: at most 4 / epsilon points are kept of it.

    >>> ckeras.layers.Discretization([0.0, 1.0])(np.array([-1.0, 0.5, 1.0])).numpy()
    array([0, 1, 2], dtype=int32)
    """

    def __init__(
        self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False, dtype=None, name=None
    ):
        super().__init__(name=name, dtype=dtype)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"[Discretization] one of bin_boundaries and num_bins must be given, got bin_boundaries="
                f"{bin_boundaries}, num_bins={num_bins}"
            )
        if num_bins is not None:
            positive("Discretization", "num_bins", num_bins)
        if not isinstance(epsilon, (int, float)) or not 0 < epsilon < 1:
            raise ValueError(f"[Discretization] epsilon must lie in (0, 1), got {epsilon!r}")
        refuse_sparse("Discretization", sparse)
        self.output_mode = one_of("Discretization", "output_mode", output_mode, ENCODINGS)
        self.bin_boundaries = None if bin_boundaries is None else [float(b) for b in bin_boundaries]
        if self.bin_boundaries and not np.all(np.diff(self.bin_boundaries) >= 0):
            raise ValueError(f"[Discretization] bin_boundaries must ascend, got {self.bin_boundaries}")
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.sparse = False
        self.built = True
        self.reset_state()

    def adapt(self, data, steps=None):
        """Learns the boundaries from an array, or from an iterable of batches (the first `steps` of them)."""
        if self.num_bins is None:
            raise ValueError("[Discretization] adapt() has nothing to learn: bin_boundaries were given")
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self):
        """Forgets the data of `adapt`."""
        self._points, self._weights = np.zeros(0), np.zeros(0)

    def update_state(self, data):
        """Adds a batch to what the boundaries are learned from."""
        x = np.asarray(data, "float64").ravel()
        points = np.concatenate([self._points, x[~np.isnan(x)]])
        order = np.argsort(points, kind="stable")
        self._points = points[order]
        self._weights = np.concatenate([self._weights, np.ones(len(points) - len(self._weights))])[order]
        most = int(4 / self.epsilon)
        if len(points) > most:
            shares = np.cumsum(self._weights)
            at = (np.arange(most) + 0.5) * (shares[-1] / most)
            self._points = np.interp(at, shares - self._weights / 2, self._points)
            self._weights = np.full(most, shares[-1] / most)

    def finalize_state(self):
        """Makes boundaries of what was learned."""
        if self.num_bins is None:
            return
        if not len(self._points):
            raise ValueError("[Discretization] adapt() was given no data")
        shares = np.cumsum(self._weights)
        at = np.arange(1, self.num_bins) / self.num_bins
        self.bin_boundaries = np.interp(at, shares / shares[-1], self._points).tolist()

    def compute_output_spec(self, inputs):
        """Numbers of intervals are int32, encodings of the compute dtype."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of_outputs())

    def _dtype_of_outputs(self):
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError("[Discretization] call adapt(data) first, or give bin_boundaries")
        dtype = self._dtype_of_outputs()
        inputs = ops.cast(inputs, "float32")
        indices = ops.digitize(inputs, np.asarray(self.bin_boundaries, "float32")) if self.bin_boundaries else None
        if indices is None:
            indices = ops.zeros_like(inputs, dtype="int32")
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def compute_output_shape(self, input_shape):
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    def get_config(self):
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse")
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        del config["trainable"]  # which Keras's own does not take
        return config

    @classmethod
    def from_config(cls, config):
        # What adapt learned is in the config beside the num_bins it was asked for.
        config = {k: v for k, v in config.items() if k not in ("trainable", "autocast")}
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return super().from_config(config)
        learned = config.pop("bin_boundaries")
        layer = super().from_config(config)
        layer.bin_boundaries = [float(b) for b in learned]
        return layer


def batches(data, steps=None):
    """The batches of an iterable, at most `steps`; an array or a list is one."""
    if isinstance(data, (np.ndarray, TensorBase, list, tuple, str)) or hasattr(data, "__array__"):
        return [data]
    return itertools.islice(data, steps)


class Hashing(HostLayer):
    """Strings or integers as numbers of [0, num_bins) by a hash: farmhash's fingerprint, or SipHash with `salt` (an
    integer, or two). Equal inputs have equal numbers, on every machine.

    `mask_value` has the number 0 for itself. `output_mode` as in `CategoryEncoding`, and `"int"`. Runs on the host, on
    data: it cannot be part of a model.

    >>> ckeras.layers.Hashing(3)(np.array([["A"], ["B"]])).numpy().ravel()
    array([1, 0])
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else dtypes.floatx()
        super().__init__(**kwargs)
        self.num_bins = positive("Hashing", "num_bins", num_bins)
        self.mask_value = mask_value
        self.output_mode = one_of("Hashing", "output_mode", output_mode, ENCODINGS)
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ValueError(f"[Hashing] dtype must be int32 or int64 for output_mode='int', got {self.compute_dtype}")
        refuse_sparse("Hashing", sparse)
        self.sparse = False
        self.salt = salt_pair("Hashing", salt)
        self.built = True

    def call(self, inputs):
        x = as_array("Hashing", inputs)
        if x.dtype.kind == "f":
            x = x.astype("int64")
        masked = self.mask_value is not None and self.num_bins > 1
        unique, inverse = np.unique(np.array(texts(x), object), return_inverse=True)
        numbers = np.array(hashes.buckets(unique, self.num_bins - masked, self.salt), "int64")[inverse.ravel()]
        if masked:
            numbers = np.where(np.array(texts(x), object) == str(self.mask_value), 0, numbers + 1)
        indices = ops.convert_to_tensor(numbers.reshape(x.shape).astype("int64"))
        return encode(indices, self.output_mode, self.num_bins, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self):
        names = ("num_bins", "salt", "mask_value", "output_mode", "sparse")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def salt_pair(layer, salt):
    """The key of the keyed hash: two integers, or None."""
    if salt is None:
        return None
    pair = list(salt) if isinstance(salt, (tuple, list)) else [salt, salt]
    if len(pair) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) for v in pair):
        raise ValueError(f"[{layer}] salt must be an integer, or two, got {salt!r}")
    return pair


class HashedCrossing(HostLayer):
    """The combinations of two or more features, strings or integers of shape [N] or [N, 1], as numbers of
    [0, num_bins) by a hash. `output_mode` is `"int"` or `"one_hot"`. Runs on the host, on data.

    >>> ckeras.layers.HashedCrossing(5)((np.array(["A", "B"]), np.array([101, 101]))).numpy()
    array([1, 4])
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.num_bins = positive("HashedCrossing", "num_bins", num_bins)
        self.output_mode = one_of("HashedCrossing", "output_mode", output_mode, ("int", "one_hot"))
        refuse_sparse("HashedCrossing", sparse)
        self.sparse = False
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, (tuple, list)) or len(inputs) < 2:
            raise ValueError(f"[HashedCrossing] expected a tuple of at least two features, got {type(inputs).__name__}")
        features = [as_array("HashedCrossing", x) for x in inputs]
        shape = features[0].shape
        if any(x.shape != shape for x in features) or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                f"[HashedCrossing] features must be of one shape, [N] or [N, 1], got {[x.shape for x in features]}"
            )
        if any(x.dtype.kind not in "iuUSO" for x in features):
            raise ValueError(
                f"[HashedCrossing] features must be integers or strings, got {[str(x.dtype) for x in features]}"
            )
        prints = [
            [v % (1 << 64) for v in x.ravel().tolist()]
            if x.dtype.kind in "iu"
            else [hashes.fingerprint(v.encode()) for v in texts(x)]
            for x in features
        ]
        numbers = np.array([hashes.join(row) % self.num_bins for row in zip(*prints)], "int64").reshape(shape)
        return encode(ops.convert_to_tensor(numbers), self.output_mode, self.num_bins, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)

    def get_config(self):
        return {
            "name": self.name,
            "dtype": self.dtype,
            **{k: getattr(self, k) for k in ("num_bins", "output_mode", "sparse")},
        }
