"""Lambda: a function as a layer."""

import types

from ckeras._core.symbolic import KerasTensor, output_spec
from ckeras.layers.layer import Layer
from ckeras.layers.structure import map_shapes, shape_of
from ckeras.saving import registry


class Lambda(Layer):
    """`function(inputs, **arguments)` as a layer without weights.

    `function` may take `mask` and `training`. `output_shape` (without the batch; a structure of shapes for several
    outputs) and `mask` are a value or a function of the input's. A Python lambda is stored as byte code, which only
    `safe_mode=False` loads; a registered function is stored by name.

    >>> ckeras.layers.Lambda(lambda x: x**2)(ckeras.ops.ones(3) * 3).numpy()
    array([9., 9., 9.], dtype=float32)
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"[Lambda] function must be callable, got {function!r}")
        self.arguments = dict(arguments or {})
        self.function = function
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._takes = _parameters(function)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        given = {k: v for k, v in (("mask", mask), ("training", training)) if k in self._takes and v is not None}
        return self.function(inputs, **{**given, **self.arguments})

    def compute_output_spec(self, *args, **kwargs):
        if self._output_shape is None:
            return output_spec(self.call, args, kwargs, self.name)
        return map_shapes(lambda s: KerasTensor(s, self.compute_dtype), self.compute_output_shape(shape_of(args[0])))

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return map_shapes(tuple, self._output_shape(input_shape))
        batches = []
        map_shapes(lambda s: batches.append(s[0]), input_shape)
        return map_shapes(lambda s: (batches[0], *s), self._output_shape)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = {**super().get_config(), "function": registry.serialize_keras_object(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = registry.serialize_keras_object(self._output_shape)
        if self.mask is not None:
            config["mask"] = registry.serialize_keras_object(self.mask)
        return {**config, "arguments": registry.serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """A layer of its config. Code in the config is refused unless `safe_mode=False`, here or around the call."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = registry.deserialize_keras_object(config["dtype"])
        for key in ("function", "output_shape", "mask", "arguments"):
            value = config.get(key)
            if isinstance(value, dict):
                config[key] = registry.deserialize_keras_object(value, custom_objects, safe_mode)
            elif isinstance(value, list):
                config[key] = tuple(value)
        if not callable(config.get("function")):
            raise ValueError(f"[Lambda.from_config] expected the config of a function, got {config.get('function')!r}")
        return cls(**config)


def _parameters(function):
    """The names of a function's parameters; none where they cannot be read."""
    if isinstance(function, types.FunctionType):
        return function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    return ()
