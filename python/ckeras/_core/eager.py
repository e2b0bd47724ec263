"""Composite functions of large tensors outside traces: one pass over the memory instead of one an op."""

import functools
import threading

from ckeras._core import program
from ckeras._core.dtypes import FLOATS
from ckeras._core.scope import state
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor
from ckeras._core.variable import Variable

LARGE = 1 << 15  # elements of an argument; what is smaller stays in the caches between two ops
_KEPT = 16  # signatures of a function
_WORK = 1 << 16  # bytes that a kept program may hold between calls
_lock = threading.Lock()  # of who changes what is known
_PLAIN = (float, int, bool, str, type(None))


def fused(fn):
    """`fn`, which from the second call of a signature on runs as a program when an argument is a large tensor.

    For functions of tensors, plain values and axes whose ops are elementwise but for few: bits are the same, passes
    fewer. Under a tape, in a trace, in a scope or on a GPU it is `fn` itself.
    """
    known = {}  # signature -> its program; None: seen once; False: it would need memory of its own

    @functools.wraps(fn)
    def call(*args, **kwargs):
        for a in args:
            if a.__class__ is Tensor and a.size >= LARGE:
                break
        else:
            return fn(*args, **kwargs)
        if state.tapes or state.trace is not None or state.overlay is not None or state.autocast is not None:
            return fn(*args, **kwargs)
        values = [a.value if a.__class__ is Variable else a for a in (*args, *kwargs.values())]
        key = _signature(values, kwargs)
        if key is None or program.before_run is not None:
            return fn(*args, **kwargs)
        found = known.get(key)
        if found is None:
            if key not in known:
                out = fn(*args, **kwargs)  # first, since only what raised nothing is remembered
                with _lock:
                    if len(known) >= _KEPT:
                        del known[next(iter(known))]
                    known[key] = None
                return out
            found = _compile(fn, values, tuple(kwargs))
            with _lock:
                known[key] = found
        return found.run([v for v in values if v.__class__ is Tensor]) if found else fn(*args, **kwargs)

    return call


def fused_op(fn):
    """`public_op`, of a composite that runs `fused`."""
    return public_op(fused(fn))


def _signature(values, names):
    """What a program depends on, or `None` where there is more to it than shapes, dtypes and plain values."""
    key = [*names]
    for v in values:
        if v.__class__ is Tensor and v.dtype in FLOATS:
            key.append((v.shape, v.dtype))
        elif v.__class__ in _PLAIN or (v.__class__ is tuple and all(i.__class__ is int for i in v)):
            key.append(repr(v))  # tells 0.0 from -0.0 and from 0
        else:
            return None
    return tuple(key)


def _compile(fn, values, names):
    places = [i for i, v in enumerate(values) if v.__class__ is Tensor]
    n_args = len(values) - len(names)

    def flat(*tensors):
        full = list(values)
        for i, t in zip(places, tensors):
            full[i] = t
        return fn(*full[:n_args], **dict(zip(names, full[n_args:])))

    made = program.compile(flat, *[(values[i].shape, values[i].dtype) for i in places])
    return made if made.planned_bytes <= _WORK else False
