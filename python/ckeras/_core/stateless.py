"""StatelessScope and SymbolicScope: variables whose values are given, and the stage at which there are none."""

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.scope import state
from ckeras._core.tensor import convert
from ckeras._core.variable import Variable


class StatelessScope:
    """Inside, variables have the values of `state_mapping`, pairs (variable, tensor), and keep their own.

    What is assigned inside is given by `get_current_value(variable)`, also afterwards; `None` for a variable that was
    neither given nor assigned. What layers pass to `add_loss` is lost, with `collect_losses` it goes to `losses`.
    Variables may be made inside by an initializer, not from a value (`ValueError`), and not at all with
    `initialize_variables=False`.
    Raises `ArgumentError` for keys that are no variables, `ShapeError` for values of another shape.

    >>> v = ckeras.Variable(1.0)
    >>> with ckeras.StatelessScope([(v, 5.0)]) as scope:
    ...     v.assign_add(1.0)
    >>> float(v), float(scope.get_current_value(v))
    (1.0, 6.0)
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses = []
        self._losses_of = {}
        self._values = {}
        self._outer = []
        for pair in state_mapping or ():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], Variable):
                raise ArgumentError(f"[StatelessScope] state_mapping must hold pairs (Variable, value), got {pair!r}")
            self.add_update(pair)

    def __enter__(self):
        self._outer.append(state.overlay)
        state.overlay = self
        return self

    def __exit__(self, *exc):
        state.overlay = self._outer.pop()

    def add_loss(self, loss, layer=None):
        """Appends to `losses`; `layer` is the one that adds it."""
        self.losses.append(loss)
        self._losses_of.setdefault(id(layer), []).append(loss)

    def losses_of(self, layer):
        """What the layer added."""
        return self._losses_of.get(id(layer), [])

    def add_update(self, update):
        """Gives a variable a value in this scope: `update` is (variable, value)."""
        variable, value = update
        value = convert(value, variable.dtype)
        if value.shape != variable.shape:
            raise ShapeError(
                f"[StatelessScope] the value of {variable.path!r} must have shape {variable.shape}, got {value.shape}"
            )
        self._values[variable] = value

    def get_current_value(self, variable):
        """The variable's value in this scope, or `None`."""
        return self._values.get(variable)


class SymbolicScope:
    """Says that what runs inside only finds shapes and dtypes: `in_symbolic_scope()` is true there.

    ckeras itself is in one while it finds what a layer or function gives for symbolic inputs.
    """

    def __init__(self):
        self._outer = []

    def __enter__(self):
        self._outer.append(state.symbolic)
        state.symbolic = True
        return self

    def __exit__(self, *exc):
        state.symbolic = self._outer.pop()


def in_stateless_scope():
    """Whether a `StatelessScope` is entered."""
    return state.overlay is not None


def in_symbolic_scope():
    """Whether only shapes and dtypes are being found."""
    return state.symbolic
