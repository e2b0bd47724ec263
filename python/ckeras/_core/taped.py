"""What a call under a tape comes down to: primitives that run one by one, each of which the tapes are told of."""

from ckeras._core.dtypes import CODES
from ckeras._core.passes.plan import nbytes
from ckeras._core.primitive import PRIMITIVES, Alias, Elementwise, Primitive
from ckeras._core.tape import Derived
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer, trace_function

_RUN, _ALIAS, _TOLD = range(3)  # as in csrc/bind/taped.h


def stages(call, tensors, container, given):
    """What `_engine.short_way` keeps of `call(*tracers)`, a list of tensors: see csrc/bind/taped.h. `False`: nothing.

    `container[0]` is that of the result, known once `call` has run; constants have at most `given` bytes.
    """
    try:
        trace, inputs, result = trace_function(call, [(t.shape, t.dtype) for t in tensors])
    except Exception:  # an error is the long way's to tell
        return False
    if trace.reads or trace.writes or not all(leaf.__class__ in (Tensor, Tracer) for leaf in result):
        return False
    if not all(_is_plain(eq.primitive) for eq in trace.equations):
        return False
    customs = [c for c in trace.customs if any(y.__class__ is Tracer for y in c[3])]  # others are of constants alone
    if not all(isinstance(record, Derived) for _, record, _, _ in customs):
        return False
    used = [x for eq in trace.equations for x in eq.inputs] + [x for c in customs for x in c[2]] + list(result)
    constants = list({id(x): x for x in used if x.__class__ is Tensor}.values())
    if any(nbytes(x) > given for x in constants):
        return False
    numbers = {id(x): i for i, x in enumerate([*inputs, *constants])}
    steps = _in_order(trace.equations, customs)
    recorded = _recorded(steps, result)
    found = []
    for i, (primitive, attrs, ins, outs, runs) in enumerate(steps):
        if runs:
            kind, told, types = _ALIAS if primitive.alias else _RUN, (), tuple([_type(y) for y in outs])
        else:
            kind, told, types = _TOLD, _numbered(numbers, outs), ()
        packed = primitive.pack(*ins, **attrs) if kind == _RUN else ((), ())
        op = primitive.op_id if kind == _RUN else -1
        found.append((kind, i in recorded, primitive, attrs, _numbered(numbers, ins), told, types, op, *packed))
        if runs:
            numbers.update({id(y): len(numbers) + k for k, y in enumerate(outs)})
    arguments = tuple([_type(x) for x in inputs])
    return arguments, tuple(constants), tuple(found), container[0], _numbered(numbers, result)


def _is_plain(primitive):
    """Whether the engine alone runs it, in a trace and outside alike."""
    if not isinstance(primitive, Primitive) or any(p.traced is primitive for p in PRIMITIVES.values()):
        return False
    kind = type(primitive)
    plain = kind.execute in (Primitive.execute, Alias.execute) and kind.bind in (Primitive.bind, Elementwise.bind)
    return plain and (primitive.alias or primitive.op_id is not None)


def _in_order(equations, customs):
    """(primitive, attributes, inputs, outputs, whether it runs): equations, and the records of given derivatives."""
    steps = []
    for i, eq in enumerate((*equations, None)):
        while customs and customs[0][0] <= i:
            _, record, ins, outs = customs.pop(0)
            steps.append((record, {}, ins, outs, False))
        if eq is not None:
            steps.append((eq.primitive, eq.attrs, eq.inputs, eq.outputs, True))
    return steps


def _recorded(steps, result):
    """The numbers of the steps through which gradients may flow: what a given derivative stands for is not recorded."""
    silent = {id(y) for _, _, _, outs, runs in steps if not runs for y in outs}
    asked, found = {id(x) for x in result}, set()
    for i in reversed(range(len(steps))):
        _, _, ins, outs, runs = steps[i]
        if any(id(y) in asked for y in outs) and not (runs and id(outs[0]) in silent):
            found.add(i)
            asked.update(map(id, ins))
    return found


def _type(x):
    return x.shape, x.dtype, CODES[x.dtype]


def _numbered(numbers, values):
    return tuple([numbers[id(x)] for x in values])
