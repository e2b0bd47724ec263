"""Model: a layer that can be compiled, trained, summarised and saved."""

from ckeras import saving
from ckeras._catalog import near_matches
from ckeras._core.symbolic import KerasTensor, output_spec
from ckeras.layers.layer import Layer
from ckeras.layers.structure import map_shapes, shape_of, with_open_dims
from ckeras.saving import registry
from ckeras.trainers.trainer import Trainer


class Model(Trainer, Layer):
    """A model: `Model(inputs, outputs)` of symbolic tensors, or a subclass with its own `call`.

    Trained with `compile` and `fit`, saved with `save`.

    >>> x = ckeras.Input((3,))
    >>> model = ckeras.Model(x, ckeras.layers.Dense(2)(x))
    >>> model.count_params()
    8
    """

    # Set by models.functional: the class that Model(inputs, outputs) makes.
    functional_class = None

    def __new__(cls, *args, **kwargs):
        if cls is Model and is_functional_call(args, kwargs):
            return cls.functional_class.__new__(cls.functional_class, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        Trainer.__init__(self)
        if is_functional_call(args, kwargs) and not isinstance(self, Model.functional_class):
            _become_functional(type(self))
            Model.functional_class.__init__(self, *args, **kwargs)
            return
        Layer.__init__(self, *args, **kwargs)

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"The model {type(self).__name__} does not define `call`")

    # ---- layers

    @property
    def layers(self):
        """The layers directly inside, in order."""
        return self._sublayers()

    @layers.setter
    def layers(self, _):
        raise AttributeError(f"[{self.name}] `layers` is what the model holds and cannot be set; use another name")

    def get_layer(self, name=None, index=None):
        """The layer of a name or an index. Raises `ValueError` when there is none, or both or neither are given."""
        if (name is None) == (index is None):
            raise ValueError(f"[{self.name}.get_layer] give a name or an index, got name={name!r}, index={index!r}")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"[{self.name}.get_layer] index={index} is out of range: there are {len(layers)} layers"
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"[{self.name}.get_layer] no layer {name!r}. {near_matches(name, [x.name for x in layers])}")

    def build(self, input_shape):
        """Makes the weights by running `call` on symbolic inputs of the shape (or structure of shapes)."""
        if type(self).call is Model.call:
            return
        if input_shape is None:
            raise ValueError(f"[{self.name}.build] expected the shape of the input with its batch, as (None, 32)")
        x = map_shapes(lambda s: KerasTensor(s, self.compute_dtype), input_shape)
        output_spec(self.call, (x,), {}, self.name)

    def _build_for(self, spec, args, kwargs):
        if type(self).build is Model.build:
            # `call` builds the layers inside as it runs; a symbolic call runs it once for that.
            self._build_shapes = {"input_shape": with_open_dims(shape_of(args[0])) if args else None}
            self.built = True
            return
        super()._build_for(spec, args, kwargs)

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers, their output shapes and parameters.

        `print_fn` gets the text instead; `layer_range` is a pair of names (or patterns) of the first and last layer.
        """
        from ckeras.models.summary import print_summary  # rich loads when a table is asked for

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # ---- saving

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Saves architecture, weights and training state to a `.keras` file, or to the older `.h5`."""
        return saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Saves the weights to a `.weights.h5` file, or with `max_shard_size` (GB) to several and a `.weights.json`."""
        return saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads weights from `.weights.h5`, `.weights.json`, `.keras` or older `.h5`, the last also `by_name=True`."""
        return saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def export(self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs):
        """Not there: the formats of other runtimes (SavedModel, ONNX, OpenVINO, LiteRT) are not written by ckeras.

        Raises `NotImplementedError`. Real Keras reads the `.keras` files of ckeras and can export them.
        """
        raise NotImplementedError(
            f"[{self.name}.export] ckeras writes no {format!r}; save the model as .keras, load it with Keras "
            "and export it there"
        )

    def to_json(self, **kwargs):
        """The architecture as JSON, for `models.model_from_json`; `kwargs` go to `json.dumps`."""
        import json  # wanted by those who ask for text alone

        return json.dumps(registry.serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model of its config."""
        if {"layers", "input_layers", "output_layers"} <= config.keys():
            return Model.functional_class.from_functional_config(cls, config, custom_objects)
        return super().from_config(config)

    def build_from_config(self, config):
        """Builds the model for the shapes of `get_build_config`."""
        if config and config.get("input_shape") is not None and type(self).build is Model.build:
            with_shapes = map_shapes(lambda s: s, config["input_shape"])
            self.build(with_shapes)
            self.built = True
        else:
            super().build_from_config(config)


def is_functional_call(args, kwargs):
    """Whether constructor arguments are `(inputs, outputs)`."""
    return (
        len(args) == 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
        or (len(args) == 3)
    )


def _become_functional(cls):
    """Gives a subclass of Model that calls `super().__init__(inputs, outputs)` the functional base."""
    if Model in cls.__bases__:
        cls.__bases__ = tuple(Model.functional_class if b is Model else b for b in cls.__bases__)
    else:
        for base in cls.__bases__:
            if issubclass(base, Model):
                _become_functional(base)
