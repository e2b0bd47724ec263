"""What the engine's short way learns of a public function: the program that a call of one signature comes down to.

A signature is the shapes and dtypes of the tensors in a call and everything else that was given, by value. After 16
small calls of one the engine runs the program, and Python takes no part. Calls under a tape, and those with anything
but tensors, variables, numbers, strings, slices and short lists of them, go through Python every time.
"""

from ckeras._core import hooks, program
from ckeras._core.passes.plan import nbytes
from ckeras._core.scope import state
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer
from ckeras._core.variable import Variable

_WORK = 1 << 16  # bytes that a kept program may hold between calls
_GIVEN = 1 << 12  # bytes of a constant result that is kept
_CONTAINERS = {list: 1, tuple: 2}  # that a result may be


class _NoReplayError(Exception):
    """The function does more than give tensors."""


def learn(fn, args, names, tensors):
    """What `_engine.short_way` asks: `None` not now, `False` never, or (program, bytes, container, leaves).

    `args` are positional arguments, then those of `names`; `tensors` the concrete tensors in them, in order. A leaf is
    (number, shape, dtype, given): an output's number; -1 for the tensor `given`; -2 - i for argument tensor i itself.
    """
    if state.trace is not None or state.overlay is not None or state.symbolic or program.before_run is not None:
        return None
    returned = []

    def call(*tracers):
        values = iter(tracers)
        full = [_swap(a, values) for a in args]
        n = len(full) - len(names)
        result = fn(*full[:n], **dict(zip(names, full[n:])))
        leaves = result if result.__class__ in _CONTAINERS else [result]
        if not all(leaf.__class__ in (Tensor, Tracer) for leaf in leaves):
            raise _NoReplayError
        places = [next((i for i, t in enumerate(tracers) if t is leaf), None) for leaf in leaves]
        returned[:] = leaves, places, result.__class__
        return result

    try:
        made = program.compile(call, *[(t.shape, t.dtype) for t in tensors])
    except Exception:  # an error is the long way's to tell; values that are asked for are there on the long way
        return False
    found = made.recipe()
    if found is None or found[1] > _WORK:
        return False
    engine_program, _, specs = found
    leaves, arguments, container = returned
    out, number = [], 0
    for argument, (constant, shape, dtype) in zip(arguments, specs):
        if constant is None:
            out.append((number if argument is None else -2 - argument, shape, dtype, None))
            number += 1
        elif nbytes(constant) > _GIVEN:
            return False
        else:
            out.append((-1, shape, dtype, constant))
    needed = any(leaf[0] >= 0 for leaf in out)
    size = sum([nbytes(x) for x in leaves])
    return engine_program if needed else None, size, _CONTAINERS.get(container, 0), out


def _swap(x, tensors):
    """`x` with the tensors and variables in it replaced, in order."""
    if x.__class__ in (Tensor, Variable):
        return next(tensors)
    return x.__class__([_swap(i, tensors) for i in x]) if x.__class__ in _CONTAINERS else x


hooks.learn = learn
