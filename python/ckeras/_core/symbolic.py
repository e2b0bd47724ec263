"""Symbolic values: what `keras.Input` and functional models are made of.

A `KerasTensor` has a shape with `None` for what is not known, and a history: the `Node` that made it. Calling an
`Operation` (every layer is one) on symbolic values makes a node; so does a function decorated with `@public_op`.
"""

import inspect
from typing import NamedTuple

from ckeras._core import dtypes, hooks, nest, scope
from ckeras._core.errors import ConcreteValueError, ShapeError, user_line
from ckeras._core.scope import state
from ckeras._core.short import short
from ckeras._core.tensor import TensorBase
from ckeras._core.trace import trace_function


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output `tensor_index` of node `node_index` of `operation`."""

    operation: "Operation"
    node_index: int
    tensor_index: int


class KerasTensor(TensorBase):
    """A tensor without values, for building models: `shape` may hold `None`.

    Operators, indexing and every function of `ops` accept it and give another; asking for its values raises
    `ConcreteValueError`. Only `==` asks whether it is the same object, so that `x in model.inputs` works; values are
    compared with `ops.equal`. Sparse and ragged ones are not supported.
    """

    shape: tuple
    dtype: str
    sparse: bool
    ragged: bool
    ragged_rank = None  # of a ragged one
    row_splits_dtype = None

    def __init__(self, shape, dtype="float32", sparse=False, ragged=False, record_history=True, name=None, **kwargs):
        if sparse or ragged:
            raise ValueError("[KerasTensor] sparse and ragged tensors are not supported; pass a dense one with a mask")
        if kwargs:
            raise TypeError(f"[KerasTensor] unexpected arguments {sorted(kwargs)}")
        self.shape = standardize_shape(shape)
        self.dtype = dtypes.standardize(dtype)
        self.sparse = False
        self.ragged = False
        self.record_history = record_history
        self.name = name or scope.auto_name("keras_tensor")

    @property
    def size(self):
        return None if None in self.shape else super().size

    def reshape(self, newshape, *more):
        """As `ops.reshape`; the new shape may also be given as several integers."""
        return get_public_op("reshape")(self, (newshape, *more) if isinstance(newshape, int) else tuple(newshape))

    def squeeze(self, axis=None):
        return get_public_op("squeeze")(self, axis)

    def _as_operand(self):
        self._no_value("this operation")

    def _no_value(self, asked):
        raise ConcreteValueError(
            f"{user_line()}: {asked} asks for the value of {self!r}, which is symbolic and has none. Use a function of "
            "`ckeras.ops`, or a layer; other code belongs into the `call` method of a layer of your own."
        )

    def __iter__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{user_line()}: iteration over {self!r}: its first dimension is not known")
        return (self[i] for i in range(self.shape[0]))

    __hash__ = TensorBase.__hash__

    def __eq__(self, other):
        return self is other

    def __contains__(self, value):
        self._no_value("`in`")

    def __len__(self):
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"{user_line()}: len() of {self!r}: its first dimension is not known")
        return self.shape[0]

    def __repr__(self):
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}, ragged={self.ragged}, "
            f"name={self.name}>"
        )


def standardize_shape(shape):
    """A tuple of positive-or-zero integers and `None`; `ShapeError` for anything else."""
    try:
        dims = tuple([d if d is None else d.__index__() for d in shape])
    except (TypeError, AttributeError):
        raise ShapeError(f"[shape] expected a tuple of integers and None, got {shape!r}") from None
    if any(d is not None and d < 0 for d in dims):
        raise ShapeError(f"[shape] dimensions must not be negative, got {shape!r}; None stands for an unknown one")
    return dims


def is_keras_tensor(x):
    """Whether `x` is a symbolic tensor: what `ckeras.Input` and layers called on it give.

    >>> ckeras.utils.is_keras_tensor(ckeras.Input((2,)))
    True
    """
    return isinstance(x, KerasTensor)


def any_symbolic(args):
    """Whether a KerasTensor is anywhere in a nested structure."""
    return any(isinstance(x, KerasTensor) for x in nest.leaves(args))


class Node:
    """One call of an operation on symbolic values: `input_tensors`, `output_tensors`, `arguments`, `parent_nodes`."""

    def __init__(self, operation, call_args=(), call_kwargs=None, outputs=None):
        self.operation = operation
        self.args = tuple(call_args)
        self.kwargs = dict(call_kwargs or {})
        self.outputs = outputs
        self.input_tensors = [x for x in nest.leaves((self.args, self.kwargs)) if isinstance(x, KerasTensor)]
        self.output_tensors = nest.leaves(outputs)
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for i, t in enumerate(self.output_tensors):
            t._keras_history = KerasHistory(operation, index, i)
        for node in self.parent_nodes:
            node.operation._outbound_nodes.append(self)

    @property
    def is_input(self):
        return not self.input_tensors

    @property
    def parent_nodes(self):
        """The nodes that made the inputs, each once."""
        found = {}
        for t in self.input_tensors:
            history = getattr(t, "_keras_history", None)
            if history is not None:
                node = history.operation._inbound_nodes[history.node_index]
                found[id(node)] = node
        return list(found.values())

    def fill_in(self, values):
        """`(args, kwargs)` of the call with each KerasTensor replaced: `values` maps `id(tensor)` to a value."""

        def replace(x):
            return values[id(x)] if isinstance(x, KerasTensor) else x

        return nest.map_leaves(replace, self.args), nest.map_leaves(replace, self.kwargs)

    def __repr__(self):
        return f"<Node operation={self.operation.name}>"


def _is_name(name):
    """Whether it is text that paths and files can hold: no slash, NUL or half of a surrogate pair."""
    return isinstance(name, str) and not any(c in "/\0" or "\ud800" <= c <= "\udfff" for c in name)


class Operation:
    """Something that can be called on tensors or symbolic values: the base of layers and of functions as graph nodes.

    A subclass defines `call`; `compute_output_spec` is found by tracing `call` unless it is overridden.
    """

    def __init__(self, name=None):
        if name is None:
            name = scope.auto_name(snake_case(type(self).__name__))
        if not _is_name(name):
            raise ValueError(f"[{type(self).__name__}] name must be text without '/', got {name!r}")
        self.name = name
        self._inbound_nodes = []
        self._outbound_nodes = []

    def __new__(cls, *args, **kwargs):
        # Remembers the constructor's arguments: they are the config of a class that defines no get_config.
        self = super().__new__(cls)
        object.__setattr__(self, "_init_arguments", (args, kwargs))
        return self

    def __call__(self, *args, **kwargs):
        if any_symbolic((args, kwargs)):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args, **kwargs):
        """Makes a node and returns its symbolic outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} defines no `call`")

    def compute_output_spec(self, *args, **kwargs):
        """The symbolic outputs for symbolic inputs."""
        return output_spec(self.call, args, kwargs, self.name)

    def quantized_call(self, *args, **kwargs):
        """Not there: raises `NotImplementedError`."""
        raise NotImplementedError(f"[{self.name}] quantization is not supported: there is no quantized_call")

    def rematerialized_call(self, fn, *args, **kwargs):
        """`fn(*args, **kwargs)`, whose values inside are computed again on the way back; see `ckeras.remat`."""
        return hooks.remat(fn)(*args, **kwargs)

    def get_config(self):
        """What `from_config` makes an equal operation of: the constructor's arguments, when they are plain values."""
        args, kwargs = self._init_arguments
        config = dict(inspect.signature(type(self).__init__).bind(self, *args, **kwargs).arguments)
        config.pop(next(iter(config)))
        config = {**config, **config.pop("kwargs", {}), "name": self.name}
        plain = (str, int, float, bool, tuple, list, dict, type(None))
        odd = sorted(k for k, v in config.items() if not isinstance(v, plain))
        if odd:
            raise NotImplementedError(
                f"[{self.name}] {type(self).__name__} takes arguments that are not plain values ({', '.join(odd)}): "
                "define get_config(self) to say how they are stored"
            )
        return config

    @classmethod
    def from_config(cls, config):
        try:
            return cls(**config)
        except TypeError as e:
            raise TypeError(f"[{cls.__name__}.from_config] the config {config} does not fit __init__: {e}") from e

    @property
    def input(self):
        """The symbolic input (a list when there are several) of the first call."""
        return self._first_call("input")

    @property
    def output(self):
        """The symbolic output (a list when there are several) of the first call."""
        return self._first_call("output")

    def _first_call(self, side):
        if not self._inbound_nodes:
            raise AttributeError(f"{self.name} has not been called on a symbolic input, so it has no `{side}` yet")
        node = self._inbound_nodes[0]
        tensors = (node.input_tensors or node.output_tensors) if side == "input" else node.output_tensors
        return tensors[0] if len(tensors) == 1 else tensors


def snake_case(name):
    """`MaxPooling2D` as `max_pooling2d`: words begin at a capital before a small letter, or after one."""
    out = []
    for i, c in enumerate(name):
        small_next = i + 1 < len(name) and name[i + 1].islower()
        if c.isupper() and i and (small_next or name[i - 1].islower()):
            out.append("_")
        out.append(c.lower())
    return "".join(out)


class Function(Operation):
    """A call of a public function of `ops` as a graph node; its non-symbolic arguments are part of the node."""

    def __init__(self, op, name=None):
        super().__init__(name or scope.auto_name(op))
        self.op = op

    def call(self, *args, **kwargs):
        return get_public_op(self.op)(*args, **kwargs)

    def get_config(self):
        return {"op": self.op, "name": self.name}


# Stand-ins for an unknown dimension: two sizes with many divisors, so that reshapes that fit every size fit them; where
# they clash with a known size, one size that broadcasts with all.
_STAND_INS = ((840, 1680), (1,))


def output_spec(fn, args, kwargs, name):
    """The KerasTensors that `fn` gives on symbolic arguments: dims that follow a stand-in's size are `None`."""
    symbols = {id(x): x for x in nest.leaves((args, kwargs)) if isinstance(x, KerasTensor)}
    open_dims = any(None in x.shape for x in symbols.values())
    first = None
    for sizes in _STAND_INS if open_dims else ((0,),):
        try:
            results = [_trace_with(fn, args, kwargs, symbols, size) for size in sizes]
            break
        except ValueError as e:
            first = first or e
    else:
        raise first
    specs = [nest.leaves(r) for r in results]
    out = []
    for leaves in zip(*specs):
        dims = zip(*[leaf.shape for leaf in leaves])
        unknown = 1 if sizes == (1,) else -1
        shape = tuple([d[0] if min(d) == max(d) and d[0] != unknown else None for d in dims])
        out.append(KerasTensor(shape, leaves[0].dtype))
    return nest.pack(results[0], out)


def _trace_with(fn, args, kwargs, symbols, size):
    ids = {key: i for i, key in enumerate(symbols)}
    avals = [(tuple([size if d is None else d for d in x.shape]), x.dtype) for x in symbols.values()]

    def call(*values):
        def replace(x):
            return values[ids[id(x)]] if isinstance(x, KerasTensor) else x

        return fn(*nest.map_leaves(replace, args), **nest.map_leaves(replace, kwargs))

    outer = state.symbolic, state.stand_in
    state.symbolic, state.stand_in = True, size if size > 1 else None
    try:
        return trace_function(call, avals)[2]
    finally:
        state.symbolic, state.stand_in = outer


_public_ops = {}


def _note_op(e, name):
    """Adds the function that was called, the outermost one, to an error whose message begins with none."""
    if str(e).startswith("["):
        return
    note, old = f"While calling ops.{name}.", getattr(e, "_ckeras_op", None)
    if old is None:
        e.add_note(note)
    else:
        e.__notes__[e.__notes__.index(old)] = note
    e._ckeras_op = note


def get_public_op(name):
    """The public function of `ops` of that name."""
    if name not in _public_ops:
        hooks.load_op(name)
    return _public_ops[name]


def public_op(fn, quick=None):
    """Makes an `ops` function accept KerasTensors: called with one anywhere in its arguments, it makes a graph node.

    Small calls of concrete values take the short way; `quick` is its `fixed` one.
    """
    name = fn.__name__
    containers = (tuple, list, dict)

    def general(*args, **kwargs):
        try:
            for a in args:
                kind = a.__class__
                if kind is KerasTensor or (isinstance(a, containers) and any_symbolic(a)):
                    return Function(name).symbolic_call(*args, **kwargs)
            if kwargs and any_symbolic(kwargs):
                return Function(name).symbolic_call(*args, **kwargs)
            return fn(*args, **kwargs)
        except Exception as e:
            _note_op(e, name)
            raise

    op = short(fn, general, quick)
    _public_ops[name] = op
    return op
