"""Pooling over windows: the maximum or the mean of each."""

from ckeras import ops
from ckeras.layers.spatial import SpatialLayer, given


class _Pooling(SpatialLayer):
    """The body of the layers that pool windows; `_pool` is the operation."""

    def _set_up(self, arguments):
        self._keep(**arguments)
        if self.strides is None:
            self.strides = self.pool_size
        self._require_rank()

    def _checked(self, name, value):
        return None if name == "strides" and value is None else super()._checked(name, value)

    def call(self, inputs):
        return self._pool(
            inputs, self.pool_size, strides=self.strides, padding=self.padding, data_format=self.data_format
        )

    def compute_output_shape(self, input_shape):
        out = self._windows_fit(input_shape, self.pool_size)
        return self._with_channels(input_shape[0], out, input_shape[self._channel_axis])


class _MaxPooling(_Pooling):
    _pool = staticmethod(ops.max_pool)

    def __init__(self, pool_size=(2,), strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._set_up(given(locals()))


class _AveragePooling(_Pooling):
    _pool = staticmethod(ops.average_pool)

    def __init__(self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        self._set_up(given(locals()))


class MaxPooling1D(_MaxPooling, rank=1):
    """The maximum over windows of `pool_size` steps, `strides` apart (by default `pool_size`).

    Input `(batch, steps, channels)`, or `(batch, channels, steps)` with `data_format="channels_first"`. Raises
    `ValueError` where no window fits.

    >>> ckeras.layers.MaxPooling1D()(ckeras.ops.ones((1, 6, 2))).shape
    (1, 3, 2)
    """


class MaxPooling2D(_MaxPooling, rank=2):
    """The maximum over windows of `pool_size` pixels, `strides` apart (by default `pool_size`).

    Input `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
    `data_format="channels_first"`. Raises `ValueError` where no window fits.

    >>> ckeras.layers.MaxPooling2D()(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 3, 3, 2)
    """


class MaxPooling3D(_MaxPooling, rank=3):
    """The maximum over windows of `pool_size` voxels, `strides` apart (by default `pool_size`).

    Input `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)` with
    `data_format="channels_first"`. Raises `ValueError` where no window fits.

    >>> ckeras.layers.MaxPooling3D()(ckeras.ops.ones((1, 4, 6, 6, 2))).shape
    (1, 2, 3, 3, 2)
    """


class AveragePooling1D(_AveragePooling, rank=1):
    """The mean over windows of `pool_size` steps, `strides` apart (by default `pool_size`); padding does not count.

    Input `(batch, steps, channels)`, or `(batch, channels, steps)` with `data_format="channels_first"`. Raises
    `ValueError` where no window fits.

    >>> ckeras.layers.AveragePooling1D(2)(ckeras.ops.ones((1, 6, 2))).shape
    (1, 3, 2)
    """


class AveragePooling2D(_AveragePooling, rank=2):
    """The mean over windows of `pool_size` pixels, `strides` apart (by default `pool_size`); padding does not count.

    Input `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
    `data_format="channels_first"`. Raises `ValueError` where no window fits.

    >>> ckeras.layers.AveragePooling2D(2)(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 3, 3, 2)
    """


class AveragePooling3D(_AveragePooling, rank=3):
    """The mean over windows of `pool_size` voxels, `strides` apart (by default `pool_size`); padding does not count.

    Input `(batch, depth, height, width, channels)`, or `(batch, channels, depth, height, width)` with
    `data_format="channels_first"`. Raises `ValueError` where no window fits.

    >>> ckeras.layers.AveragePooling3D(2)(ckeras.ops.ones((1, 4, 6, 6, 2))).shape
    (1, 2, 3, 3, 2)
    """
