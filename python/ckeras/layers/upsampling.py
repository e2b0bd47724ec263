"""UpSampling1D to 3D."""

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras._core.tensor import convert
from ckeras.layers._arguments import per_dim
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.reshaping import Rearranging
from ckeras.ops.shape import repeated

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class _UpSampling(Rearranging):
    """Base of the layers below: every element repeated along `rank` spatial dimensions."""

    rank = None

    def __init__(self, size, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self._sizes = per_dim(type(self).__name__, "size", size, self.rank)
        self._first = 1 if self.data_format == "channels_last" else 2
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs):
        return repeated(convert(inputs), dict(enumerate(self._sizes, start=self._first)))

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, size in enumerate(self._sizes, start=self._first):
            shape[axis] = None if shape[axis] is None else shape[axis] * size
        return tuple(shape)


class UpSampling1D(_UpSampling):
    """Every step of a sequence `(batch, steps, channels)` `size` times.

    >>> ckeras.layers.UpSampling1D(2)(ckeras.ops.ones((1, 3, 2))).shape
    (1, 6, 2)
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__(size, "channels_last", **kwargs)
        self.size = self._sizes[0]

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class UpSampling2D(_UpSampling):
    """An image `size` times as large: rows and columns repeated, or interpolated as `ckeras.ops.image.resize` does.

    >>> ckeras.layers.UpSampling2D((2, 3))(ckeras.ops.ones((1, 4, 4, 2))).shape
    (1, 8, 12, 2)
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        self.size = self._sizes
        name = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if name not in INTERPOLATIONS:
            raise ValueError(f"[UpSampling2D] interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
        self.interpolation = name

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        rows, columns = self.compute_output_shape(inputs.shape)[self._first : self._first + 2]
        return ops.image.resize(inputs, (rows, columns), interpolation=self.interpolation, data_format=self.data_format)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


class UpSampling3D(_UpSampling):
    """A volume `size` times as large, its elements repeated.

    >>> ckeras.layers.UpSampling3D(2)(ckeras.ops.ones((1, 2, 2, 2, 1))).shape
    (1, 4, 4, 4, 1)
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)
        self.size = self._sizes

    def get_config(self):
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}
