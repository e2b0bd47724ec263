"""Layers that add or multiply noise in training: GaussianNoise, GaussianDropout, AlphaDropout."""

import math

from ckeras import ops, random
from ckeras._core.rng import SeedGenerator
from ckeras.layers._arguments import is_number
from ckeras.layers.dropout import share
from ckeras.layers.layer import Layer

# Of the self-normalising activation SELU (Klambauer et al., 2017): where it tends to for very negative inputs.
SELU_FLOOR = -1.0507009873554805 * 1.6732632423543772


class _Noise(Layer):
    """Base of the layers below: `disturb` in training, the input itself otherwise."""

    def __init__(self, amount, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        if amount > 0:
            self.seed_generator = SeedGenerator(seed)
        self._amount = amount
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        return self.disturb(inputs) if training and self._amount > 0 else inputs

    def disturb(self, inputs):
        raise NotImplementedError

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


class GaussianNoise(_Noise):
    """In training, adds noise of mean 0 and standard deviation `stddev`, which lies in [0, 1]."""

    def __init__(self, stddev, seed=None, **kwargs):
        if not is_number(stddev) or not 0 <= stddev <= 1:
            raise ValueError(f"[GaussianNoise] stddev must be a number in [0, 1], got {stddev!r}")
        super().__init__(stddev, seed, **kwargs)
        self.stddev = stddev

    def disturb(self, inputs):
        noise = random.normal(ops.shape(inputs), 0.0, self.stddev, self.compute_dtype, self.seed_generator)
        return ops.add(inputs, noise)

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Noise):
    """In training, multiplies by noise of mean 1 and standard deviation `sqrt(rate / (1 - rate))`, the one that dropout
    with `rate` has (Srivastava et al., 2014, section 10)."""

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(share("GaussianDropout", rate, most=None), seed, **kwargs)
        self.rate = rate

    def disturb(self, inputs):
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return ops.multiply(
            inputs, random.normal(ops.shape(inputs), 1.0, deviation, self.compute_dtype, self.seed_generator)
        )

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(_Noise):
    """Dropout that keeps mean 0 and variance 1 of SELU networks (Klambauer et al., 2017): what is dropped takes SELU's
    lowest value, and the whole is scaled and shifted back.

    `noise_shape` broadcasts as in `Dropout`.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(share("AlphaDropout", rate, most=None), seed, **kwargs)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def disturb(self, inputs):
        shape = ops.shape(inputs)
        if self.noise_shape is not None:
            shape = tuple(n if d is None else d for n, d in zip(shape, self.noise_shape, strict=True))
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        scale = ((1 - self.rate) * (1 + self.rate * SELU_FLOOR**2)) ** -0.5
        shift = -scale * SELU_FLOOR * self.rate
        return ops.add(ops.multiply(ops.where(kept, inputs, ops.cast(SELU_FLOOR, inputs.dtype)), scale), shift)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
