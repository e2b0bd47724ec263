"""What the engine's short way learns of a public function: the program that a call of one signature comes down to.

A signature is the shapes and dtypes of the tensors in a call and everything else that was given, by value. After 16
small calls of one the engine runs the program, and Python takes no part. Calls under a tape, and those with anything
but tensors, variables, numbers, strings, slices and short lists of them, go through Python every time.
"""

from ckeras._core import hooks, program
from ckeras._core.primitive import Primitive
from ckeras._core.scope import state
from ckeras._core.tape import Derived, Record, backward
from ckeras._core.taped import stages
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer, nbytes
from ckeras._core.variable import Variable

_WORK = 1 << 16  # bytes that a kept program may hold between calls
_BACKWARD_WORK = 1 << 18  # of a backward pass, of which fewer are kept
_GIVEN = 1 << 12  # bytes of a constant result that is kept
_CONTAINERS = {list: 1, tuple: 2}  # that a result may be


class _NoReplayError(Exception):
    """The function does more than give tensors."""


def learn(fn, args, names, tensors, taped):
    """What `_engine.short_way` asks: `None` not now, `False` never, or (program, bytes, container, leaves).

    `args` are positional arguments, then those of `names`; `tensors` the concrete tensors in them, in order. A leaf is
    (number, shape, dtype, given): an output's number; -1 for the tensor `given`; -2 - i for argument tensor i itself.
    Where `taped`, what `_core/taped.py` says of the same call.
    """
    if _not_now():
        return None
    returned = []

    def call(*tracers):
        values = iter(tracers)
        full = [_swap(a, values) for a in args]
        n = len(full) - len(names)
        result = fn(*full[:n], **dict(zip(names, full[n:])))
        leaves = result if result.__class__ in _CONTAINERS else [result]
        returned.append(_CONTAINERS.get(result.__class__, 0))
        return leaves if taped else _noted(leaves, tracers, returned)

    if taped:
        return stages(call, tensors, returned, _GIVEN)
    return _compiled(call, tensors, _WORK, returned)


def learn_backward(records, targets, seeds, wanted, tensors):
    """What `_engine.backward` asks of a pass through `records`: as of `learn`.

    `tensors` are all tensors in the other arguments. A leaf without a gradient is (-1, (), "", None).
    """
    if _not_now() or not all(isinstance(r.primitive, (Primitive, Derived)) for r in records):
        return None
    returned = [_CONTAINERS[list]]

    def call(*tracers):
        stand = {id(t): tracer for t, tracer in zip(tensors, tracers)}
        stand[id(None)] = None

        def mapped(items):
            return tuple([stand[id(x)] for x in items])

        swapped = [Record(r.primitive, mapped(r.inputs), r.attrs, mapped(r.outputs)) for r in records]
        leaves = backward(swapped, mapped(targets), mapped(seeds), mapped(wanted))
        return _noted(leaves, tracers, returned)

    return _compiled(call, tensors, _BACKWARD_WORK, returned)


def _not_now():
    return state.trace is not None or state.overlay is not None or state.symbolic or program.before_run is not None


def _noted(leaves, tracers, returned):
    """`leaves` without `None`; `returned` gets a (place among `tracers`, shape, dtype) of each, or `None` for it."""
    for leaf in leaves:
        if leaf is None:
            returned.append(None)
        elif leaf.__class__ in (Tensor, Tracer):
            place = next((i for i, t in enumerate(tracers) if t is leaf), None)
            returned.append((place, nbytes(leaf)))
        else:
            raise _NoReplayError
    return [leaf for leaf in leaves if leaf is not None]


def _compiled(call, tensors, work, returned):
    """The answer for `call(*tracers)`, which leaves in `returned` its container, then what `_noted` says."""
    try:
        made = program.compile(call, *[(t.shape, t.dtype) for t in tensors])
    except Exception:  # an error is the long way's to tell; values that are asked for are there on the long way
        return False
    found = made.recipe()
    if found is None or found[1] > work:
        return False
    engine_program, _, specs = found
    specs = iter(specs)
    out, number, size = [], 0, 0
    for leaf in returned[1:]:
        if leaf is None:
            out.append((-1, (), "", None))
            continue
        (place, n), (constant, shape, dtype) = leaf, next(specs)
        size += n
        if constant is None:
            out.append((number if place is None else -2 - place, shape, dtype, None))
            number += 1
        elif nbytes(constant) > _GIVEN:
            return False
        else:
            out.append((-1, shape, dtype, constant))
    needed = any(leaf[0] >= 0 for leaf in out)
    return engine_program if needed else None, size, returned[0], out


def _swap(x, tensors):
    """`x` with the tensors and variables in it replaced, in order."""
    if x.__class__ in (Tensor, Variable):
        return next(tensors)
    return x.__class__([_swap(i, tensors) for i in x]) if x.__class__ in _CONTAINERS else x


hooks.learn = learn
hooks.learn_backward = learn_backward
