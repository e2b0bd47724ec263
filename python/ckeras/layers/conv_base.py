"""The base of all convolution layers: weights, bias, activation, shapes."""

from ckeras import activations, ops
from ckeras.layers.spatial import SpatialLayer


class ConvolutionLayer(SpatialLayer):
    """Kernels over windows, plus bias, then activation. Subclasses say which kernels, and the operation."""

    def __init__(self, arguments, activity_regularizer, kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._keep(**arguments)
        self._kept += ("activity_regularizer",)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"[{type(self).__name__}] strides={self.strides} and dilation_rate={self.dilation_rate} cannot both "
                "be above 1"
            )
        self.bias = None
        self._require_rank()

    def _channels(self, input_shape):
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f"Layer '{self.name}' needs inputs of rank {self.rank + 2} (batch, spatial dimensions, channels), got "
                f"shape {tuple(input_shape)}"
            )
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(f"Layer '{self.name}' needs a known number of channels, got input shape {input_shape}")
        return channels

    def _add_kernel(self, shape, name, arguments):
        """The weight `name`, made as the arguments `<arguments>_initializer` and so on say."""
        return self.add_weight(
            shape=shape,
            initializer=getattr(self, f"{arguments}_initializer"),
            regularizer=getattr(self, f"{arguments}_regularizer"),
            constraint=getattr(self, f"{arguments}_constraint"),
            name=name,
        )

    def _finish_build(self, input_shape, outputs):
        if self.use_bias:
            self.bias = self._add_kernel((outputs,), "bias", "bias")
        self.compute_output_shape(input_shape)
        self._require_rank(self._channels(input_shape))

    def _finish(self, x):
        if self.bias is not None:
            shape = (-1,) + (1,) * self.rank
            x = ops.add(x, self.bias if self._channels_last else ops.reshape(self.bias, shape))
        return x if self.activation in (None, activations.linear) else self.activation(x)

    def _output_channels(self, channels):
        return self.filters

    def compute_output_shape(self, input_shape):
        channels = self._output_channels(input_shape[self._channel_axis])
        out = self._windows_fit(input_shape, self.kernel_size, self.dilation_rate)
        return self._with_channels(input_shape[0], out, channels)

    def _window(self):
        """The arguments that each operation takes."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }
