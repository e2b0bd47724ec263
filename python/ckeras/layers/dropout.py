"""Dropout."""

from ckeras import random
from ckeras._core.rng import SeedGenerator
from ckeras.layers.layer import Layer


class Dropout(Layer):
    """In training, sets a share `rate` of the inputs to 0 and divides the others by `1 - rate` (Srivastava et al.,
    2014).

    `noise_shape` broadcasts: a 1 (or a `None`, for the input's size) keeps or drops an axis together. Raises
    `ValueError` for a rate outside [0, 1].
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"[Dropout] rate must be a number in [0, 1], got {rate!r}")
        self.rate = rate
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
