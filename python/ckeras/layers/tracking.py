"""What a layer holds: finding layers, variables, metrics and seed generators in attributes, lists and dicts."""

import contextlib
import itertools
import threading

from ckeras._core.rng import SeedGenerator
from ckeras._core.variable import Variable
from ckeras.metrics.metric import Metric

# Lists of every layer that hold none of it.
_STATELESS = frozenset(("_inbound_nodes", "_outbound_nodes", "_losses"))


class _State(threading.local):
    off = False


_state = _State()


@contextlib.contextmanager
def no_tracking():
    """Attributes set inside are the layer's own business: what they hold is not tracked."""
    saved = _state.off
    _state.off = True
    try:
        yield
    finally:
        _state.off = saved


_made = itertools.count()


class Tracked:
    """Base of layers: remembers which attributes hold state, and what is in them in the order in which it came.

    Containers are looked into when an attribute is set and when somebody asks. What was put into several of them
    meanwhile came, as far as one can tell, in the order in which it was made. `layer_class` is set by `layers.layer`.
    """

    layer_class = None

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        put = object.__setattr__
        put(self, "_tracked", {})
        put(self, "_order", [])
        put(self, "_found", {})
        put(self, "_serial", next(_made))
        put(self, "_trainable_own", [])
        put(self, "_non_trainable_own", [])
        return self

    def __setattr__(self, name, value):
        kind = value.__class__
        if kind is not str and kind is not int and kind is not bool and value is not None and not _state.off:
            if isinstance(value, Variable):
                self._track_variable(value)
            elif isinstance(value, _HOLDERS) and name not in _STATELESS and not _is_plain(value):
                self._notice(_serial)
                self._tracked[name] = value
                self._found.clear()
                self._notice()
            else:
                self._untrack(name)
        elif self._tracked and not _state.off:
            self._untrack(name)
        object.__setattr__(self, name, value)

    def _untrack(self, name):
        if self._tracked.pop(name, None) is not None:
            self._found.clear()

    def __delattr__(self, name):
        self._untrack(name)
        value = self.__dict__.get(name)
        if isinstance(value, Variable):
            for own in (self._trainable_own, self._non_trainable_own):
                own[:] = [v for v in own if v is not value]
        object.__delattr__(self, name)

    def _track_variable(self, v):
        if not any(v is w for w in self._trainable_own) and not any(v is w for w in self._non_trainable_own):
            (self._trainable_own if v.trainable else self._non_trainable_own).append(v)

    def _held(self, kind):
        """The tracked objects of one kind in attributes and containers, each once."""
        if not self._tracked:
            return []
        found = self._found.get(kind)
        if found is None:
            found = self._look_for(kind)
            if not any(isinstance(value, _CONTAINERS) for value in self._tracked.values()):
                self._found[kind] = found  # until an attribute is set: containers change without a word
        return found[:]

    def _look_for(self, kind):
        self._notice(_serial)
        return [x for x in self._order if isinstance(x, kind)]

    def _notice(self, key=None):
        """Adds what is new in attributes and containers to `_order`, sorted by `key`, and drops what is gone."""
        there = {}
        _collect(self._tracked.values(), there)
        known = {id(x) for x in self._order}
        if there.keys() == known:
            return
        new = [x for i, x in there.items() if i not in known]
        if key is not None:
            new.sort(key=key)
        self._order[:] = [x for x in self._order if id(x) in there] + new

    @property
    def _layers(self):
        """The layers directly held."""
        return self._held(self.layer_class)

    @property
    def _metrics(self):
        return self._held(Metric)

    @property
    def _seed_generators(self):
        return self._held(SeedGenerator)

    def _own_variables(self):
        """The variables directly held: trainable ones first, those in containers after those in attributes."""
        loose = self._held(Variable)
        if not loose:
            return self._trainable_own + self._non_trainable_own
        return unique(
            self._trainable_own
            + [v for v in loose if v.trainable]
            + self._non_trainable_own
            + [v for v in loose if not v.trainable]
        )


def _serial(x):
    return getattr(x, "_serial", 0)


def _collect(values, found):
    """Puts the state in a structure into `found`, by id."""
    for x in values:
        if isinstance(x, _STATE):
            found.setdefault(id(x), x)
        elif isinstance(x, dict):
            _collect(x.values(), found)
        elif isinstance(x, (list, tuple, set)):
            _collect(x, found)


_CONTAINERS = (list, tuple, dict)
_STATE = (Tracked, Metric, SeedGenerator, Variable)
# What an attribute must be for `Tracked` to look into it.
_HOLDERS = (Tracked, Metric, SeedGenerator, *_CONTAINERS)
_PLAIN = frozenset((str, int, float, bool, type(None)))


def _is_plain(x):
    """Whether `x` is a tuple that holds no state and never will."""
    return x.__class__ is tuple and all(item.__class__ in _PLAIN or _is_plain(item) for item in x)


def unique(items):
    """The items in order, each once by identity."""
    return list({id(x): x for x in items}.values())
