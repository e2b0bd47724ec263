"""Wrapper: a layer around another."""

from ckeras.layers.layer import Layer
from ckeras.saving import registry


class Wrapper(Layer):
    """Base of layers that hold another as `layer`. Raises `ValueError` when it is no layer."""

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(f"[{type(self).__name__}] layer must be a Layer, got {layer!r}")
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self):
        return {**super().get_config(), "layer": registry.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if isinstance(config.get("layer"), dict):
            config["layer"] = registry.deserialize_keras_object(config["layer"], custom_objects=custom_objects)
        return super().from_config(config)
