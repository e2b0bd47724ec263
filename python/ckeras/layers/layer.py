"""Layer: the base class of everything with weights and a `call`."""

import warnings

import numpy as np

from ckeras import constraints, dtype_policies, initializers, ops, regularizers
from ckeras._core import dtypes, nest, scope
from ckeras._core.scope import state
from ckeras._core.symbolic import KerasTensor, Operation, any_symbolic, output_spec
from ckeras._core.tensor import Tensor, TensorBase
from ckeras._core.trace import Tracer
from ckeras._core.tracebacks import filtered
from ckeras._core.variable import Variable
from ckeras._masks import any_masks, get_mask, masks_of, set_mask
from ckeras._stateless import swapped
from ckeras.layers._arguments import check_size, refuse_arguments
from ckeras.layers.call_spec import CallSpec, calls, named_shapes, shape_parameters
from ckeras.layers.input_spec import HasInputSpec, check_inputs
from ckeras.layers.quantization import NotQuantized
from ckeras.layers.rematerialize import Rematerialized, call_again
from ckeras.layers.saving import LayerSaving
from ckeras.layers.structure import brief, map_all, map_shapes, with_open_dims
from ckeras.layers.tracking import Tracked, unique

_FLOATS = dtypes.FLOATS


class Layer(Tracked, HasInputSpec, LayerSaving, NotQuantized, Rematerialized, Operation):
    """Base of layers: weights, and a `call` that turns tensors into tensors.

    A subclass defines `call(self, inputs)`, makes weights in `build(self, input_shape)` with `add_weight`, and
    describes itself in `get_config`. `call` may take `training` and `mask`: they are filled in. Layers, variables and
    metrics held in attributes, lists or dicts belong to the layer.

    `dtype` is a dtype name or a `DTypePolicy`; float inputs are cast to its compute dtype unless `autocast=False`.
    `activity_regularizer` penalises the outputs. `input_shape`, `input_dim` and `batch_input_shape` are the old way to
    give the first layer of a Sequential its shape. Raises `ValueError` for other arguments.

    >>> class Twice(ckeras.Layer):
    ...     def call(self, x):
    ...         return 2 * x
    >>> Twice()(ckeras.ops.ones(2)).numpy()
    array([2., 2.], dtype=float32)
    """

    _call_spec = None
    _build_parameters = ("input_shape",)
    input_spec: object
    _changes = 0  # of any layer's policy or make after it was made: traced steps of an earlier count are out of date

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        Operation.__init__(self, name)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._input_shape_arg = _old_input_shape(type(self).__name__, kwargs)
        if kwargs:
            refuse_arguments(type(self), kwargs)
        self._path = None
        self._set_policy(dtype_policies.get(dtype))
        self.autocast = bool(autocast)
        self._trainable = bool(trainable)
        self._supports_masking = type(self).compute_mask is not Layer.compute_mask
        self.built = False
        self._losses = []
        self._build_shapes = None
        self._remat = state.remat

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls._call_spec = None  # found at the first call: a subclass's own `call` has its own
        if "build" in cls.__dict__:
            cls._build_parameters = shape_parameters(cls.build)
            cls.build = _wrap_build(cls.build)

    def _set_policy(self, policy):
        self._dtype_policy = policy
        if self._path and isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy[self._path]
        if policy.quantization_mode is not None:
            raise NotImplementedError(
                f"[{type(self).__name__}] dtype {policy.name!r}: layers do not compute quantized yet; use a policy of "
                "floats such as 'mixed_bfloat16'"
            )
        self._compute_dtype = policy.compute_dtype
        self._variable_dtype = policy.variable_dtype
        self._casts_variables = policy.compute_dtype != policy.variable_dtype

    def _take_path(self):
        """Keeps the path of the name scope that the layer is built in, by which a `DTypePolicyMap` knows it."""
        self._path = scope.path_of("").rstrip("/")
        if isinstance(self._dtype_policy, dtype_policies.DTypePolicyMap):
            self._set_policy(self._dtype_policy)

    # ---- dtype

    @property
    def dtype_policy(self):
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        self._set_policy(dtype_policies.get(value))
        self._note_change()

    @staticmethod
    def _note_change():
        Layer._changes += 1

    @property
    def dtype(self):
        """The dtype of the layer's variables."""
        return self._variable_dtype

    @property
    def compute_dtype(self):
        return self._compute_dtype

    @property
    def variable_dtype(self):
        return self._variable_dtype

    @property
    def input_dtype(self):
        """The dtype float inputs are cast to."""
        return self._compute_dtype

    # ---- building

    def build(self, input_shape):
        """Makes the layer's weights for an input shape; subclasses override it."""
        self.built = True

    def add_weight(
        self,
        *args,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ):
        """Makes a variable of the layer.

        `initializer` is by default Glorot's uniform for floats and zeros otherwise; `regularizer` adds to `losses`;
        `constraint` is applied after each update. `shape`, `initializer` and `dtype` may go without their
        names, after a name as in old programs.
        """
        if args and isinstance(args[0], str) and name is None:
            name, *args = args
        if args:
            shape, initializer, dtype = _in_order(self.name, args, (shape, initializer, dtype))
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        dtype = dtypes.standardize(dtype) if dtype is not None else self.variable_dtype
        check_size(self.name, shape, dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtype in _FLOATS else "zeros"
        with scope.name_scope(self.name) if not self._in_own_scope() else scope.concrete():
            v = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        v.regularizer = regularizers.get(regularizer)
        v.constraint = constraints.get(constraint)
        v.overwrite_with_gradient = overwrite_with_gradient
        self._track_variable(v)
        if not self._trainable:
            v.trainable = False
        return v

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """As `add_weight`."""
        options = {"trainable": trainable, "autocast": autocast, "regularizer": regularizer, "constraint": constraint}
        return self.add_weight(shape=shape, initializer=initializer, dtype=dtype, name=name, **options)

    def _in_own_scope(self):
        return bool(state.names) and state.names[-1] == self.name

    def _build_for(self, spec, args, kwargs):
        """Builds the layer for the shapes of a call's arguments."""
        arguments = spec.bind(self, args, kwargs)
        shapes = named_shapes(self, "build", self._build_parameters, arguments)
        self.build(**shapes)
        self.built = True
        if type(self).build is Layer.build:
            return
        if any_symbolic((args, kwargs)) and any(not layer.built for layer in self._flatten_layers(include_self=False)):
            output_spec(self.call, args, kwargs, self.name)

    # ---- calling

    def __call__(self, *args, **kwargs):
        spec = self._call_spec
        if spec is None:
            spec = self._analyse()
        if self._path is None and isinstance(self._dtype_policy, dtype_policies.DTypePolicyMap):
            with scope.name_scope(self.name):
                self._take_path()  # before the inputs are cast
        x = args[0] if args else None
        symbolic = False
        simple = not kwargs or (len(kwargs) == 1 and kwargs.get("training").__class__ is bool)
        if simple and len(args) == 1 and x.__class__ is Tensor:
            if x.dtype != self._compute_dtype and x.dtype in _FLOATS and self.autocast:
                args = (ops.cast(x, self._compute_dtype),)
        else:
            args, kwargs, symbolic = self._convert(args, kwargs)
            if len(args) > 1 and spec.has_training:
                args, kwargs = spec.name_training(self, args, kwargs)
        first = args[0] if args else kwargs.get(spec.first)
        expected = self.input_spec
        if expected is not None and (args or first is not None):
            check_inputs(expected, first, self)

        entry, training = calls.entry, calls.training
        if entry is None:
            calls.entry = self
            if calls.losses_exist:
                self._clear_losses()
        explicit = kwargs.get("training") if kwargs else None
        if explicit is None:
            explicit = training if training is not None else spec.training_default
        if explicit is not training:
            calls.training = explicit
        if spec.has_training:
            if explicit is not None:
                kwargs["training"] = explicit
        elif kwargs and "training" in kwargs and not spec.takes_any_kwargs:
            del kwargs["training"]
        previous = None
        if any_masks():
            previous = self._fill_masks(spec, first, args, kwargs)
        try:
            if not self.built:
                with scope.name_scope(self.name):
                    self._take_path()
                    self._build_for(spec, args, kwargs)
                    outputs = self._run(args, kwargs, symbolic)
            else:
                outputs = self._run(args, kwargs, symbolic)
        except Exception as e:
            self._explain(e, args, kwargs)
            raise filtered(e)
        finally:
            calls.entry, calls.training = entry, training
        if self.activity_regularizer is not None:
            for out in nest.leaves(outputs):
                if not isinstance(out, KerasTensor):
                    loss = self.activity_regularizer(out)
                    if len(out.shape) > 0:  # a sample's, whatever the batch size
                        loss = ops.divide_no_nan(loss, ops.cast(ops.shape(out)[0], loss.dtype))
                    self.add_loss(loss)
        if previous is not None or (self._supports_masking and type(self).compute_mask is not _compute_mask):
            self._pass_mask(first, outputs, previous)
        return outputs

    def _run(self, args, kwargs, symbolic):
        dtype = self._compute_dtype if self._casts_variables and self.autocast else None
        call = self.symbolic_call if symbolic else self.call
        if self._remat is not None and state.tapes and not symbolic:
            call = call_again(self, args, kwargs)
        if state.autocast is dtype:
            return call(*args, **kwargs)
        with scope.autocast(dtype):
            return call(*args, **kwargs)

    @classmethod
    def _find_call_spec(cls):
        if cls.__dict__.get("_call_spec") is None:
            cls._call_spec = CallSpec(cls)
        return cls.__dict__["_call_spec"]

    def _analyse(self):
        if "_losses" not in self.__dict__:
            raise RuntimeError(
                f"In the layer {type(self).__name__}, super().__init__() was not called; call it first in __init__"
            )
        return self._find_call_spec()

    @property
    def _call_has_training_arg(self):
        return self._find_call_spec().has_training

    def _convert(self, args, kwargs):
        """Arguments with arrays made tensors and floats cast to the compute dtype; and whether any is symbolic."""
        symbolic = False
        dtype = self._compute_dtype if self.autocast else None
        if len(args) == 1 and not kwargs and args[0].__class__ is np.ndarray:
            return (ops.convert_to_tensor(args[0], dtype if args[0].dtype.kind == "f" else None),), {}, False

        def one(x):
            nonlocal symbolic
            if isinstance(x, (TensorBase, np.ndarray, np.generic)):
                if isinstance(x, KerasTensor):
                    symbolic = True
                elif x.__class__ is not Tensor and x.__class__ is not Tracer:
                    if dtype is not None and not isinstance(x, Variable) and x.dtype.kind == "f":
                        return ops.convert_to_tensor(x, dtype)
                    x = ops.convert_to_tensor(x)
                if dtype is not None and x.dtype != dtype and x.dtype in _FLOATS:
                    return ops.cast(x, dtype)
            return x

        def walk(x):
            if isinstance(x, (tuple, list, dict)):
                return map_all(walk, x)
            return one(x)

        args = tuple([walk(x) for x in args])
        return args, {k: walk(v) for k, v in kwargs.items()}, symbolic

    def _explain(self, e, args, kwargs):
        """Adds to an error that left `call` where it happened; the innermost layer speaks."""
        if getattr(e, "_ckeras_layer", None) is not None:
            return
        try:
            e._ckeras_layer = self.name
            shown = [brief(x) for x in args] + [f"{k}={brief(v)}" for k, v in kwargs.items()]
            e.add_note(f"While calling layer '{self.name}' ({type(self).__name__}) with ({', '.join(shown)}).")
        except AttributeError:
            return

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"The layer {type(self).__name__} does not define `call`")

    def compute_output_spec(self, *args, **kwargs):
        """The symbolic outputs for symbolic inputs: from `compute_output_shape` where a subclass defines it."""
        if type(self).compute_output_shape is Layer.compute_output_shape:
            return output_spec(self.call, args, kwargs, self.name)
        names = shape_parameters(type(self).compute_output_shape)
        shapes = named_shapes(self, "compute_output_shape", names, self._call_spec.bind(self, args, kwargs))
        found = self.compute_output_shape(**shapes)
        if found is None:
            raise ValueError(f"[{self.name}] compute_output_shape of {type(self).__name__} must give a shape, got None")
        return map_shapes(lambda s: KerasTensor(s, self._compute_dtype), found)

    def compute_output_shape(self, *args, **kwargs):
        """The shape (or structure of shapes) of the outputs for an input shape."""
        args = [map_shapes(lambda s: KerasTensor(s, self._compute_dtype), a) for a in args]
        kwargs = {k: map_shapes(lambda s: KerasTensor(s, self._compute_dtype), a) for k, a in kwargs.items()}
        if not self.built:
            self._build_for(self._find_call_spec(), args, kwargs)
        return nest.map_leaves(lambda t: t.shape, output_spec(self.call, args, kwargs, self.name))

    # ---- masks

    @property
    def supports_masking(self):
        """Whether a mask of the input becomes a mask of the output."""
        return self._supports_masking

    @supports_masking.setter
    def supports_masking(self, value):
        self._supports_masking = value

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs; by default that of the inputs."""
        return previous_mask

    def _fill_masks(self, spec, first, args, kwargs):
        """Puts the masks of the arguments into the mask arguments not given; gives the first argument's."""
        if first is None:
            return None
        previous = masks_of(first)
        if previous is not None and not nest.leaves(previous):
            previous = None
        # As Keras: `mask` belongs to the only tensor argument; of several, each has a mask argument of its own name.
        if spec.has_mask and previous is not None and kwargs.get("mask") is None:
            others = kwargs if args else {k: v for k, v in kwargs.items() if k != spec.first}
            if not _any_tensor(args[1:], others):
                kwargs["mask"] = previous
        for name in spec.masked:
            if kwargs.get(f"{name}_mask") is None:
                value = dict(zip(spec.positional, args)).get(name, kwargs.get(name))
                mask = get_mask(value) if value is not None else None
                if mask is not None:
                    kwargs[f"{name}_mask"] = mask
        return previous

    def _pass_mask(self, first, outputs, previous):
        if not self.supports_masking:  # which a subclass may have as a plain attribute
            warnings.warn(
                f"Layer '{self.name}' ({type(self).__name__}) got an input with a mask and does not support masking: "
                "the layers after it see no mask. Set `self.supports_masking = True` in its __init__ to pass it on",
                stacklevel=4,
            )
            return
        if previous is None and type(self).compute_mask is Layer.compute_mask:
            return
        outs = nest.leaves(outputs)
        if all(get_mask(t) is not None for t in outs):
            return
        masks = self.compute_mask(first, previous)
        if masks is None:
            return
        masks = nest.leaves_with_none(masks) if nest.is_nested(masks) else [masks]  # as Keras: of the first output
        for t, mask in zip(outs, masks):
            if mask is not None and get_mask(t) is None:
                set_mask(t, mask)

    # ---- what the layer holds

    def _sublayers(self):
        """The layers directly inside, in the order of their weights."""
        return self._layers

    def _flatten_layers(self, include_self=True, recursive=True):
        """The layers inside, depth first, each once."""
        found = {id(self): self} if include_self else {}
        plain = Layer._sublayers

        def walk(layer):
            for inner in layer._sublayers():
                if id(inner) not in found and inner is not self:
                    found[id(inner)] = inner
                    if recursive and (inner._tracked or type(inner)._sublayers is not plain):
                        walk(inner)

        walk(self)
        return list(found.values())

    @property
    def variables(self):
        """All state: weights and the state of seed generators; not that of metrics."""
        found = []
        for layer in self._flatten_layers():
            found.extend(layer._own_variables())
            found.extend(generator.state for generator in layer._seed_generators)
        return unique(found)

    @property
    def weights(self):
        """The variables that are saved and trained: all but those of seed generators and metrics."""
        return unique([v for layer in self._flatten_layers() for v in layer._own_variables()])

    @property
    def trainable_variables(self):
        """The variables that an optimizer updates; none when the layer is frozen."""
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self):
        if not self._trainable:
            return self.variables
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self):
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self):
        return self.weights if not self._trainable else [v for v in self.weights if not v.trainable]

    @property
    def metrics(self):
        """The metrics of the layer and the layers inside it."""
        return unique([m for layer in self._flatten_layers() for m in layer._metrics])

    @property
    def metrics_variables(self):
        return [v for m in self.metrics for v in m.variables]

    @property
    def trainable(self):
        """Whether the layer's weights are trained; setting it sets that of all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self._trainable = value
        for v in self._trainable_own:
            v.trainable = value
        for layer in self._sublayers():
            layer.trainable = value

    @property
    def path(self):
        """The names of the layers around this one and its own, joined by '/'; `None` before it is built."""
        return self._path

    def count_params(self):
        """The number of elements of all weights. Raises `ValueError` before the layer is built."""
        if not self.built:
            raise ValueError(
                f"[{self.name}] count_params needs a built layer: call it on a tensor, or build(input_shape), first"
            )
        return sum(v.size for v in self.weights)

    def get_weights(self):
        """The values of all weights, as NumPy arrays."""
        return [np.array(v.numpy()) for v in self.weights]

    def set_weights(self, weights):
        """Sets all weights from arrays in the order of `weights`. Raises `ValueError` when counts or shapes differ."""
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(
                f"[{self.name}.set_weights] expected {len(own)} arrays, one per weight, got {len(weights)}"
            )
        for v, w in zip(own, weights):
            if tuple(np.shape(w)) != v.shape:
                raise ValueError(
                    f"[{self.name}.set_weights] expected shape {v.shape} for {v.path!r}, got {tuple(np.shape(w))}"
                )
        for v, w in zip(own, weights):
            v.assign(w)

    # ---- losses

    def add_loss(self, loss):
        """Adds a scalar (or a list of them) to `losses`, from inside `call`."""
        for x in nest.leaves(loss):
            if not isinstance(x, TensorBase) and not np.isscalar(x):
                raise ValueError(f"[{self.name}.add_loss] expected a scalar tensor, got {x!r}; pass add_loss(value)")
            x = ops.convert_to_tensor(x)
            if state.symbolic:
                continue  # it has no value
            if state.overlay is None:
                self._losses.append(x)
                calls.losses_exist = True
            elif state.overlay.collect_losses:
                state.overlay.add_loss(x, self)

    @property
    def losses(self):
        """What the last call added with `add_loss`, and the penalties of weight regularizers."""
        layers = self._flatten_layers()
        collected = state.overlay
        if collected is None:
            found = [loss for layer in layers for loss in layer._losses]
        else:
            found = [loss for layer in layers for loss in collected.losses_of(layer)]
        for v in self.trainable_weights:
            if v.regularizer is not None:
                found.append(v.regularizer(v))
        return found

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    # ---- the rest

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """Calls the layer on given values of its variables; gives `(outputs, non_trainable_values)`, and the losses.

        The layer's own values stay.
        """
        if not self.built:
            raise ValueError(f"[{self.name}] stateless_call needs a built layer: call build(input_shape) first")
        variables = self.trainable_variables + self.non_trainable_variables
        values = list(trainable_variables) + list(non_trainable_variables)
        with swapped(variables, values, f"{self.name}.stateless_call", return_losses):
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
            rest = [v.value for v in self.non_trainable_variables]
        return (outputs, rest, losses) if return_losses else (outputs, rest)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Tracked.layer_class = Layer
_compute_mask = Layer.compute_mask


def _wrap_build(build):
    """Marks the layer built, opens its name scope, and remembers the shapes it was built for."""

    def wrapped(self, *args, **kwargs):
        if getattr(self, "_building", False):  # super().build(...) from a subclass's
            return build(self, *args, **kwargs)
        object.__setattr__(self, "_building", True)
        try:
            with scope.concrete():
                if self._in_own_scope():
                    result = build(self, *args, **kwargs)
                else:
                    with scope.name_scope(self.name):
                        self._take_path()
                        result = build(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "_building", False)
        names = self._build_parameters
        shapes = {**dict(zip(names, args)), **kwargs}
        if shapes:
            object.__setattr__(self, "_build_shapes", with_open_dims(shapes))
        self.built = True
        return result

    wrapped.__doc__ = build.__doc__
    wrapped.__name__ = build.__name__
    wrapped.__wrapped__ = build
    return wrapped


def _any_tensor(args, kwargs):
    return any(isinstance(x, TensorBase) for x in nest.leaves((args, kwargs)))


def _in_order(where, args, named):
    """The arguments of `add_weight` that may be given by position, from there or by name."""
    words = ("shape", "initializer", "dtype")
    if len(args) > len(words):
        raise ValueError(f"[{where}.add_weight] takes {', '.join(words)} without their names, got {len(args)} values")
    for word, arg, other in zip(words, args, named, strict=False):
        if other is not None:
            raise ValueError(f"[{where}.add_weight] got {word} twice: {arg!r} and {other!r}")
    return (*args, *named[len(args) :])


def _old_input_shape(where, kwargs):
    """The batch input shape of Keras 2's arguments, taken out of `kwargs`; `None` when there is none."""
    batch = kwargs.pop("batch_size", None) if {"input_shape", "input_dim"} & kwargs.keys() else None
    shape, dim = kwargs.pop("input_shape", None), kwargs.pop("input_dim", None)
    full = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
    if full is not None:
        return tuple(full)
    if shape is None and dim is None:
        return None
    if shape is None:
        shape = (dim,)
    elif isinstance(shape, int):
        raise ValueError(f"[{where}] input_shape must be a tuple, got {shape!r}; write input_shape=({shape},)")
    return (batch, *shape)
