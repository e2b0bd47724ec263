"""Dropout and SpatialDropout1D to 3D."""

from ckeras import random
from ckeras._core.rng import SeedGenerator
from ckeras._core.settings import standardize_data_format
from ckeras.layers._arguments import is_number
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


def share(where, rate, most=1):
    """`rate` as a number in [0, 1]; `most=None` leaves 1 itself out."""
    if not is_number(rate) or not 0 <= rate <= 1 or (most is None and rate == 1):
        raise ValueError(f"[{where}] rate must be a number in [0, 1{']' if most else ')'}, got {rate!r}")
    return rate


class Dropout(Layer):
    """In training, sets a share `rate` of the inputs to 0 and divides the others by `1 - rate` (Srivastava et al.,
    2014).

    `noise_shape` broadcasts: a 1 (or a `None`, for the input's size) keeps or drops an axis together. Raises
    `ValueError` for a rate outside [0, 1].
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = share(type(self).__name__, rate)
        self.seed = seed
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class _SpatialDropout(Dropout):
    """Base of the layers below: whole channels are dropped or kept."""

    rank = None

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        self.data_format = standardize_data_format(data_format)
        ones = (1,) * self.rank
        shape = (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)
        super().__init__(rate, noise_shape=shape, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format, "dtype": self.dtype_policy.name}
        del config["noise_shape"], config["trainable"]  # which no constructor here takes
        return config


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of `(batch, steps, channels)` (Tompson et al., 2015)."""

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, "channels_last", seed, name, dtype)

    def get_config(self):
        config = super().get_config()
        del config["data_format"]
        return config


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images (Tompson et al., 2015)."""

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes (Tompson et al., 2015)."""

    rank = 3
