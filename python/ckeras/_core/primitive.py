"""Primitive: one operation of the engine, and `bind`, the one funnel that every operation goes through."""

import functools
import math

from ckeras import _engine
from ckeras._core import hooks
from ckeras._core.dtypes import CODES
from ckeras._core.errors import ShapeError, from_fault
from ckeras._core.scope import state
from ckeras._core.tensor import Tensor

_run = _engine.run
_Fault = _engine.Fault
OP_IDS = {row["name"]: i for i, row in enumerate(_engine.op_table())}
_ARITIES = {row["name"]: row["arity"] for row in _engine.op_table()}
FOLDS = frozenset(row["name"] for row in _engine.op_table() if row["folds"])

_LARGEST = 1 << 22

# Every primitive by name; the records in `ops` fill it.
PRIMITIVES = {}


@functools.lru_cache(4096)
def broadcast_shapes(a, b):
    """The shape two shapes broadcast to; `ShapeError` when they do not."""
    n = max(len(a), len(b))
    out = []
    for x, y in zip((1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b):
        if x != y and x != 1 and y != 1:
            raise ShapeError(f"shapes {a} and {b} do not broadcast: dimensions must be equal or 1, from the last one")
        out.append(y if x == 1 else x)
    return tuple(out)


def _is_stand_in(shape):
    """Whether a result is to be traced although its arguments are known.

    While large sizes stand for unknown ones, a mask of batch x steps x steps made of constants would take gigabytes,
    and its numbers mean nothing. `csrc/bind/quick.cpp` leaves results of this size to `bind`.
    """
    return state.stand_in is not None and state.trace is not None and math.prod(shape) > _LARGEST


def no_attributes(*args, **attrs):
    return (), ()


class Primitive:
    """A kernel with its rules.

    `spec(*args, **attrs)` gives `(shape, dtype)` of the output, or a list of them where `multi`; `args` have `.shape`
    and `.dtype`. `pack(*args, **attrs)` gives the kernel's ints and floats. `vjp(ctx, *grads)` gives a gradient or
    `None` per input, written with ops; `ctx` has `inputs`, `outputs`, `attrs` and `needs` (a bool per input).
    `vjp=None` means that there is no derivative, and asking for it raises. `in_place(inputs, attrs)` gives, per output,
    the number of the input whose memory it may take. `gradients(equation)` gives the numbers of the inputs that may be
    halves where their variables are float32. Arguments were checked by the caller.
    """

    elementwise = False
    partial = False  # `vjp` gets None for an output without a gradient, not zeros
    traced = None  # the primitive that stands for it in a trace, where that is another
    alias = False  # the output is the input's memory under another shape

    def __init__(self, name, spec, pack=no_attributes, vjp=None, doc="", multi=False, in_place=None, gradients=None):
        self.name = name
        self.spec = spec
        self.pack = pack
        self.vjp = vjp
        self.doc = doc
        self.multi = multi
        self.in_place = in_place
        self.gradients = gradients
        self.op_id = OP_IDS.get(name)
        if name in PRIMITIVES:
            raise ValueError(f"primitive {name!r} has two records")
        PRIMITIVES[name] = self

    def __repr__(self):
        return f"<primitive {self.name}>"

    def bind(self, *args, **attrs):
        """Runs the primitive: the kernel for tensors, an equation of the trace for traced values; tapes record it."""
        for a in args:
            if a.__class__ is not Tensor:
                return self.append(args, attrs)
        if state.stand_in is not None:
            specs = self.spec(*args, **attrs)
            if any(_is_stand_in(shape) for shape, _ in (specs if self.multi else (specs,))):
                return self.append(args, attrs)
        outs = self.execute(args, attrs)
        if state.tapes:
            for tape in state.tapes:
                tape.record(self, args, attrs, outs)
        return outs if self.multi else outs[0]

    def execute(self, args, attrs):
        """The kernel on concrete tensors: a tuple of outputs."""
        specs = self.spec(*args, **attrs)
        if not self.multi:
            specs = (specs,)
        ints, floats = self.pack(*args, **attrs)
        try:
            arrays = _run(
                self.op_id, tuple([a._array for a in args]), tuple([(s, CODES[d]) for s, d in specs]), ints, floats
            )
        except _Fault as fault:
            raise from_fault(fault) from None
        except TypeError:
            self._check_kernel()
            raise
        return tuple([Tensor(a, s, d) for a, (s, d) in zip(arrays, specs)])

    def _check_kernel(self):
        if self.op_id is None:
            raise NotImplementedError(f"[{self.name}] this build of the engine has no kernel of that name")

    def append(self, args, attrs):
        """Adds an equation to the trace of the first traced argument; where there is none, to the active one."""
        if self.traced is not None:
            return self.traced.append(args, attrs)
        if state.trace is not None and state.trace.env:
            args = state.trace.mapped(args)
        trace = state.trace
        for a in args:
            if a.__class__ is not Tensor:
                trace = a.trace
                break
        outs = trace.append(self, args, attrs)
        for tape in state.tapes:
            tape.record(self, args, attrs, outs)
        return outs if self.multi else outs[0]


def _never(*args):
    return None


class Elementwise(Primitive):
    """A primitive whose arguments broadcast; its `vjp` works on broadcast shapes, sums back to the inputs follow.

    `result` is the output's dtype, or `None` for that of the last argument. `quick(*args)` does in one call of the
    engine what `bind` does for tensors of one dtype, and gives `None` for anything else.
    """

    elementwise = True

    def __init__(self, name, vjp=None, result=None, doc=""):
        self.result = result
        super().__init__(name, self._spec, vjp=vjp and _summed(vjp), doc=doc)
        self.quick = self.quick_way()

    def quick_way(self, floats_only=False):
        """`quick`, or what takes only floats."""
        arity = _ARITIES.get(self.name, 0)
        if arity not in (1, 2) or self.result not in (None, "bool"):
            return _never
        return _engine.quick_elementwise(self.op_id, arity, floats_only, self.result == "bool", self)

    def _spec(self, *args):
        shape = args[0].shape
        for a in args:
            if a.shape != shape:
                shape = broadcast_shapes(shape, a.shape)
        return shape, self.result or args[-1].dtype

    def bind(self, *args):
        out = self.quick(*args)
        if out is not None:
            return out
        shape = args[0].shape
        for a in args:
            if a.__class__ is not Tensor:
                return self.append(args, {})
            if a.shape != shape:
                shape = broadcast_shapes(shape, a.shape)
        if _is_stand_in(shape):
            return self.append(args, {})
        dtype = self.result or args[-1].dtype
        try:
            array = _run(self.op_id, tuple([a._array for a in args]), ((shape, CODES[dtype]),), (), ())[0]
        except TypeError:
            self._check_kernel()
            raise
        out = Tensor(array, shape, dtype)
        if state.tapes:
            for tape in state.tapes:
                tape.record(self, args, {}, (out,))
        return out


class Cast(Primitive):
    """The elementwise change of dtype: `bind(x, dtype=name)`."""

    elementwise = True

    def __init__(self, name, vjp):
        super().__init__(name, lambda x, dtype: (x.shape, dtype), vjp=vjp)


class Alias(Primitive):
    """A primitive that moves nothing: the output is the input's memory in the shape `spec` gives."""

    alias = True

    def execute(self, args, attrs):
        shape, dtype = self.spec(*args, **attrs)
        return (Tensor(args[0]._array.reshape(shape), shape, dtype),)


def _summed(vjp):
    def rule(ctx, g):
        grads = vjp(ctx, g)
        if grads.__class__ is not tuple:
            grads = (grads,)
        return tuple(
            [d if d is None or d.shape == x.shape else hooks.sum_to(d, x.shape) for d, x in zip(grads, ctx.inputs)]
        )

    return rule
