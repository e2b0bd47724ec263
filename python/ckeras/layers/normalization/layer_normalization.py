"""LayerNormalization and RMSNormalization: each example by its own moments."""

from ckeras import ops
from ckeras.layers.layer import Layer
from ckeras.layers.normalization.affine import Affine, axes_in, check_axes, check_epsilon


class LayerNormalization(Affine):
    """Brings each example to mean 0 and variance 1 over `axis`, then scales and shifts (Ba et al., 2016).

    `axis` is an integer or a list of them; `gamma` and `beta` have the shape of those dimensions. Halves compute in
    float32. `rms_scaling=True`, an older name, divides by the standard deviation alone, without mean or `beta`; use
    RMSNormalization instead. Raises `TypeError` for another axis and `ValueError` for one out of range.

    >>> ckeras.layers.LayerNormalization()([[1.0, 3.0]]).numpy().round(2)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
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
        self.rms_scaling = bool(kwargs.pop("rms_scaling", False))
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
        self.axis = check_axes("LayerNormalization", axis)
        self.epsilon = check_epsilon("LayerNormalization", epsilon)

    def build(self, input_shape):
        axes_in(self, self.axis, input_shape)
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        shape = tuple([input_shape[a] for a in self.axis])
        if self.rms_scaling:
            self._add_affine(shape, scale=True, center=False)
        else:
            self._add_affine(shape)

    def call(self, inputs):
        rms = {"rms_scaling": True} if self.rms_scaling else {}
        out = ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon, **rms)
        return ops.cast(out, self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "rms_scaling": self.rms_scaling,
            **self._affine_config(),
        }


class RMSNormalization(Layer):
    """Divides each example by its root mean square over `axis`, then scales by a weight (Zhang and Sennrich, 2019).

    Raises `TypeError` for an axis that is no integer nor a list of them, `ValueError` for one out of range.

    >>> ckeras.layers.RMSNormalization()([[3.0, 3.0]]).numpy().round(3)
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = check_axes("RMSNormalization", axis)
        self.epsilon = check_epsilon("RMSNormalization", epsilon)
        self.scale = None

    def build(self, input_shape):
        axes_in(self, self.axis, input_shape)
        self.axis = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        self.scale = self.add_weight(shape=tuple([input_shape[a] for a in self.axis]), initializer="ones", name="scale")

    def call(self, x):
        return ops.rms_normalization(x, scale=self.scale, axis=self.axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
