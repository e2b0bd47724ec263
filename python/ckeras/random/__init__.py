"""Random tensors: the same numbers from the same seed on every machine, eager or traced.

`seed` is everywhere an integer (the same numbers at every call), a `SeedGenerator` (other numbers at every call), or
`None` for the global generator, which `ckeras.utils.set_random_seed` sets.
"""

import numpy as np

import ckeras.ops.random as _records
from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError
from ckeras._core.rng import SeedGenerator, draw_seed
from ckeras.ops._common import axis_index, shape_tuple

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


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
    """Integers in [minval, maxval).

    Raises `ArgumentError` for an empty range and for one that `dtype` does not hold.

    >>> int(ckeras.random.randint((), 3, 4, seed=1))
    3
    """
    dtype = dtypes.standardize(dtype)
    if dtype not in dtypes.INTS:
        raise DTypeError(f"[random.randint] dtype must be an integer one, got {dtype}")
    low, high = int(minval), int(maxval)
    info = np.iinfo(dtype)
    if not info.min <= low < high <= info.max + 1:
        raise ArgumentError(
            f"[random.randint] expected {info.min} <= minval < maxval <= {info.max + 1} for {dtype}, got minval={low}, "
            f"maxval={high}"
        )
    shape, seed, span = shape_tuple("random.randint", shape), draw_seed(seed), high - low
    # The modulo of 32 random bits, or of 64 for a large span: its bias is below span / 2^32 or span / 2^64.
    if span <= 2**24:
        bits = _records.random_bits_p.bind(seed, shape=shape)
        offset = ops.cast(ops.mod(bits, ops.convert_to_tensor(np.uint32(span))), dtype)
        return ops.add(offset, ops.convert_to_tensor(np.array(low, dtype))) if low else offset
    words = ops.cast(_records.random_bits_p.bind(seed, shape=(2, *shape)), "uint64")
    bits = ops.bitwise_or(ops.left_shift(words[0], _uint64(32)), words[1])
    offset = bits if span == 2**64 else ops.mod(bits, _uint64(span))
    return ops.cast(ops.add(offset, _uint64(low % 2**64)), dtype)


def _uint64(value):
    return ops.convert_to_tensor(np.uint64(value))


def _parameter(op, name, x, shape, dtype):
    """A parameter of every element: a tensor of the result's shape."""
    x = ops.convert_to_tensor(x, dtype)
    try:
        return ops.broadcast_to(x, shape)
    except ValueError:
        raise ArgumentError(
            f"[random.{op}] {name} of shape {x.shape} does not broadcast to the shape {shape} asked for"
        ) from None


def _apart(seed):
    """The seed of a second stream that goes with `seed`."""
    return ops.bitwise_xor(seed, np.array([0, 2**31], "uint32"))


def gamma(shape, alpha, dtype=None, seed=None):
    """Numbers of the gamma distribution of scale 1 with the shape parameter `alpha`, which broadcasts to `shape`.

    NaN where `alpha` is not positive. (Marsaglia and Tsang, 2000.)
    """
    shape, dtype = shape_tuple("random.gamma", shape), _float("gamma", dtype)
    return _records.random_gamma_p.bind(draw_seed(seed), _parameter("gamma", "alpha", alpha, shape, dtype))


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Numbers in [0, 1] of the beta distribution with the parameters `alpha` and `beta`, which broadcast to `shape`.

    NaN where a parameter is not positive.
    """
    shape, dtype, seed = shape_tuple("random.beta", shape), _float("beta", dtype), draw_seed(seed)
    a = _records.random_gamma_p.bind(seed, _parameter("beta", "alpha", alpha, shape, "float64"))
    b = _records.random_gamma_p.bind(_apart(seed), _parameter("beta", "beta", beta, shape, "float64"))
    return ops.cast(ops.divide(a, ops.add(a, b)), dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` trials succeed, each with a probability; both parameters broadcast to `shape`.

    NaN where a count is negative or a probability outside [0, 1]. (Hoermann, 1993.)
    """
    shape, dtype = shape_tuple("random.binomial", shape), _float("binomial", dtype)
    return _records.random_binomial_p.bind(
        draw_seed(seed),
        _parameter("binomial", "counts", counts, shape, dtype),
        _parameter("binomial", "probabilities", probabilities, shape, dtype),
    )


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Classes drawn with probabilities `softmax(logits)`: `[batch, classes]` gives `[batch, num_samples]`.

    The largest of logits with Gumbel noise. Raises `ArgumentError` for logits of another rank.
    """
    dtype = dtypes.standardize(dtype)
    if dtype not in dtypes.INTS:
        raise DTypeError(f"[random.categorical] dtype must be an integer one, got {dtype}")
    logits = ops.cast(ops.convert_to_tensor(logits), "float32")
    if len(logits.shape) != 2:
        raise ArgumentError(f"[random.categorical] logits must be [batch, classes], got shape {logits.shape}")
    (batch, classes), (n,) = logits.shape, shape_tuple("random.categorical", (num_samples,))
    if not classes:
        raise ArgumentError("[random.categorical] logits hold no class")
    u = _records.random_uniform_p.bind(
        draw_seed(seed), shape=(batch, n, classes), dtype="float32", low=2**-25, high=1.0
    )
    noisy = ops.subtract(ops.expand_dims(logits, 1), ops.log(ops.negative(ops.log(u))))
    return ops.cast(ops.argmax(noisy, axis=-1), dtype)


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
    x = ops.convert_to_tensor(x)
    axis = axis_index("random.shuffle", axis, x.ndim)
    keys = _records.random_bits_p.bind(draw_seed(seed), shape=(x.shape[axis],))
    return ops.take(x, ops.argsort(keys), axis=axis)
