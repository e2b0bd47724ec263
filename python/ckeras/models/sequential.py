"""Sequential: a chain of layers."""

from ckeras._core.scope import state
from ckeras._core.symbolic import KerasTensor, output_spec
from ckeras.layers.input_layer import InputLayer
from ckeras.layers.layer import Layer
from ckeras.layers.tracking import no_tracking
from ckeras.models.functional import Functional
from ckeras.models.model import Model
from ckeras.saving import registry


class Sequential(Model):
    """A chain of layers, each with one input and one output.

    With an `Input` first (or the old `input_shape` of the first layer) the layers are built as they are added;
    otherwise at the first call, or by `build(input_shape)`. Later calls need as many dimensions; their sizes may differ
    where the layers take them, as convolutions take images of any size. Raises `ValueError` for what is no layer and
    for two layers of one name.

    >>> model = ckeras.Sequential([ckeras.Input((3,)), ckeras.layers.Dense(2)])
    >>> model.output_shape
    (None, 2)
    """

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        with no_tracking():
            self._chain = []
            self._functional = None
        self.autocast = False  # inputs are cast to the dtype of the Input, or by the first layer
        if layers is not None:
            for layer in layers:
                self.add(layer, rebuild=False)
            self._rebuild()

    def add(self, layer, rebuild=True):
        """Appends a layer."""
        if isinstance(layer, KerasTensor) and hasattr(layer, "_keras_history"):
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            if callable(layer) and not isinstance(layer, type):
                raise ValueError(
                    f"[{self.name}.add] expected a layer, got the function {layer!r}; wrap it in ckeras.layers.Lambda"
                )
            raise ValueError(f"[{self.name}.add] expected a layer, got {layer!r} of type {type(layer).__name__}")
        if any(x.name == layer.name for x in self._chain):
            raise ValueError(f"[{self.name}.add] there is a layer '{layer.name}' already; give this one another name")
        if isinstance(layer, InputLayer) and self._chain and isinstance(self._chain[0], InputLayer):
            raise ValueError(f"[{self.name}.add] there is an Input already; only the first layer can be one")
        if not self._chain and layer._input_shape_arg is not None:
            self.add(InputLayer(batch_shape=layer._input_shape_arg, dtype=_input_dtype(layer)), rebuild=False)
        self._chain.append(layer)
        if rebuild:
            self._rebuild()
        else:
            self._forget()

    def pop(self, rebuild=True):
        """Takes the last layer off and returns it."""
        if not self.layers:
            raise ValueError(f"[{self.name}.pop] there is no layer")
        layer = self._chain.pop()
        if rebuild:
            self._rebuild()
        else:
            self._forget()
        return layer

    def _forget(self):
        with no_tracking():
            self._functional = None
        self.built = False
        self._forget_programs()

    def _rebuild(self):
        self._forget()
        if len(self._chain) > 1 and isinstance(self._chain[0], InputLayer):
            self.build(self._chain[0].batch_shape)
        elif self._chain and isinstance(self._chain[0], Model) and getattr(self._chain[0], "built", False):
            first = self._chain[0]
            shape = first.input_shape if isinstance(first, (Functional, Sequential)) else None
            if isinstance(shape, tuple):
                self.build(shape)

    def build(self, input_shape=None):
        """Builds the layers for an input shape with its batch; with an Input first, for that one's."""
        if not self._chain:
            raise ValueError(f"[{self.name}.build] there is no layer yet; add one first")
        if isinstance(self._chain[0], InputLayer):
            own = self._chain[0].batch_shape
            if input_shape is not None and tuple(input_shape) != own:
                raise ValueError(f"[{self.name}.build] the model has an Input of shape {own}, got {tuple(input_shape)}")
        else:
            if not isinstance(input_shape, (tuple, list)) or not all(
                d is None or isinstance(d, int) for d in input_shape
            ):
                raise ValueError(
                    f"[{self.name}.build] expected one shape with its batch, as (None, 32); got {input_shape!r}"
                )
            self._chain.insert(0, InputLayer(batch_shape=tuple(input_shape), dtype=_input_dtype(self._chain[0])))
        x = inputs = self._chain[0].output
        for layer in self._chain[1:]:
            x = layer(x)
        with no_tracking():
            self._functional = Functional(inputs, x, name=self.name)

    def _build_for(self, spec, args, kwargs):
        x = args[0]
        shape = getattr(x, "shape", None)
        if shape is None:
            raise ValueError(f"Model '{self.name}' (Sequential) takes one tensor, got {type(x).__name__}")
        if isinstance(self._chain[0], InputLayer) if self._chain else False:
            self.build()
        else:
            unknown = state.stand_in
            self.build((None, *[None if d == unknown else d for d in shape[1:]]))

    def call(self, inputs, training=None, mask=None, **kwargs):
        if self._functional is None:
            if not self._chain:
                raise ValueError(f"Model '{self.name}' has no layers; add one first")
            layers = self.layers
        else:
            (inputs,) = self._functional._standardize(inputs, sizes=False)
            layers = self._chain[1:]
        x = inputs
        try:
            for layer in layers:
                x = layer(x)
        except ValueError as e:
            want = self._functional and self.input_shape
            if want and any(a is not None and a != b for a, b in zip(want[1:], inputs.shape[1:])):
                name = self._chain[0].name
                e.add_note(f"Input '{name}' of model '{self.name}' was made for {want}, got {inputs.shape}.")
            raise
        return x

    def compute_output_spec(self, inputs, training=None, mask=None, **kwargs):
        if self._functional is not None:
            return self._functional._spec_of(self._functional._standardize(inputs, sizes=False))
        return output_spec(self.call, (inputs,), {}, self.name)

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    # ---- what it is

    @property
    def layers(self):
        """The layers, the Input left out."""
        chain = self._chain
        return chain[1:] if chain and isinstance(chain[0], InputLayer) else chain[:]

    @layers.setter
    def layers(self, _):
        raise AttributeError(f"[{self.name}] `layers` is what the model holds and cannot be set; use add and pop")

    def _sublayers(self):
        chain = self.__dict__.get("_chain", [])
        return chain + [x for x in self._layers if x not in chain]

    def _graph_property(self, name):
        if self._functional is None:
            raise AttributeError(
                f"Model '{self.name}' has no `{name}` before it is built: call it, or build(input_shape), first"
            )
        return getattr(self._functional, name)

    @property
    def inputs(self):
        return self._graph_property("inputs")

    @property
    def outputs(self):
        return self._graph_property("outputs")

    @property
    def input(self):
        return self._graph_property("input")

    @property
    def output(self):
        return self._graph_property("output")

    @property
    def input_shape(self):
        return self._graph_property("input_shape")

    @property
    def output_shape(self):
        return self._graph_property("output_shape")

    @property
    def input_dtype(self):
        return self._chain[0].dtype if self._functional is not None else super().input_dtype

    # ---- configs

    def get_config(self):
        config = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": registry.serialize_keras_object(self.dtype_policy),
            "layers": [_without_compile(registry.serialize_keras_object(layer)) for layer in self._chain],
        }
        if self._functional is not None:
            config["build_input_shape"] = self._chain[0].batch_shape
        return config

    def get_build_config(self):
        return None if self._functional is None else {"input_shape": self._chain[0].batch_shape}

    def build_from_config(self, config):
        """Builds the model for the shape of `get_build_config`."""
        if config and config.get("input_shape") is not None and not self.built:
            self.build(tuple(config["input_shape"]))

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of its config; only layers that ckeras has or that were registered are made."""
        if isinstance(config, list):
            config = {"layers": config}
        layers = config.get("layers")
        if not isinstance(layers, list):
            raise ValueError(f"[Sequential.from_config] `layers` must be a list, got {type(layers).__name__}")
        model = cls(name=config.get("name"))
        for data in layers:
            layer = registry.deserialize_keras_object(data, custom_objects=custom_objects)
            if not isinstance(layer, Layer):
                raise ValueError(
                    f"[Sequential.from_config] an entry of `layers` is no layer but {type(layer).__name__}"
                )
            model.add(layer, rebuild=False)
        model._rebuild()
        shape = config.get("build_input_shape")
        if not model.built and isinstance(shape, (tuple, list)) and shape:
            model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _input_dtype(layer):
    """The dtype of the Input before a first layer: integers stay integers for layers that look them up."""
    return layer.compute_dtype


def _without_compile(entry):
    entry.pop("compile_config", None)
    return entry
