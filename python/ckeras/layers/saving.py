"""What a layer says of itself to be made again: configs, and its own variables in a store."""

import inspect

from ckeras.saving import registry

# What every layer takes, which get_config tells by itself or a file does not hold.
_BASE_ARGUMENTS = frozenset(
    ("name", "trainable", "dtype", "autocast", "activity_regularizer")
    + ("input_shape", "input_dim", "batch_input_shape", "batch_shape", "batch_size")
)
_PLAIN = (str, int, float, bool, tuple, list, dict, type(None))


class LayerSaving:
    """The part of `Layer` that writes and reads configs and variables."""

    def get_config(self):
        """What `from_config` makes an equal layer of.

        A class with arguments of its own and no `get_config` is described by what its constructor was given.
        """
        config = {"trainable": self._trainable, "dtype": registry.serialize_keras_object(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = registry.serialize_keras_object(self.activity_regularizer)
        if type(self).get_config is LayerSaving.get_config:
            return {"name": self.name, **config, **self._constructor_arguments()}
        return {"name": self.name, **config}

    def _constructor_arguments(self):
        """The arguments that a class's own constructor was given, the base class's left out."""
        args, kwargs = self._init_arguments
        signature = inspect.signature(type(self).__init__)
        given = dict(signature.bind(self, *args, **kwargs).arguments)
        given.pop(next(iter(given)))
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given.update(given.pop(name, {}))
        own = {k: v for k, v in given.items() if k not in _BASE_ARGUMENTS}
        odd = sorted(k for k, v in own.items() if not isinstance(v, _PLAIN))
        if odd:
            raise NotImplementedError(
                f"[{self.name}] {type(self).__name__} takes arguments that are not plain values ({', '.join(odd)}): "
                "define get_config(self) to say how they are stored"
            )
        return own

    @classmethod
    def from_config(cls, config):
        """A layer of its config. Raises `TypeError` for a config that does not fit."""
        config = dict(config)
        dtype = config.get("dtype")
        if isinstance(dtype, dict):
            config["dtype"] = registry.deserialize_keras_object(dtype)
        try:
            return cls(**config)
        except TypeError as e:
            raise TypeError(
                f"[{cls.__name__}.from_config] the config does not fit __init__: {e}. Define get_config(self) so that "
                f"it gives what __init__ takes; got {sorted(config)}"
            ) from e

    def get_build_config(self):
        """The shapes the layer was built for, or `None`."""
        shapes = self._build_shapes
        if shapes is None:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config):
        """Builds the layer for the shapes of `get_build_config`."""
        if not config:
            return
        if "input_shape" in config:
            self.build(_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: _tuples(v) for k, v in config["shapes_dict"].items()})
        self.built = True

    def save_own_variables(self, store):
        """Puts the values of the layer's own weights into the mapping `store`."""
        for i, v in enumerate(self._stored_variables()):
            store[str(i)] = self._stored_value(v)

    def _stored_variables(self):
        """The variables that files hold of the layer itself, in order."""
        return self._own_variables()

    def _stored_value(self, v):
        return v.numpy()

    def load_own_variables(self, store):
        """Reads what `save_own_variables` wrote. Raises `ValueError` naming layer and counts when they differ."""
        own = self._stored_variables()
        if len(store.keys()) != len(own):
            if own and not store.keys() and not self.built:
                detail = "the layer was never built, so it has no weights to load into"
            elif not self.built:
                detail = "the layer is not built: call it on a tensor, or build(input_shape), before loading"
            else:
                detail = f"expected {[v.path for v in own]}"
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, the file has {len(store.keys())}; {detail}"
            )
        for i, v in enumerate(own):
            value = store[str(i)]
            if tuple(value.shape) != v.shape:
                raise ValueError(
                    f"Layer '{self.name}', variable {v.path!r}: expected shape {v.shape}, the file has "
                    f"{tuple(value.shape)}"
                )
        for i, v in enumerate(own):
            v.assign(store[str(i)])


def _tuples(shape):
    """A shape, or structure of shapes, with lists made tuples where they are shapes."""
    if isinstance(shape, (tuple, list)):
        if all(d is None or isinstance(d, int) for d in shape):
            return tuple(shape)
        return [_tuples(s) for s in shape]
    if isinstance(shape, dict):
        return {k: _tuples(s) for k, s in shape.items()}
    return shape
