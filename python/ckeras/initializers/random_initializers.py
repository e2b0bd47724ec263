"""Random initializers. Equal seeds give equal weights, in every later version."""

import math

import numpy as np

from ckeras import ops, random
from ckeras._core import dtypes
from ckeras._core.rng import SeedGenerator, make_default_seed
from ckeras.initializers.initializer import Initializer
from ckeras.saving import registry

# The second word of the seed, an arbitrary constant. Part of what "equal seeds give equal weights" means: it never
# changes.
_STREAM = 0x726F6C67


class RandomInitializer(Initializer):
    """Base of those with a `seed`: an integer, or `None` for one drawn now, gives the same values at every
    call; a `SeedGenerator` gives others each time."""

    def __init__(self, seed=None):
        self._init_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, dict):
            seed = registry.deserialize_keras_object(seed)
        elif isinstance(seed, bool) or not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(f"[{type(self).__name__}] seed must be an integer, None or a SeedGenerator, got {seed!r}")
        self.seed = seed

    def _stream(self):
        """What to draw with: an integer seed gets a stream apart from other random functions of the same seed."""
        if isinstance(self.seed, SeedGenerator):
            return self.seed
        return np.array([int(self.seed) % 2**32, _STREAM], "uint32")

    def get_config(self):
        seed = self._init_seed
        return {"seed": registry.serialize_keras_object(seed) if isinstance(seed, SeedGenerator) else seed}


class RandomNormal(RandomInitializer):
    """Normal with `mean` and `stddev`."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.normal(tuple(shape), self.mean, self.stddev, dtypes.standardize(dtype), self._stream())

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Normal with `mean` and `stddev`, redrawn beyond two standard deviations."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(tuple(shape), self.mean, self.stddev, dtypes.standardize(dtype), self._stream())

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Uniform over [`minval`, `maxval`)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        return random.uniform(tuple(shape), self.minval, self.maxval, dtypes.standardize(dtype), self._stream())

    def get_config(self):
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


def compute_fans(shape, input_axes=None, output_axes=None):
    """`(fan_in, fan_out)` of a weight: from the named axes, else of a matrix or of a convolution's kernel."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")
# The standard deviation of a standard normal cut at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Random values whose variance is `scale / n`, n the fan in, the fan out or their mean.

    Raises `ValueError` for a scale that is not positive, an unknown mode or distribution.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if scale <= 0:
            raise ValueError(f"[VarianceScaling] scale must be positive, got {scale!r}")
        mode = str(mode).lower()
        if mode not in _MODES:
            raise ValueError(f"[VarianceScaling] mode must be one of {_MODES}, got {mode!r}")
        distribution = str(distribution).lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"[VarianceScaling] distribution must be one of {_DISTRIBUTIONS}, got {distribution!r}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        shape, dtype = tuple(shape), dtypes.standardize(dtype)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "truncated_normal":
            return random.truncated_normal(shape, 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype, self._stream())
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self._stream())
        limit = math.sqrt(3.0 * variance)
        return random.uniform(shape, -limit, limit, dtype, self._stream())

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """A `VarianceScaling` with fixed scale, mode and distribution."""

    fixed = None

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.fixed, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self):
        config = super().get_config()
        return {k: config[k] for k in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_NamedScaling):
    """Uniform within `sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010)."""

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance `2 / (fan_in + fan_out)` (Glorot and Bengio, 2010)."""

    fixed = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_NamedScaling):
    """Truncated normal of variance `2 / fan_in` (He et al., 2015)."""

    fixed = (2.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform within `sqrt(6 / fan_in)` (He et al., 2015)."""

    fixed = (2.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal of variance `1 / fan_in` (LeCun et al., 1998)."""

    fixed = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform within `sqrt(3 / fan_in)` (LeCun et al., 1998)."""

    fixed = (1.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """`gain` times a random orthogonal matrix, all axes but the last taken as rows (Saxe et al., 2014).

    Raises `ValueError` for a shape of rank below 2.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        shape = tuple(shape)
        if len(shape) < 2:
            raise ValueError(f"[Orthogonal] expected a shape of rank 2 or more, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        draw = random.normal(tall, dtype="float32", seed=self._stream())
        q, r = [x.numpy() for x in ops.qr(ops.cast(draw, "float64"))]
        q = q * np.sign(np.diag(r))  # makes the matrix a uniform draw, and unique
        q = q.T if rows < columns else q
        return ops.convert_to_tensor(self.gain * q.reshape(shape), dtypes.standardize(dtype))

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}
