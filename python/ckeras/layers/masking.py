"""Masking."""

from ckeras import ops
from ckeras.layers.layer import Layer


class Masking(Layer):
    """Masks the steps of (batch, time, ...) whose every number equals `mask_value`, and sets them to 0.

    >>> ckeras.layers.Masking()(ckeras.ops.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        keep = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(keep, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "mask_value": self.mask_value}
