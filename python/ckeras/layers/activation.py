"""Layers that apply a function to each element: Activation, ReLU, LeakyReLU, ELU, Softmax, Identity, Rescaling."""

from ckeras import activations, ops
from ckeras._core import dtypes, nest
from ckeras._core.symbolic import KerasTensor
from ckeras.layers._arguments import is_number
from ckeras.layers.layer import Layer


class Activation(Layer):
    """An activation function, by name or callable, as a layer."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(Layer):
    """`max(x, 0)` with a cap, a slope below `threshold` and that threshold. Raises `ValueError` for negative
    options."""

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("max_value", max_value), ("negative_slope", negative_slope), ("threshold", threshold)):
            if (value is None and name != "max_value") or (value is not None and value < 0):
                raise ValueError(f"[ReLU] {name} must not be negative, got {value!r}")
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """`x`, or `negative_slope * x` where `x` is negative. Raises `ValueError` for a negative slope."""

    def __init__(self, negative_slope=0.3, **kwargs):
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2
        super().__init__(**kwargs)
        if not is_number(negative_slope) or negative_slope < 0:
            raise ValueError(f"[LeakyReLU] negative_slope must be a number of at least 0, got {negative_slope!r}")
        self.negative_slope = negative_slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ELU(Layer):
    """`x`, or `alpha * (exp(x) - 1)` where `x` is negative (Clevert et al., 2016)."""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Layer):
    """Softmax along `axis` (or several axes together); entries whose `mask` is false get probability 0."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs, mask=None):
        if mask is not None:
            mask = ops.convert_to_tensor(mask)
            mask = mask if mask.dtype == "bool" else ops.greater(mask, 0.5)
            low = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ops.where(mask, inputs, ops.full_like(inputs, low))
        if isinstance(self.axis, (tuple, list)) and len(self.axis) > 1:
            out = ops.exp(ops.subtract(inputs, ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True)))
        else:
            out = ops.softmax(inputs, axis=self.axis[0] if isinstance(self.axis, (tuple, list)) else self.axis)
        return out if mask is None else ops.where(mask, out, ops.zeros_like(out))  # also where all are masked

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Identity(Layer):
    """Gives its inputs back."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs):
        return nest.map_leaves(lambda t: KerasTensor(t.shape, t.dtype), inputs)


class Rescaling(Layer):
    """`inputs * scale + offset`, as floats.

    >>> ckeras.layers.Rescaling(1 / 255)(ckeras.ops.ones((1, 2), "uint8")).dtype
    'float32'
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        x = inputs if inputs.dtype in dtypes.FLOATS else ops.cast(inputs, self.compute_dtype)
        return ops.add(ops.multiply(x, ops.cast(self.scale, x.dtype)), ops.cast(self.offset, x.dtype))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
