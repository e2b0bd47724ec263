"""The short way of a public function: from Python's call to the kernels in one call of the engine."""

import functools

from ckeras import _engine
from ckeras._core import hooks


def short(fn, general=None, fixed=None):
    """`general` (`fn` unless given), where no short way is known for a call.

    The engine learns what small calls of `fn` come down to (`_core/replay.py`). `fixed(*args)`, where given, is tried
    first: the result, or `None` for arguments that it leaves.
    """
    general = general or fn
    way = _engine.short_way(lambda *call: hooks.learn(fn, *call), fixed)

    @functools.wraps(fn)
    def op(*args, **kwargs):
        out = way(*args, **kwargs)
        return general(*args, **kwargs) if out is None else out

    return op
