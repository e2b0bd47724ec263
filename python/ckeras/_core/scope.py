"""State that is ambient: who records or traces in this thread, automatic names, global attributes."""

import contextlib
import threading


class State(threading.local):
    """What operations of this thread look at. The class attributes are the defaults of a new thread."""

    tapes = ()  # active gradient tapes, outermost first
    trace = None  # the trace that reads and writes of variables go to
    autocast = None  # float dtype that variables are read in (mixed precision), or None
    names = ()  # name scopes, outermost first
    allowance = None  # (path, shape, dtype) -> None, called before a variable is made; raises when it is too big


state = State()

_names = {}
_globals = {}


@contextlib.contextmanager
def concrete():
    """Leaves every trace and tape for a while: variables hold values and nothing is recorded."""
    saved = state.trace, state.tapes
    state.trace, state.tapes = None, ()
    try:
        yield
    finally:
        state.trace, state.tapes = saved


@contextlib.contextmanager
def autocast(dtype):
    """Float variables are read as `dtype` inside; `None` reads them as they are."""
    saved = state.autocast
    state.autocast = dtype
    try:
        yield
    finally:
        state.autocast = saved


@contextlib.contextmanager
def name_scope(name):
    """Prefixes the `path` of variables made inside."""
    saved = state.names
    state.names = (*saved, name)
    try:
        yield
    finally:
        state.names = saved


def path_of(name):
    return "/".join((*state.names, name))


def auto_name(base):
    """`base`, then `base_1`, `base_2`... until `clear_names`."""
    n = _names.get(base, 0)
    _names[base] = n + 1
    return f"{base}_{n}" if n else base


def clear_names():
    _names.clear()


def names_snapshot():
    """The counters of automatic names, for `restore_names`."""
    return dict(_names)


def restore_names(snapshot):
    _names.clear()
    _names.update(snapshot)


def get_global(key, default=None):
    return _globals.get(key, default)


def set_global(key, value):
    _globals[key] = value


def clear_session():
    """Forgets automatic names and global attributes, the global seed generator among them."""
    _names.clear()
    _globals.clear()
