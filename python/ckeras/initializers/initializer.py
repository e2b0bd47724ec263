"""Initializer: the base class, and the ones without random numbers."""

import numpy as np

from ckeras import ops
from ckeras._core import dtypes


class Initializer:
    """Base: a callable `(shape, dtype=None)` that gives a tensor. Subclasses define `__call__` and `get_config`."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, shape, dtype=None)")

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def clone(self):
        """An equal initializer; one made without a seed draws a new one."""
        return self.__class__.from_config(self.get_config())


class Constant(Initializer):
    """Every element is `value` (a number, or something that broadcasts to the shape).

    >>> ckeras.initializers.Constant(2.0)((2,)).numpy()
    array([2., 2.], dtype=float32)
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        value = ops.convert_to_tensor(self.value, dtypes.standardize(dtype))
        return ops.broadcast_to(value, tuple(shape))

    def get_config(self):
        value = self.value
        return {"value": np.asarray(value).tolist() if hasattr(value, "__array__") else value}


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape, dtype=None):
        return ops.zeros(tuple(shape), dtypes.standardize(dtype))


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape, dtype=None):
        return ops.ones(tuple(shape), dtypes.standardize(dtype))


class Identity(Initializer):
    """`gain` times the identity matrix; raises `ValueError` for a shape that is no matrix."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"[Identity] expected the shape of a matrix, got {tuple(shape)}")
        return ops.multiply(ops.eye(*shape, dtype=dtypes.standardize(dtype)), self.gain)

    def get_config(self):
        return {"gain": self.gain}
