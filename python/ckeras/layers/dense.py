"""Dense: the fully connected layer."""

from ckeras import activations, constraints, initializers, ops, regularizers
from ckeras.layers._arguments import positive
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer
from ckeras.layers.lora import LowRank, adapted


class Dense(LowRank, Layer):
    """`activation(inputs @ kernel + bias)` over the last axis.

    Input `(batch, ..., d)`, output `(batch, ..., units)`. With `lora_rank` the kernel is frozen,
    and two weights of that rank learn what is added to it: see `enable_lora`. `quantization_config` is not supported
    yet and must be `None`. Raises `ValueError` for units that are no positive integer and for inputs of rank below 2 or
    of another last dimension than the layer was built for.

    >>> ckeras.layers.Dense(4)(ckeras.ops.ones((2, 3))).shape
    (2, 4)
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        if quantization_config is not None:
            raise NotImplementedError("[Dense] quantization_config is not supported yet")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive("Dense", "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._keep_lora(lora_rank, lora_alpha)
        self._kernel = None
        self.bias = None
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    kernel = adapted("kernel")

    def build(self, input_shape):
        width = input_shape[-1]
        self._kernel = self.add_weight(
            shape=(width, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: width})
        self._build_lora()

    def call(self, inputs, training=None):
        x = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        return x if self.activation in (None, activations.linear) else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }
