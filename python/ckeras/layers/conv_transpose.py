"""Transposed convolutions."""

from ckeras import ops
from ckeras.layers.conv_base import ConvolutionLayer
from ckeras.layers.spatial import given
from ckeras.ops.convolution import transposed_sizes


class ConvTranspose(ConvolutionLayer):
    """The body of `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1,),
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=(1,),
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
        super().__init__(given(locals()), activity_regularizer, kwargs)
        self.kernel = None
        self._sizes((None,) * self.rank)  # refuses an output_padding that does not fit

    def _checked(self, name, value):
        if name == "output_padding" and value is not None:
            return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.rank
        return super()._checked(name, value)

    def _sizes(self, spatial):
        return transposed_sizes(
            type(self).__name__,
            spatial,
            self.kernel_size,
            self.strides,
            self.padding,
            self.output_padding,
            self.dilation_rate,
        )[0]

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self._add_kernel((*self.kernel_size, self.filters, channels), "kernel", "kernel")
        self._finish_build(input_shape, self.filters)

    def call(self, inputs):
        x = ops.conv_transpose(inputs, self.kernel, output_padding=self.output_padding, **self._window())
        return self._finish(x)

    def compute_output_shape(self, input_shape):
        return self._with_channels(input_shape[0], self._sizes(self._spatial(input_shape)), self.filters)


class Conv1DTranspose(ConvTranspose, rank=1):
    """The transpose of a convolution of sequences: it goes from what `Conv1D` gives to the shape of what it takes.

    Input `(batch, steps, channels)`, or channels first; output the same with `filters` channels and about `strides`
    times as many steps. `output_padding`, below `strides`, picks the size where several fit. Raises `ValueError` for
    arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv1DTranspose(8, 3, strides=2, padding="same")(ckeras.ops.ones((1, 6, 2))).shape
    (1, 12, 8)
    """


class Conv2DTranspose(ConvTranspose, rank=2):
    """The transpose of a convolution of images: it goes from what `Conv2D` gives to the shape of what it takes.

    Input `(batch, height, width, channels)`, or channels first; output the same with `filters` channels and about
    `strides` times the height and width. `output_padding`, below `strides`, picks the size where several fit. Raises
    `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv2DTranspose(8, 3, strides=2, padding="same")(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 12, 12, 8)
    """


class Conv3DTranspose(ConvTranspose, rank=3):
    """The transpose of a convolution of volumes: it goes from what `Conv3D` gives to the shape of what it takes.

    Input `(batch, depth, height, width, channels)`, or channels first; output the same with `filters` channels and
    about `strides` times each size. `output_padding`, below `strides`, picks the size where several fit. Raises
    `ValueError` for arguments that do not fit each other or the input.

    >>> ckeras.layers.Conv3DTranspose(8, 3, strides=2, padding="same")(ckeras.ops.ones((1, 2, 3, 4, 2))).shape
    (1, 4, 6, 8, 8)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,  # of all three classes, only here behind data_format: as Keras has it
        dilation_rate=(1, 1, 1),
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
        super().__init__(**given(locals()), activity_regularizer=activity_regularizer, **kwargs)
