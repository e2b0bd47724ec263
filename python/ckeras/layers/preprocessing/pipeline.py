"""Pipeline: layers one after another."""

from ckeras.layers.layer import Layer
from ckeras.saving import registry


class Pipeline(Layer):
    """Applies `layers` one after another, each to what the one before gave: preparation of data as one layer.

    They are called with `training=True` unless said otherwise; data may be whatever the first layer takes.

    >>> layer = ckeras.layers.Pipeline([ckeras.layers.Rescaling(2.0), ckeras.layers.Rescaling(1.0, 3.0)])
    >>> layer(np.array([1.0])).numpy()
    array([5.], dtype=float32)
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
            raise ValueError(f"[Pipeline] layers must be a list of layers, got {layers!r}")
        self._pipeline_layers = list(layers)
        self.built = True

    def __call__(self, inputs, training=True, mask=None):
        return self.call(inputs, training=training, mask=mask)

    @property
    def layers(self):
        """The layers in order."""
        return self._pipeline_layers

    def call(self, inputs, training=True, mask=None):
        for i, layer in enumerate(self._pipeline_layers):
            spec = layer._find_call_spec()
            given = {}
            if spec.has_training and training is not None:
                given["training"] = training
            if spec.has_mask and i == 0 and mask is not None:
                given["mask"] = mask  # later layers get those of the outputs before them
            inputs = layer(inputs, **given)
        return inputs

    def compute_output_shape(self, input_shape):
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        return {"name": self.name, "layers": registry.serialize_keras_object(self._pipeline_layers)}

    @classmethod
    def from_config(cls, config):
        layers = [registry.deserialize_keras_object(c) if isinstance(c, dict) else c for c in config["layers"]]
        return cls(layers, name=config.get("name"))
