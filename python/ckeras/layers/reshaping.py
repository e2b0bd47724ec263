"""Layers that change shapes alone: Flatten, Reshape."""

import math

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import KerasTensor
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


class Flatten(Layer):
    """All dimensions but the batch made one. Channels come last in the result, whatever `data_format` the input has.

    >>> ckeras.layers.Flatten()(ckeras.ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def build(self, input_shape):
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Every sample in the shape `target_shape`, in which one -1 stands for what is left.

    Raises `ValueError` when the sizes differ.

    >>> ckeras.layers.Reshape((2, -1))(ckeras.ops.ones((5, 8))).shape
    (5, 2, 4)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target = tuple(target_shape)
        if any(isinstance(d, bool) or not isinstance(d, int) or d < -1 for d in target) or target.count(-1) > 1:
            raise ValueError(f"[Reshape] target_shape must hold sizes and at most one -1, got {target_shape!r}")
        self.target_shape = target

    def build(self, input_shape):
        self._resolve(tuple(input_shape)[1:])

    def _resolve(self, shape):
        """The target for one sample of `shape`, -1 resolved where the sizes are known."""
        target = self.target_shape
        if None in shape:
            return tuple(None if d == -1 else d for d in target)
        size, known = math.prod(shape), math.prod(d for d in target if d != -1)
        fits = size == known if -1 not in target else (size % known == 0 if known else size == 0)
        if not fits:
            raise ValueError(
                f"Layer '{self.name}': samples of shape {shape} hold {size} elements and cannot take the shape {target}"
            )
        return tuple((size // known if known else 0) if d == -1 else d for d in target)

    def call(self, inputs):
        return ops.reshape(inputs, (inputs.shape[0], *self._resolve(inputs.shape[1:])))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resolve(tuple(input_shape)[1:]))

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}
