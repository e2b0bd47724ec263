"""Functional: the model of a graph between symbolic inputs and outputs."""

import inspect
import warnings

from ckeras import ops
from ckeras._core import nest
from ckeras._core.symbolic import KerasTensor
from ckeras._core.tensor import Tensor
from ckeras._masks import get_mask, set_mask
from ckeras.layers.layer import Layer
from ckeras.layers.tracking import no_tracking
from ckeras.models import functional_config
from ckeras.models.graph import Graph, is_input_tensor, with_own_inputs
from ckeras.models.model import Model


class Functional(Model):
    """What `Model(inputs, outputs)` makes; inputs and outputs are KerasTensors or structures of them."""

    def __init__(self, inputs, outputs, name=None, **kwargs):
        trainable = kwargs.pop("trainable", None)
        flat_in, flat_out = nest.leaves(inputs), nest.leaves(outputs)
        for label, tensors, given in (("inputs", flat_in, inputs), ("outputs", flat_out, outputs)):
            bad = [t for t in tensors if not isinstance(t, KerasTensor)]
            if bad or not tensors:
                what = f"{bad[0]!r} of type {type(bad[0]).__name__}" if bad else repr(given)
                raise ValueError(
                    f"[Model] {label} must be the symbolic tensors that ckeras.Input and layers give; got {what}"
                )
        lost = [t for t in (*flat_in, *flat_out) if not hasattr(t, "_keras_history")]
        if lost:
            raise ValueError(f"[Model] {lost[0]!r} comes from no Input; make inputs with ckeras.Input(shape)")
        Model.__init__(self, name=name, **kwargs)
        if not all(is_input_tensor(t) for t in flat_in):
            flat_in, flat_out = with_own_inputs(flat_in, flat_out)
            inputs, outputs = nest.pack(inputs, flat_in), nest.pack(outputs, flat_out)
        with no_tracking():
            self._graph = Graph(flat_in, flat_out)
            self._inputs_struct, self._outputs_struct = inputs, outputs
            self._operations = self._graph.operations
        names = [op.name for op in self._operations]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"[Model] the names of layers must differ; used more than once: {sorted(twice)}")
        self.autocast = False  # inputs are cast to the dtypes of the Inputs
        self.input_names = [t._keras_history.operation.name for t in flat_in]
        self.output_names = [t._keras_history.operation.name for t in flat_out]
        if trainable is not None:
            self.trainable = trainable
        self.built = True

    # ---- what it is

    @property
    def operations(self):
        """Layers and operations of the graph, in order."""
        return list(self._operations)

    @Model.layers.getter
    def layers(self):
        """The layers of the graph, in order; not those that a subclass holds beside it."""
        return [op for op in self._operations if isinstance(op, Layer)]

    def _sublayers(self):
        return self.layers + [x for x in self._layers if x not in self._operations]

    @property
    def inputs(self):
        """The symbolic inputs, as a flat list."""
        return list(self._graph.inputs)

    @property
    def outputs(self):
        """The symbolic outputs, as a flat list."""
        return list(self._graph.outputs)

    @property
    def input(self):
        return self._inputs_struct

    @property
    def output(self):
        return self._outputs_struct

    @property
    def input_shape(self):
        """The shape of the input, or the structure of shapes of several."""
        return _shapes(self._inputs_struct)

    @property
    def output_shape(self):
        """The shape of the output, or the structure of shapes of several."""
        return _shapes(self._outputs_struct)

    def build(self, input_shape):
        """Nothing: the layers of a graph are built."""

    # ---- running

    def call(self, inputs, training=None, mask=None, **kwargs):
        values = self._standardize(inputs)
        if mask is not None:
            for x, m in zip(values, nest.leaves_with_none(mask)):
                set_mask(x, m)

        def run(op, args, kw):
            if training is not None and isinstance(op, Layer) and op._call_has_training_arg:
                kw["training"] = training
            return op(*args, **kw)

        return self._structured(self._graph.run(values, run))

    def _structured(self, outs):
        if isinstance(self._outputs_struct, KerasTensor):
            return outs[0]
        if isinstance(self._outputs_struct, (list, tuple)) and len(outs) == 1:
            return outs[0]
        return nest.pack(self._outputs_struct, outs)

    def _standardize(self, inputs, sizes=True):
        """The inputs as a flat list of tensors of the dtypes and ranks of the Inputs. `ValueError` names the input.

        Without `sizes` dimensions may differ from the Inputs', in number they may not.
        """
        refs = self._graph.inputs
        if len(refs) == 1 and not nest.is_nested(inputs):
            return [self._fit(inputs, refs[0], sizes)]
        if isinstance(inputs, dict):
            keys = self._inputs_struct if isinstance(self._inputs_struct, dict) else self.input_names
            missing = [k for k in keys if k not in inputs]
            if len(missing) == len(inputs) == len(refs) and not isinstance(self._inputs_struct, dict):
                warnings.warn(
                    f"Model '{self.name}' takes {self.input_names}, got a dict of {sorted(inputs)}: the values "
                    "are taken in the order of the sorted keys; use the inputs' names as keys",
                    stacklevel=2,
                )
                flat = nest.leaves_with_none(inputs)
            elif missing:
                raise ValueError(f"Model '{self.name}' misses the inputs {missing}; got {sorted(inputs)}")
            elif isinstance(self._inputs_struct, dict):
                flat = nest.leaves_with_none({k: inputs[k] for k in keys})
            else:
                flat = [inputs[k] for k in keys]
        else:
            flat = nest.leaves_with_none(inputs)
        if len(flat) != len(refs):
            raise ValueError(
                f"Model '{self.name}' takes {len(refs)} inputs ({', '.join(self.input_names)}), got {len(flat)}"
            )
        return [self._fit(x, ref, sizes) for x, ref in zip(flat, refs)]

    def _fit(self, x, ref, sizes):
        if x is None:
            if not ref._keras_history.operation.optional:
                raise ValueError(f"Model '{self.name}': the input '{ref.name}' is not optional, got None")
            return None
        mask = get_mask(x)
        if x.__class__ is not Tensor and not isinstance(x, KerasTensor):
            x = ops.convert_to_tensor(x, ref.dtype)
        elif x.dtype != ref.dtype:
            x = ops.cast(x, ref.dtype)
        shape, want = x.shape, ref.shape
        if len(shape) == len(want) + 1 and shape[-1] == 1:
            x = ops.squeeze(x, -1)
        elif len(shape) == len(want) - 1 and want and want[-1] == 1:
            x = ops.expand_dims(x, -1)
        got = x.shape
        if len(got) != len(want) or (
            sizes and any(a is not None and b is not None and a != b for a, b in zip(got[1:], want[1:]))
        ):
            raise ValueError(
                f"Input '{ref._keras_history.operation.name}' of model '{self.name}' must have "
                f"shape {want}, got {shape}"
            )
        if mask is not None:
            set_mask(x, mask)
        return x

    def compute_output_spec(self, inputs, training=None, mask=None, **kwargs):
        return self._spec_of(self._standardize(inputs))

    def _spec_of(self, values):
        """The symbolic outputs for standardized inputs."""
        if all(x is not None and x.shape == ref.shape for x, ref in zip(values, self._graph.inputs)):
            return self._structured([KerasTensor(t.shape, t.dtype) for t in self._graph.outputs])
        run = self._graph.run(values, lambda op, args, kw: op.compute_output_spec(*args, **kw))
        return self._structured(run)

    def compute_output_shape(self, input_shape):
        x = nest.pack(
            self._inputs_struct,
            [KerasTensor(s, t.dtype) for s, t in zip(_flat_shapes(input_shape), self._graph.inputs)],
        )
        return nest.map_leaves(lambda t: t.shape, self.compute_output_spec(x))

    # ---- configs

    def get_config(self):
        if type(self).__init__ is not Functional.__init__ and not _takes_graph(type(self)):
            return super().get_config()
        return functional_config.to_config(self)

    def get_build_config(self):
        return {"input_shape": None}

    def build_from_config(self, config):
        """Nothing: the layers of a graph are built with it."""

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of its config; only layers that ckeras has or that were registered are made."""
        if "layers" not in config:
            return super().from_config(config)
        return cls.from_functional_config(cls, config, custom_objects)

    @staticmethod
    def from_functional_config(cls, config, custom_objects=None):
        """An object of `cls` of the config of a graph."""
        inputs, outputs = functional_config.to_graph(config, custom_objects)
        rest = {k: v for k, v in config.items() if k == "name" or (k == "trainable" and not v)}  # layers have their own
        target = Functional if cls is Model or not _takes_graph(cls) else cls
        return target(inputs, outputs, **rest)


Model.functional_class = Functional


def _takes_graph(cls):
    """Whether a class is made by `(inputs, outputs)`, as Functional itself."""
    if cls.__init__ in (Functional.__init__, Model.__init__):
        return True
    names = list(inspect.signature(cls.__init__).parameters)[1:3]
    return names == ["inputs", "outputs"] or names[:2] == ["args", "kwargs"]


def _shapes(struct):
    shapes = nest.map_leaves(lambda t: t.shape, struct)
    return shapes[0] if isinstance(struct, list) and len(struct) == 1 else shapes


def _flat_shapes(shape):
    if isinstance(shape, dict):
        return [s for k in sorted(shape) for s in _flat_shapes(shape[k])]
    if isinstance(shape, (tuple, list)) and not all(d is None or isinstance(d, int) for d in shape):
        return [s for part in shape for s in _flat_shapes(part)]
    return [tuple(shape)]
