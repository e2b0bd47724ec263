"""Conv2D: convolution over images."""

from ckeras import activations, constraints, initializers, ops, regularizers
from ckeras._core.settings import standardize_data_format
from ckeras.layers._arguments import padding_name, per_dim, positive, window_output
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


class Conv2D(Layer):
    """Convolution of images with `filters` kernels of `kernel_size`, plus bias, then activation.

    Input `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
    `data_format="channels_first"`; output the same with `filters` channels. `groups` splits the channels into as many
    independent convolutions. Raises `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv2D(8, 3, padding="same")(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 6, 6, 8)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        where = "Conv2D"
        self.filters = positive(where, "filters", filters)
        self.kernel_size = per_dim(where, "kernel_size", kernel_size, 2)
        self.strides = per_dim(where, "strides", strides, 2)
        self.padding = padding_name(where, padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = per_dim(where, "dilation_rate", dilation_rate, 2)
        self.groups = positive(where, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"[Conv2D] groups={groups} must divide filters={filters}")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"[Conv2D] strides={strides} and dilation_rate={dilation_rate} cannot both be above 1")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel = None
        self.bias = None
        self.input_spec = InputSpec(ndim=4)

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(f"Layer '{self.name}' needs a known number of channels, got input shape {input_shape}")
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': groups={self.groups} must divide the {channels} channels of input shape "
                f"{input_shape}"
            )
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.compute_output_shape(input_shape)
        self.input_spec = InputSpec(min_ndim=4, max_ndim=4, axes={self._channel_axis: channels})

    def convolution_op(self, inputs, kernel):
        """The convolution alone; subclasses may override it."""
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def call(self, inputs):
        x = self.convolution_op(inputs, self.kernel)
        if self.bias is not None:
            last = self.data_format == "channels_last"
            x = ops.add(x, self.bias if last else ops.reshape(self.bias, (self.filters, 1, 1)))
        return x if self.activation is activations.linear else self.activation(x)

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        spatial = input_shape[1:3] if last else input_shape[2:4]
        windows = zip(spatial, self.kernel_size, self.strides, self.dilation_rate)
        out = tuple(window_output(size, k, s, self.padding, d) for size, k, s, d in windows)
        if any(n is not None and n <= 0 for n in out):
            raise ValueError(
                f"Layer '{self.name}': a kernel of size {self.kernel_size} (dilation "
                f"{self.dilation_rate}) does not fit "
                f"into input shape {tuple(input_shape)}; use padding='same', a smaller kernel or larger images"
            )
        return (input_shape[0], *out, self.filters) if last else (input_shape[0], self.filters, *out)

    def get_config(self):
        config = {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
        return config
