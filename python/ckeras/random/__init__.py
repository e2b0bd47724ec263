"""Random tensors: the same numbers from the same seed on every machine, eager or traced.

`seed` is everywhere an integer (the same numbers at every call), a `SeedGenerator` (other numbers at every call), or
`None` for the global generator, which `ckeras.utils.set_random_seed` sets.
"""

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError
from ckeras._core.rng import SeedGenerator, draw_seed
from ckeras.ops import random as _records
from ckeras.ops._common import shape_tuple

__all__ = ["SeedGenerator", "dropout", "normal", "randint", "shuffle", "truncated_normal", "uniform"]


def _float(op, dtype):
    dtype = dtypes.standardize(dtype)
    if dtype not in dtypes.FLOATS:
        raise DTypeError(f"[random.{op}] dtype must be a float one, got {dtype}")
    return dtype


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Numbers spread evenly over [minval, maxval); integers for an integer `dtype`.

    >>> ckeras.random.uniform((2, 3), seed=1).shape
    (2, 3)
    """
    if dtype is not None and dtypes.standardize(dtype) in dtypes.INTS:
        return randint(shape, minval, maxval, dtype, seed)
    return _records.random_uniform_p.bind(
        draw_seed(seed),
        shape=shape_tuple("random.uniform", shape),
        dtype=_float("uniform", dtype),
        low=float(minval),
        high=float(maxval),
    )


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Numbers of the normal distribution."""
    return _records.random_normal_p.bind(
        draw_seed(seed),
        shape=shape_tuple("random.normal", shape),
        dtype=_float("normal", dtype),
        mean=float(mean),
        stddev=float(stddev),
    )


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Numbers of the normal distribution, redrawn beyond two standard deviations."""
    return _records.random_truncated_normal_p.bind(
        draw_seed(seed),
        shape=shape_tuple("random.truncated_normal", shape),
        dtype=_float("truncated_normal", dtype),
        mean=float(mean),
        stddev=float(stddev),
    )


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Integers in [minval, maxval), whose span must be below 2^24. Raises `ArgumentError` for an empty range."""
    dtype = dtypes.standardize(dtype)
    if dtype not in dtypes.INTS:
        raise DTypeError(f"[random.randint] dtype must be an integer one, got {dtype}")
    low, high = int(minval), int(maxval)
    if not 0 < high - low <= 2**24:
        raise ArgumentError(f"[random.randint] expected 0 < maxval - minval <= 2**24, got minval={low}, maxval={high}")
    bits = _records.random_bits_p.bind(draw_seed(seed), shape=shape_tuple("random.randint", shape))
    # 64-bit modulo: its bias is below the span / 2^32.
    offset = ops.mod(ops.cast(bits, "int64"), high - low)
    return ops.cast(ops.add(offset, low), dtype)


def dropout(inputs, rate, noise_shape=None, seed=None):
    """`inputs` with a share `rate` of its values set to 0 and the others divided by `1 - rate`.

    `noise_shape`, where given, broadcasts: a dimension of 1 keeps or drops that whole axis together.
    """
    if not 0 <= rate <= 1:
        raise ArgumentError(f"[random.dropout] rate must be in [0, 1], got {rate!r}")
    x = ops.convert_to_tensor(inputs)
    if x.dtype not in dtypes.FLOATS:
        raise DTypeError(f"[random.dropout] inputs must be of a float dtype, got {x.dtype}")
    if rate == 0:
        return x
    if rate == 1:
        return ops.zeros_like(x)
    if noise_shape is None:
        return _records.dropout_p.bind(x, draw_seed(seed), rate=float(rate))
    shape = tuple(x.shape[i] if d is None else d for i, d in enumerate(noise_shape))
    scale = _records.dropout_p.bind(ops.ones(shape, x.dtype), draw_seed(seed), rate=float(rate))
    return ops.multiply(x, scale)


def shuffle(x, axis=0, seed=None):
    """`x` with its slices along `axis` in a random order."""
    import numpy as np

    x = ops.convert_to_tensor(x)
    keys = _records.random_bits_p.bind(draw_seed(seed), shape=(x.shape[axis],))
    return ops.take(x, np.argsort(keys.numpy(), kind="stable").astype("int32"), axis=axis)
