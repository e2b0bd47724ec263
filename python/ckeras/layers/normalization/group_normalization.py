"""GroupNormalization."""

import operator

from ckeras import ops
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.normalization.affine import Affine, axes_in, check_axes, check_epsilon


class GroupNormalization(Affine):
    """Cuts the channels of `axis` into groups and brings each group of an example to mean 0 and variance 1, then scales
    and shifts each channel (Wu and He, 2018).

    `groups=-1` is a group a channel (instance normalisation), `groups=1` normalises the whole example. Halves compute
    in float32. Raises `ValueError` when the groups do not divide the channels.
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.groups = operator.index(groups)
        if self.groups < 1 and self.groups != -1:
            raise ValueError(f"[GroupNormalization] groups must be positive, or -1 for one a channel, got {groups}")
        self.axis = check_axes("GroupNormalization", axis)
        if isinstance(self.axis, list):
            raise TypeError(f"[GroupNormalization] axis must be one integer, got {axis!r}")
        self.epsilon = check_epsilon("GroupNormalization", epsilon)

    def build(self, input_shape):
        (axis,) = axes_in(self, self.axis, input_shape)
        channels = input_shape[axis]
        if channels is None or axis == 0:
            raise ValueError(
                f"Layer '{self.name}' (GroupNormalization): axis {self.axis} must be a known dimension behind the "
                f"batch, got input shape {tuple(input_shape)}"
            )
        if self.groups == -1:
            self.groups = channels
        if self.groups > channels or channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}' (GroupNormalization): groups={self.groups} must divide the {channels} channels "
                f"of axis {self.axis}"
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_affine((channels,))

    def call(self, inputs):
        axis = self.axis % len(inputs.shape)
        shape = tuple(inputs.shape)
        x = ops.cast(inputs, "float32") if inputs.dtype in ("float16", "bfloat16") else inputs
        grouped = ops.reshape(x, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        axes = tuple([i for i in range(1, len(shape) + 1) if i != axis])
        out = ops.reshape(ops.layer_normalization(grouped, axis=axes, epsilon=self.epsilon), shape)
        along = (-1,) + (1,) * (len(shape) - axis - 1)
        if self.gamma is not None:
            out = ops.multiply(out, ops.reshape(ops.cast(self.gamma, out.dtype), along))
        if self.beta is not None:
            out = ops.add(out, ops.reshape(ops.cast(self.beta, out.dtype), along))
        return ops.cast(out, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            **self._affine_config(),
        }
