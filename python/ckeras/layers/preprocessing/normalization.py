"""Normalization."""

import math

import numpy as np

from ckeras import ops
from ckeras._core.settings import epsilon
from ckeras._core.tensor import TensorBase
from ckeras.layers.layer import Layer


class Normalization(Layer):
    """`(x - mean) / sqrt(variance)` with one mean and variance for each index of `axis` (None: one for all numbers).

    Both are given, or learned with `adapt`; `invert=True` undoes the normalization. Deviations below the fuzz factor
    count as it. Raises `ValueError` where only one of the two is given, an axis is out of range, or its size unknown.

    >>> layer = ckeras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]], "float32"))
    >>> layer(np.array([[3.0, 20.0]], "float32"))
    Tensor([[1. 0.]], shape=(1, 2), dtype=float32)
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"[Normalization] mean and variance must be given together, got mean={mean}, variance={variance}; "
                "or give neither and call adapt(data)"
            )
        axes = () if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
        self.axis = tuple(int(a) for a in axes)
        self.input_mean = mean
        self.input_variance = variance
        self.invert = bool(invert)
        self.supports_masking = True

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(f"[Normalization] axis {self.axis} is out of range for inputs of shape {input_shape}")
        kept = sorted(a % rank for a in self.axis)
        if len(set(kept)) != len(kept):
            raise ValueError(f"[Normalization] axis {self.axis} names a dimension twice")
        shape = tuple(input_shape[a] for a in kept)
        if None in shape:
            raise ValueError(
                f"[Normalization] the size along axis {self.axis} must be known, got inputs of shape {input_shape}"
            )
        self._others = tuple(a for a in range(rank) if a not in kept)
        self._shape = shape
        self._along = tuple(input_shape[a] if a in kept else 1 for a in range(rank))
        if self.input_mean is None:
            statistics = {"initializer": "zeros", "trainable": False}
            self.adapt_mean = self.add_weight(name="mean", shape=shape, **statistics)
            self.adapt_variance = self.add_weight(name="variance", shape=shape, **{**statistics, "initializer": "ones"})
            self.count = self.add_weight(name="count", shape=(), dtype="int32", **statistics)
        else:
            for name, given in (("mean", self.input_mean), ("variance", self.input_variance)):
                try:
                    np.broadcast_to(given, shape if np.ndim(given) <= len(shape) else input_shape)
                except (ValueError, TypeError):
                    raise ValueError(
                        f"[Normalization] {name} of shape {np.shape(given)} does not fit {shape}, the inputs' sizes "
                        f"along axis {self.axis}"
                    ) from None
        self.built = True

    def adapt(self, data):
        """Learns mean and variance of `data`: an array, or an iterable of batches; replaces what was learned before.

        Sums run in float64, batch after batch (Chan, Golub, LeVeque, 1979). Raises `ValueError` where mean and
        variance were given, and for no data.
        """
        if self.input_mean is not None:
            raise ValueError("[Normalization] adapt() has nothing to learn: mean and variance were given")
        whole = isinstance(data, (np.ndarray, TensorBase, list, tuple)) or hasattr(data, "__array__")
        count, mean, squares, seen = 0, 0.0, 0.0, 0
        for batch in [data] if whole else data:
            x = np.asarray(batch[0] if isinstance(batch, (tuple, list)) and not whole else batch).astype("float64")
            if x.ndim == 1 and self.axis:
                x = x[:, None]
            if not self.built:
                self.build(x.shape[:1] and (None, *x.shape[1:]))
            if x.ndim != len(self._along) or tuple(np.delete(x.shape, self._others)) != self._shape:
                raise ValueError(f"[Normalization] adapt() was given shape {x.shape} after {self._along}")
            n = math.prod(x.shape[a] for a in self._others)
            if not n:
                continue
            m = x.mean(self._others)
            s = np.square(x - m.reshape(self._along)).sum(self._others)
            difference = m - mean
            mean = mean + difference * (n / (count + n))
            squares = squares + s + np.square(difference) * (count * n / (count + n))
            count += n
            seen += len(x)
        if not count:
            raise ValueError("[Normalization] adapt() was given no data")
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(squares / count)
        self.count.assign(seen)

    @property
    def mean(self):
        """What calls subtract, in the inputs' rank; None before the layer is built."""
        return self._moment("mean", self.input_mean)

    @property
    def variance(self):
        """The variance that calls divide by the root of, in the inputs' rank; None before the layer is built."""
        return self._moment("variance", self.input_variance)

    def _moment(self, name, given):
        if not self.built:
            return None
        if given is None:
            return ops.reshape(getattr(self, f"adapt_{name}"), self._along)
        given = np.asarray(given, self.variable_dtype)
        if given.ndim > len(self._shape):
            return ops.convert_to_tensor(given)
        return ops.convert_to_tensor(np.broadcast_to(given, self._shape).reshape(self._along))

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        mean = ops.cast(self.mean, self.compute_dtype)
        deviation = ops.maximum(ops.sqrt(ops.cast(self.variance, self.compute_dtype)), epsilon())
        if self.invert:
            return ops.add(ops.multiply(x, deviation), mean)
        return ops.divide(ops.subtract(x, mean), deviation)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        plain = {"mean": self.input_mean, "variance": self.input_variance}
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            **{name: None if value is None else np.asarray(value).tolist() for name, value in plain.items()},
        }
