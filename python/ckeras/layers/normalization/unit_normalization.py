"""UnitNormalization."""

from ckeras import ops
from ckeras.layers.layer import Layer
from ckeras.layers.normalization.affine import axes_in, check_axes


class UnitNormalization(Layer):
    """Divides each example by its Euclidean norm over `axis`, an integer or a list of them; zeros stay zeros.

    Raises `TypeError` for another axis and `ValueError` for one out of range.

    >>> ckeras.layers.UnitNormalization()([[3.0, 4.0]]).numpy()
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = check_axes("UnitNormalization", axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        axes = tuple(axes_in(self, self.axis, inputs.shape))
        squares = ops.sum(ops.square(inputs), axis=axes, keepdims=True)
        return ops.multiply(inputs, ops.rsqrt(ops.maximum(squares, 1e-12)))

    def compute_output_shape(self, input_shape):
        axes_in(self, self.axis, input_shape)
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}
