"""What convolution and pooling layers share: a number of spatial dimensions, a data format, arguments kept by name."""

import types

from ckeras import activations, constraints, initializers, regularizers
from ckeras._core.settings import standardize_data_format
from ckeras.layers._arguments import padding_name, per_dim, positive, window_output
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.layer import Layer

_OBJECTS = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}
_ELSEWHERE = ("self", "__class__", "kwargs", "name", "activity_regularizer", "lora_rank", "lora_alpha")
_PER_DIMENSION = ("kernel_size", "strides", "dilation_rate", "pool_size", "output_size")


class SpatialLayer(Layer):
    """A layer over `rank` spatial dimensions, written once for all ranks.

    `class Conv2D(Conv, rank=2)` fixes the rank; defaults of 1 for a dimension become tuples of that many. Constructors
    hand their arguments, by name, to `_keep`, which checks them, makes attributes of them and lists them in the config.
    """

    rank = None
    _paddings = ("valid", "same")

    def __init_subclass__(cls, rank=None, **kwargs):
        if rank is not None:
            cls.rank = rank
            if "__init__" not in cls.__dict__:
                cls.__init__ = _with_rank(cls.__init__, rank)
        super().__init_subclass__(**kwargs)

    def _keep(self, **arguments):
        self._kept = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, self._checked(name, value))

    def _checked(self, name, value):
        where = type(self).__name__
        kind = name.rsplit("_", 1)[-1]
        if kind in _OBJECTS:
            return _OBJECTS[kind].get(value)
        if name in _PER_DIMENSION:
            return per_dim(where, name, value, self.rank)
        if name in ("filters", "groups", "depth_multiplier"):
            return positive(where, name, value)
        if name == "padding":
            return padding_name(where, value, self._paddings)
        return standardize_data_format(value) if name == "data_format" else value

    def get_config(self):
        config = super().get_config()
        for name in self._kept:
            value = getattr(self, name)
            kind = _OBJECTS.get(name.rsplit("_", 1)[-1])
            config[name] = value if kind is None else kind.serialize(value)
        return config

    # ---- shapes

    @property
    def _channels_last(self):
        return self.data_format == "channels_last"

    @property
    def _channel_axis(self):
        return -1 if self._channels_last else 1

    @property
    def _spatial_axes(self):
        start = 1 if self._channels_last else 2
        return tuple(range(start, start + self.rank))

    def _spatial(self, shape):
        return tuple(shape[axis] for axis in self._spatial_axes)

    def _with_channels(self, batch, spatial, channels):
        return (batch, *spatial, channels) if self._channels_last else (batch, channels, *spatial)

    def _windows_fit(self, input_shape, window, dilation=None):
        """The spatial shape of windows over the input; `ValueError` where none fits."""
        padding = "same" if self.padding == "causal" else self.padding
        plans = zip(self._spatial(input_shape), window, self.strides, dilation or (1,) * self.rank)
        out = tuple(window_output(size, k, s, padding, d) for size, k, s, d in plans)
        if any(n is not None and n <= 0 for n in out):
            dilated = f" (dilation {dilation})" if dilation and max(dilation) > 1 else ""
            raise ValueError(
                f"Layer '{self.name}': a window of {window}{dilated} does not fit into input shape "
                f"{tuple(input_shape)}; use padding='same', a smaller window or a larger input"
            )
        return out

    def _require_rank(self, channels=None):
        ndim = self.rank + 2
        self.input_spec = InputSpec(ndim=ndim, axes=None if channels is None else {self._channel_axis: channels})


def given(names):
    """The arguments of a constructor, of its `locals()`: all but itself and what others than `_keep` take care of."""
    return {k: v for k, v in names.items() if k not in _ELSEWHERE}


def _with_rank(init, rank):
    """The function `init` with defaults of this rank for `(1,)` and `(2,)`: 1 and 2, or (1, 1) and (2, 2)..."""
    ranked = tuple((d[0] if rank == 1 else d * rank) if d in ((1,), (2,)) else d for d in init.__defaults__)
    copy = types.FunctionType(init.__code__, init.__globals__, init.__name__, ranked, init.__closure__)
    copy.__kwdefaults__, copy.__qualname__ = init.__kwdefaults__, init.__qualname__
    return copy
