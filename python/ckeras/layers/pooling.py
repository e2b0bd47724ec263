"""MaxPooling2D."""

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras.layers._arguments import padding_name, per_dim, window_output
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer


class MaxPooling2D(Layer):
    """The maximum over windows of `pool_size`, `strides` apart (by default `pool_size`).

    >>> ckeras.layers.MaxPooling2D()(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 3, 3, 2)
    """

    def __init__(self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        where = "MaxPooling2D"
        self.pool_size = per_dim(where, "pool_size", pool_size, 2)
        self.strides = self.pool_size if strides is None else per_dim(where, "strides", strides, 2)
        self.padding = padding_name(where, padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs):
        return ops.max_pool(
            inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        spatial = input_shape[1:3] if last else input_shape[2:4]
        out = tuple(window_output(n, k, s, self.padding) for n, k, s in zip(spatial, self.pool_size, self.strides))
        if any(n is not None and n <= 0 for n in out):
            raise ValueError(
                f"Layer '{self.name}': a window of {self.pool_size} does not fit into input shape "
                f"{tuple(input_shape)}; "
                "use padding='same', a smaller window or larger images"
            )
        if last:
            return (input_shape[0], *out, input_shape[3])
        return (input_shape[0], input_shape[1], *out)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }
