"""Trace: the list of equations that a Python function leaves behind when it runs on stand-ins for its inputs."""

import math

from ckeras._core import nest
from ckeras._core.dtypes import SIZES
from ckeras._core.errors import TraceError, user_line
from ckeras._core.scope import state
from ckeras._core.tensor import Tensor, TensorBase, convert


class Tracer(TensorBase):
    """A value inside a trace: a shape and a dtype, no numbers."""

    __slots__ = ("__weakref__", "dtype", "shape", "trace")

    def __init__(self, trace, shape, dtype):
        self.trace = trace
        self.shape = shape
        self.dtype = dtype

    def __repr__(self):
        return f"Tracer(shape={self.shape}, dtype={self.dtype})"

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def nbytes(value):
    """Bytes of a value of a shape and dtype."""
    return math.prod(value.shape) * SIZES[value.dtype]


class Equation:
    """`outputs = primitive(*inputs, **attrs)`; inputs are tracers or constant tensors."""

    __slots__ = ("attrs", "inputs", "outputs", "primitive")

    def __init__(self, primitive, inputs, attrs, outputs):
        self.primitive = primitive
        self.inputs = inputs
        self.attrs = attrs
        self.outputs = outputs


class Trace:
    """Inside `with Trace() as t`, operations on tracers append equations, and variables are read and assigned in `t`.

    Operations on concrete tensors alone run at once, with the kernels of an eager run: constants fold themselves.
    """

    def __init__(self):
        self.equations = []
        self.reads = {}  # variable -> the tracer of its value before the trace
        self.writes = {}  # variable -> its value after the trace, in order of the first assignment
        self.customs = []  # custom gradients: (number of equations before, record, inputs, outputs)
        self.env = {}  # id of a value of another trace -> (it, what stands for it in this one)
        self._saved = None

    def __enter__(self):
        self._saved = state.trace, state.tapes, state.overlay
        state.trace, state.tapes, state.overlay = self, (), None
        return self

    def __exit__(self, *exc):
        state.trace, state.tapes, state.overlay = self._saved

    def input(self, shape, dtype):
        return Tracer(self, tuple(shape), dtype)

    def read(self, variable):
        """The variable's value at this point of the trace."""
        value = self.writes.get(variable)
        if value is None:
            value = self.reads.get(variable)
            if value is None:
                value = self.reads[variable] = Tracer(self, variable.shape, variable.dtype)
        return value

    def write(self, variable, value):
        self.writes[variable] = value

    def mapped(self, args):
        """The arguments with values that others stand for replaced."""
        env = self.env
        return tuple([env[id(a)][1] if id(a) in env else a for a in args])

    def append(self, primitive, args, attrs):
        """The outputs of a new equation."""
        current = state.trace
        if current is None:
            raise TraceError(
                f"{user_line()}: [{primitive.name}] got a value of a trace that has ended; a traced function must "
                "return what is needed outside it, and keep state in a Variable"
            )
        for a in args:
            if not isinstance(a, (Tensor, Tracer)):
                raise TypeError(f"[{primitive.name}] expected tensors, got {type(a).__name__}")
        specs = primitive.spec(*args, **attrs)
        outs = tuple([Tracer(current, s, d) for s, d in (specs if primitive.multi else (specs,))])
        current.equations.append(Equation(primitive, args, attrs, outs))
        return outs


def trace_function(fn, avals):
    """Runs `fn` on tracers of `(shape, dtype)` each: the trace, the input tracers, and what `fn` returned.

    Every leaf of the result is a tracer or a concrete tensor.
    """
    trace = Trace()
    inputs = [trace.input(*aval) for aval in avals]
    with trace:
        result = fn(*inputs)
        result = nest.map_leaves(convert, result)
    return trace, inputs, result
