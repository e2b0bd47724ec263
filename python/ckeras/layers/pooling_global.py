"""Pooling over the whole of the spatial dimensions, and into a given number of windows."""

from ckeras import ops
from ckeras.layers.spatial import SpatialLayer, given


class _GlobalPooling(SpatialLayer):
    """The body of the layers that pool all spatial dimensions away; `_reduce` is the operation."""

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self._keep(**given(locals()))
        self._require_rank()

    def call(self, inputs):
        return self._reduce(inputs, axis=self._spatial_axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape):
        spatial = (1,) * self.rank if self.keepdims else ()
        return self._with_channels(input_shape[0], spatial, input_shape[self._channel_axis])


class GlobalMaxPooling1D(_GlobalPooling, rank=1):
    """The maximum over all steps: `(batch, steps, channels)`, or channels first, to `(batch, channels)`.

    `keepdims=True` keeps the pooled dimension with size 1.

    >>> ckeras.layers.GlobalMaxPooling1D()(ckeras.ops.ones((1, 6, 2))).shape
    (1, 2)
    """

    _reduce = staticmethod(ops.max)


class GlobalMaxPooling2D(_GlobalPooling, rank=2):
    """The maximum over all pixels: `(batch, height, width, channels)`, or channels first, to `(batch, channels)`.

    `keepdims=True` keeps the pooled dimensions with size 1.

    >>> ckeras.layers.GlobalMaxPooling2D(keepdims=True)(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 1, 1, 2)
    """

    _reduce = staticmethod(ops.max)


class GlobalMaxPooling3D(_GlobalPooling, rank=3):
    """The maximum over all voxels: `(batch, depth, height, width, channels)`, or channels first; `(batch, channels)`.

    `keepdims=True` keeps the pooled dimensions with size 1.

    >>> ckeras.layers.GlobalMaxPooling3D()(ckeras.ops.ones((1, 2, 6, 6, 3))).shape
    (1, 3)
    """

    _reduce = staticmethod(ops.max)


class GlobalAveragePooling1D(_GlobalPooling, rank=1):
    """The mean over all steps: `(batch, steps, channels)`, or channels first, to `(batch, channels)`.

    `mask` (batch, steps) leaves out the steps where it is False; `keepdims=True` keeps the pooled dimension as 1.

    >>> ckeras.layers.GlobalAveragePooling1D()(ckeras.ops.ones((1, 6, 2))).shape
    (1, 2)
    """

    _reduce = staticmethod(ops.mean)

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        axis = self._spatial_axes[0]
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1 if self._channels_last else 1)
        total = ops.sum(inputs * weights, axis=axis, keepdims=self.keepdims)
        return total / ops.sum(weights, axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs, mask=None):
        """None: the steps are gone."""
        return None


class GlobalAveragePooling2D(_GlobalPooling, rank=2):
    """The mean over all pixels: `(batch, height, width, channels)`, or channels first, to `(batch, channels)`.

    `keepdims=True` keeps the pooled dimensions with size 1.

    >>> ckeras.layers.GlobalAveragePooling2D()(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 2)
    """

    _reduce = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling, rank=3):
    """The mean over all voxels: `(batch, depth, height, width, channels)`, or channels first, to `(batch, channels)`.

    `keepdims=True` keeps the pooled dimensions with size 1.

    >>> ckeras.layers.GlobalAveragePooling3D()(ckeras.ops.ones((1, 2, 6, 6, 3))).shape
    (1, 3)
    """

    _reduce = staticmethod(ops.mean)


class _AdaptivePooling(SpatialLayer):
    """The body of the layers that cut each spatial dimension into `output_size` windows; `_pool` is the operation."""

    def __init__(self, output_size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._keep(**given(locals()))
        self._require_rank()

    def call(self, inputs):
        return self._pool(inputs, self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        return self._with_channels(input_shape[0], self.output_size, input_shape[self._channel_axis])


class AdaptiveMaxPooling1D(_AdaptivePooling, rank=1):
    """The maxima of `output_size` windows over the steps, of nearly equal size; see `ops.adaptive_max_pool`.

    >>> ckeras.layers.AdaptiveMaxPooling1D(4)(ckeras.ops.ones((1, 6, 2))).shape
    (1, 4, 2)
    """

    _pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(_AdaptivePooling, rank=2):
    """The maxima of `output_size` windows over height and width, of nearly equal size; see `ops.adaptive_max_pool`.

    >>> ckeras.layers.AdaptiveMaxPooling2D((4, 2))(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 4, 2, 2)
    """

    _pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(_AdaptivePooling, rank=3):
    """The maxima of `output_size` windows over depth, height and width; see `ops.adaptive_max_pool`.

    >>> ckeras.layers.AdaptiveMaxPooling3D(2)(ckeras.ops.ones((1, 3, 6, 6, 2))).shape
    (1, 2, 2, 2, 2)
    """

    _pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptivePooling, rank=1):
    """The means of `output_size` windows over the steps, of nearly equal size; see `ops.adaptive_average_pool`.

    >>> ckeras.layers.AdaptiveAveragePooling1D(4)(ckeras.ops.ones((1, 6, 2))).shape
    (1, 4, 2)
    """

    _pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(_AdaptivePooling, rank=2):
    """The means of `output_size` windows over height and width, of nearly equal size; see `ops.adaptive_average_pool`.

    >>> ckeras.layers.AdaptiveAveragePooling2D((4, 2))(ckeras.ops.ones((1, 6, 6, 2))).shape
    (1, 4, 2, 2)
    """

    _pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(_AdaptivePooling, rank=3):
    """The means of `output_size` windows over depth, height and width; see `ops.adaptive_average_pool`.

    >>> ckeras.layers.AdaptiveAveragePooling3D(2)(ckeras.ops.ones((1, 3, 6, 6, 2))).shape
    (1, 2, 2, 2, 2)
    """

    _pool = staticmethod(ops.adaptive_average_pool)
