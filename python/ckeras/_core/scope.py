"""State that is ambient: who records or traces in this thread, automatic names, global attributes."""

import contextlib
import threading


class State(threading.local):
    """What operations of this thread look at. The class attributes are the defaults of a new thread."""

    tapes = ()  # active gradient tapes, outermost first
    trace = None  # the trace that reads and writes of variables go to
    autocast = None  # float dtype that variables are read in (mixed precision), or None
    names = ()  # name scopes, outermost first
    name_caller = None  # who opened the innermost name scope
    overlay = None  # the StatelessScope that reads and writes of variables go to first
    symbolic = False  # inside a SymbolicScope, or while the outputs of symbolic inputs are found
    stand_in = None  # the size that then stands for an unknown dimension, where no known one has it
    remat = None  # the RematScope that new layers remember
    device = None  # the GPU, or "cpu", that was asked for; None: neither
    allowance = None  # (path, shape, dtype) -> None, called before a variable is made; raises when it is too big


state = State()

_names = {}
_globals = {}


@contextlib.contextmanager
def concrete():
    """Leaves every trace, tape and stateless scope for a while: variables hold values and nothing is recorded."""
    saved = state.trace, state.tapes, state.overlay
    state.trace, state.tapes, state.overlay = None, (), None
    try:
        yield
    finally:
        state.trace, state.tapes, state.overlay = saved


@contextlib.contextmanager
def on_host():
    """Arrays made inside stay on the processor."""
    saved, state.device = state.device, "cpu"
    try:
        yield
    finally:
        state.device = saved


@contextlib.contextmanager
def autocast(dtype):
    """Float variables are read as `dtype` inside; `None` reads them as they are."""
    saved = state.autocast
    state.autocast = dtype
    try:
        yield
    finally:
        state.autocast = saved


class name_scope:
    """Prefixes the `path` of variables made inside the `with` block with `name`.

    `override_parent` replaces the prefix of the scopes around it. With `deduplicate`, entering the same `name` again
    for the same `caller` (any object) adds nothing. Raises `ValueError` for a name that is no string or holds "/".

    >>> with ckeras.name_scope("block"):
    ...     ckeras.Variable(1.0, name="v").path
    'block/v'
    """

    def __init__(self, name, caller=None, deduplicate=True, override_parent=None):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"[name_scope] name must be a string without '/', got {name!r}")
        self.name = name
        self.caller = caller
        self.deduplicate = deduplicate
        self.override_parent = override_parent
        self._saved = []

    def __enter__(self):
        self._saved.append((state.names, state.name_caller))
        names = state.names
        if self.override_parent is not None:
            names = tuple([part for part in self.override_parent.split("/") if part])
        elif (
            self.deduplicate
            and self.caller is not None
            and state.name_caller is self.caller
            and names
            and names[-1] == self.name
        ):
            return self
        state.names = (*names, self.name)
        state.name_caller = self.caller
        return self

    def __exit__(self, *exc):
        state.names, state.name_caller = self._saved.pop()


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
