"""Layers that change shapes alone: Flatten, Reshape, Permute, RepeatVector."""

import math

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import KerasTensor
from ckeras.layers._arguments import tuple_of
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


class Rearranging(Layer):
    """Base of the layers that move or copy elements: the result has the input's dtype."""

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)


class Flatten(Rearranging):
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

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Rearranging):
    """Every sample in the shape `target_shape`, in which one -1 stands for what is left.

    Raises `ValueError` when the sizes differ.

    >>> ckeras.layers.Reshape((2, -1))(ckeras.ops.ones((5, 8))).shape
    (5, 2, 4)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target = tuple_of("Reshape", "target_shape", target_shape)
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

    def get_config(self):
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Rearranging):
    """The dimensions of each sample in the order `dims`, counted from 1: the batch stays first.

    >>> ckeras.layers.Permute((2, 1))(ckeras.ops.ones((2, 3, 4))).shape
    (2, 4, 3)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple_of("Permute", "dims", dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"[Permute] dims must name every dimension of a sample once, counted from 1; got {self.dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self):
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Rearranging):
    """Each vector `n` times in a row: `(batch, features)` becomes `(batch, n, features)`.

    >>> ckeras.layers.RepeatVector(3)(ckeras.ops.ones((2, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"[RepeatVector] n must be an integer, got {type(n).__name__} {n!r}")
        if n < 0:
            raise ValueError(f"[RepeatVector] n must not be negative, got {n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        batch, features = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self):
        return {**super().get_config(), "n": self.n}
