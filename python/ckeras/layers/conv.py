"""Convolutions: plain, of each channel by itself, and both one after the other."""

from ckeras import ops
from ckeras.layers.conv_base import ConvolutionLayer
from ckeras.layers.lora import LowRank, adapted
from ckeras.layers.spatial import given


class Conv(LowRank, ConvolutionLayer):
    """The body of `Conv1D`, `Conv2D` and `Conv3D`."""

    kernel = adapted("kernel")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1,),
        padding="valid",
        data_format=None,
        dilation_rate=(1,),
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
        lora_rank=None,
        lora_alpha=None,
        **kwargs,
    ):
        super().__init__(given(locals()), activity_regularizer, kwargs)
        if self.filters % self.groups:
            raise ValueError(f"[{type(self).__name__}] groups={groups} must divide filters={filters}")
        self._keep_lora(lora_rank, lora_alpha)
        self._kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': groups={self.groups} must divide the {channels} channels of input shape "
                f"{input_shape}"
            )
        self._kernel = self._add_kernel((*self.kernel_size, channels // self.groups, self.filters), "kernel", "kernel")
        self._finish_build(input_shape, self.filters)
        self._build_lora()

    def convolution_op(self, inputs, kernel):
        """The convolution alone; subclasses may override it."""
        return ops.conv(inputs, kernel, **self._window())

    def call(self, inputs):
        return self._finish(self.convolution_op(inputs, self.kernel))


class Conv1D(Conv, rank=1):
    """Convolution of sequences with `filters` kernels of `kernel_size`, plus bias, then activation.

    Input `(batch, steps, channels)`, or `(batch, channels, steps)` with `data_format="channels_first"`; output the same
    with `filters` channels. `padding="causal"` pads on the left alone, so that no step sees a later one. `groups`
    splits the channels into as many independent convolutions. Raises `ValueError` for arguments that do not fit each
    other or the input.

    >>> ckeras.layers.Conv1D(8, 3, padding="causal")(ckeras.ops.ones((1, 6, 2))).shape
    (1, 6, 8)
    """

    _paddings = ("valid", "same", "causal")


class Conv2D(Conv, rank=2):
    """Convolution of images with `filters` kernels of `kernel_size`, plus bias, then activation.

    Input `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
    `data_format="channels_first"`; output the same with `filters` channels. `groups` splits the channels into as many
    independent convolutions. Raises `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv2D(8, 3, padding="same")(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 6, 6, 8)
    """


class Conv3D(Conv, rank=3):
    """Convolution of volumes with `filters` kernels of `kernel_size`, plus bias, then activation.

    Input `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)` with
    `data_format="channels_first"`; output the same with `filters` channels. `groups` splits the channels into as many
    independent convolutions. Raises `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv3D(8, 3, padding="same")(ckeras.ops.ones((1, 4, 6, 6, 2))).shape
    (1, 4, 6, 6, 8)
    """


class _Depthwise(ConvolutionLayer):
    """The body of `DepthwiseConv1D` and `DepthwiseConv2D`."""

    def __init__(
        self,
        kernel_size,
        strides=(1,),
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=(1,),
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(given(locals()), activity_regularizer, kwargs)
        self.kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self._add_kernel((*self.kernel_size, channels, self.depth_multiplier), "kernel", "depthwise")
        self._finish_build(input_shape, channels * self.depth_multiplier)

    def call(self, inputs):
        return self._finish(ops.depthwise_conv(inputs, self.kernel, **self._window()))

    def _output_channels(self, channels):
        return None if channels is None else channels * self.depth_multiplier


class DepthwiseConv1D(_Depthwise, rank=1):
    """Convolution of each channel of sequences by itself, with `depth_multiplier` kernels each.

    Input `(batch, steps, channels)`, or channels first; output the same with `channels * depth_multiplier` channels.
    Raises `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.DepthwiseConv1D(3, depth_multiplier=2)(ckeras.ops.ones((1, 6, 2))).shape
    (1, 4, 4)
    """


class DepthwiseConv2D(_Depthwise, rank=2):
    """Convolution of each channel of images by itself, with `depth_multiplier` kernels each.

    Input `(batch, height, width, channels)`, or channels first; output the same with `channels * depth_multiplier`
    channels. Raises `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.DepthwiseConv2D(3, padding="same")(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 6, 6, 2)
    """


class _Separable(ConvolutionLayer):
    """The body of `SeparableConv1D` and `SeparableConv2D`."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1,),
        padding="valid",
        data_format=None,
        dilation_rate=(1,),
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(given(locals()), activity_regularizer, kwargs)
        self.depthwise_kernel = None
        self.pointwise_kernel = None

    def build(self, input_shape):
        channels = self._channels(input_shape)
        m = self.depth_multiplier
        self.depthwise_kernel = self._add_kernel((*self.kernel_size, channels, m), "depthwise_kernel", "depthwise")
        shape = (*(1,) * self.rank, channels * m, self.filters)
        self.pointwise_kernel = self._add_kernel(shape, "pointwise_kernel", "pointwise")
        self._finish_build(input_shape, self.filters)

    def call(self, inputs):
        x = ops.separable_conv(inputs, self.depthwise_kernel, self.pointwise_kernel, **self._window())
        return self._finish(x)


class SeparableConv1D(_Separable, rank=1):
    """Convolution of each channel of sequences by itself, then one of `filters` kernels over a single step.

    Input `(batch, steps, channels)`, or channels first; output the same with `filters` channels. Raises `ValueError`
    for arguments that do not fit each other or the input. Source: Chollet, "Xception" (2017).

    >>> ckeras.layers.SeparableConv1D(8, 3)(ckeras.ops.ones((1, 6, 2))).shape
    (1, 4, 8)
    """


class SeparableConv2D(_Separable, rank=2):
    """Convolution of each channel of images by itself, then one of `filters` kernels over a single pixel.

    Input `(batch, height, width, channels)`, or channels first; output the same with `filters` channels. Raises
    `ValueError` for arguments that do not fit each other or the input. Source: Chollet, "Xception" (2017).

    >>> ckeras.layers.SeparableConv2D(8, 3, padding="same")(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 6, 6, 8)
    """
