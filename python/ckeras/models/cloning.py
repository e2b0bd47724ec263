"""clone_model: a model of new layers of the same configs."""

import warnings

from ckeras._core import nest
from ckeras.layers.input_layer import InputLayer
from ckeras.layers.lambda_layer import Lambda
from ckeras.layers.layer import Layer
from ckeras.metrics.metric import Metric
from ckeras.models.functional import Functional
from ckeras.models.model import Model
from ckeras.models.sequential import Sequential
from ckeras.optimizers.optimizer import Optimizer
from ckeras.saving import registry


def clone_model(model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs):
    """A model of the same architecture with layers and weights of its own.

    `clone_function(layer)` makes each new layer, by default from its config; `recursive` applies it inside nested
    models too. `input_tensors` are the symbolic inputs to build on. `call_function`, for a functional model, replaces
    the call of each layer: `call_function(layer, *args, **kwargs)`. A subclassed model is made again from its config;
    any other is compiled as the model is.
    """
    if kwargs:
        raise TypeError(f"[clone_model] unexpected arguments {sorted(kwargs)}")
    clone = clone_function or _clone_layer

    def one(layer):
        if recursive and isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, clone_function=clone_function, call_function=call_function, recursive=True)
        return clone(layer)

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError("[clone_model] call_function is for functional models")
        chain = [x if isinstance(x, InputLayer) and clone_function is None else one(x) for x in model._chain]
        chain = [_clone_layer(x) if isinstance(x, InputLayer) else x for x in chain]
        if input_tensors is not None:
            chain = [_input_on(input_tensors, model), *[x for x in chain if not isinstance(x, InputLayer)]]
        return _compiled_alike(Sequential(chain, name=model.name, trainable=model.trainable), model)
    if isinstance(model, Functional):
        return _compiled_alike(_clone_functional(model, input_tensors, one, call_function), model)
    if not isinstance(model, Model):
        raise ValueError(f"[clone_model] expected a model, got {type(model).__name__} {model!r}")
    if clone_function is not None or input_tensors is not None or call_function is not None:
        raise ValueError(
            f"[clone_model] {type(model).__name__} is a subclass with its own call: only clone_model(model) is possible"
        )
    return type(model).from_config(model.get_config())


def _clone_layer(layer):
    # The config comes from an object of this program: its lambdas are not a file's.
    with registry.SafeModeScope(False):
        config = layer.get_config()
        if isinstance(layer, Lambda):  # functions of this program, which byte code would part from their globals
            own = {"function": layer.function, "output_shape": layer._output_shape, "mask": layer.mask}
            config.update({key: value for key, value in own.items() if callable(value)})
        return type(layer).from_config(config)


def _input_on(input_tensors, model):
    tensors = nest.leaves(input_tensors)
    if len(tensors) != 1:
        raise ValueError(f"[clone_model] expected one tensor for model '{model.name}', got {len(tensors)}")
    return InputLayer(input_tensor=tensors[0])


def _compiled_alike(clone, model):
    """The clone, compiled with an optimizer and metrics of its own; losses have no state and are shared."""
    if not model.compiled or type(model).compile is not Model.compile:
        return clone
    given = dict(model._trainer.config)
    try:
        with registry.SafeModeScope(False):
            for name in ("optimizer", "metrics", "weighted_metrics"):
                given[name] = nest.map_leaves(_fresh, given[name])
    except (TypeError, ValueError) as e:
        warnings.warn(f"[clone_model] the clone is not compiled: {e}", stacklevel=3)
        return clone
    clone.compile(**given)
    return clone


def _fresh(x):
    return type(x).from_config(x.get_config()) if isinstance(x, (Metric, Optimizer)) else x


def _clone_functional(model, input_tensors, one, call_function):
    made = {}
    if input_tensors is None:
        inputs = [_clone_layer(t._keras_history.operation).output for t in model.inputs]
    else:
        inputs = nest.leaves(input_tensors)
        if len(inputs) != len(model.inputs):
            raise ValueError(f"[clone_model] expected {len(model.inputs)} input_tensors, got {len(inputs)}")

    def call(op, args, kwargs):
        if not isinstance(op, Layer):
            return type(op)(op.op).symbolic_call(*args, **kwargs)
        if op not in made:
            made[op] = one(op)
        return call_function(made[op], *args, **kwargs) if call_function else made[op](*args, **kwargs)

    outputs = model._graph.run(inputs, call)
    return Functional(
        nest.pack(model._inputs_struct, inputs),
        nest.pack(model._outputs_struct, outputs),
        name=model.name,
        trainable=model.trainable,
    )
