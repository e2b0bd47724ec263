"""Variable: a named, assignable tensor."""

from ckeras import _engine
from ckeras._core import dtypes, hooks, scope
from ckeras._core.errors import ShapeError
from ckeras._core.scope import state
from ckeras._core.tensor import Tensor, TensorBase, convert, numpy_function

# Set by the initializers package: a name or config -> a callable (shape, dtype) -> tensor.
resolve_initializer = None
# The storage of an array; `_core.device` puts its own here when a GPU is first used.
make_cell = _engine.Cell


def _is_initializer(x):
    return isinstance(x, (str, dict)) or (callable(x) and not isinstance(x, TensorBase))


class Variable(TensorBase):
    """A tensor that can be assigned, as a weight or an optimizer's slot.

    `initializer`: a value, a callable `(shape, dtype)`, or an initializer's name; the last two need `shape`.
    `trainable` variables are watched by every `GradientTape` that reads them. Reading gives one `Tensor`, the same
    object until the next assignment; a tensor once read never changes.
    Raises `ShapeError` when an assigned value has another shape, `ValueError` for an unknown initializer.

    >>> v = ckeras.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    name: str
    path: str
    shape: tuple
    dtype: str
    trainable: bool
    aggregation: str
    synchronization: str
    constraint: object
    regularizer: object
    overwrite_with_gradient: bool

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        layout=None,
        **kwargs,
    ):
        if layout is not None:
            raise ValueError(f"[Variable] layout={layout!r}: tensor layouts over several devices are not supported")
        if kwargs:
            raise TypeError(f"[Variable] unexpected arguments {sorted(kwargs)}")
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"[Variable] name must be a string without '/', got {name!r}")
        if aggregation not in ("none", "mean", "sum", "only_first_replica", None):
            raise ValueError(
                f"[Variable] aggregation must be 'none', 'mean', 'sum' or 'only_first_replica', got {aggregation!r}"
            )
        self.name = name or scope.auto_name("variable")
        self.path = scope.path_of(self.name)
        self.trainable = bool(trainable)
        self.autocast = bool(autocast)
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization
        self.constraint = None
        self.regularizer = None
        self.overwrite_with_gradient = False
        overlay = state.overlay
        if overlay is not None and (not overlay.initialize_variables or not _is_initializer(initializer)):
            raise ValueError(
                f"[Variable {self.path}] a stateless scope makes no variables from values"
                f"{'' if overlay.initialize_variables else ', nor any with initialize_variables=False'}; make them "
                "before, in build(self, input_shape) of a layer"
            )
        with scope.concrete():
            value = self._initial(initializer, shape, None if dtype is None else dtypes.standardize(dtype))
        self._set_storage(value)

    def _initial(self, initializer, shape, dtype):
        if isinstance(initializer, (str, dict)):
            if resolve_initializer is None:
                raise ValueError(f"[Variable] initializer {initializer!r}: import ckeras.initializers to use names")
            initializer = resolve_initializer(initializer)
        if _is_initializer(initializer):
            if shape is None:
                raise ValueError(f"[Variable {self.path}] an initializer that is a function needs `shape`")
            shape = tuple(int(d) for d in shape)
            if scope.state.allowance is not None:
                scope.state.allowance(self.path, shape, dtype or dtypes.floatx())
            value = convert(initializer(shape, dtype=dtype or dtypes.floatx()), dtype)
        else:
            value = convert(initializer, dtype)
        if shape is not None and value.shape != tuple(shape):
            raise ShapeError(
                f"[Variable {self.path}] expected an initial value of shape {tuple(shape)}, got {value.shape}"
            )
        return value

    def _set_storage(self, tensor):
        self.shape = tensor.shape
        self.dtype = tensor.dtype
        self._cell = cell = make_cell(tensor._array)
        same_place = (cell.__class__ is _engine.Cell) is (tensor._array.__class__ is _engine.Array)
        self._tensor = tensor if same_place else None

    def raw(self):
        """The current value as it is stored: not cast where variables are read in another dtype."""
        overlay = state.overlay
        t = None if overlay is None else overlay.get_current_value(self)
        if t is not None:
            pass
        elif state.trace is not None:
            t = state.trace.read(self)
        else:
            t = self._tensor
            if t is None:
                t = self._tensor = Tensor(self._cell.get(), self.shape, self.dtype)
        if self.trainable:
            for tape in state.tapes:
                tape.saw_variable(self, t)
        return t

    @property
    def value(self):
        """The current value, as a tensor."""
        t = self.raw()
        if (
            state.autocast is not None
            and self.autocast
            and self.dtype in dtypes.FLOATS
            and self.dtype != state.autocast
        ):
            return hooks.cast(t, state.autocast)
        return t

    def _as_operand(self):
        return self.value

    def assign(self, value):
        """Replaces the value; returns the new one."""
        value = convert(value, self.dtype)
        if value.shape != self.shape:
            raise ShapeError(
                f"[Variable {self.path}] assign: expected a value of shape {self.shape}, got {value.shape}; "
                "a variable keeps its shape, broadcast or reshape the value first"
            )
        if state.overlay is not None:
            state.overlay.add_update((self, value))
        elif state.trace is not None:
            state.trace.write(self, value)
        else:
            if value.__class__ is not Tensor:
                value._no_value(f"assigning to the variable {self.path!r}")
            try:
                copied = self._cell.set(value._array)
                self._tensor = None if copied else value
            except TypeError:  # a tensor of another device
                if hooks.assign_elsewhere is None:
                    raise
                hooks.assign_elsewhere(self, value)
                self._tensor = None
        return value

    def assign_add(self, value):
        """Adds to the value; returns the new one."""
        return self.assign(self + value)

    def assign_sub(self, value):
        """Subtracts from the value; returns the new one."""
        return self.assign(self - value)

    def _stored(self):
        """The concrete value, outside any trace or tape."""
        t = self._tensor
        if t is None:
            t = self._tensor = Tensor(self._cell.get(), self.shape, self.dtype)
        return t

    def numpy(self):
        return self.value.numpy()

    def item(self):
        return self.value.item()

    def __array__(self, dtype=None, copy=None):
        return self.value.__array__(dtype, copy)

    __array_function__ = numpy_function

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __float__(self):
        return float(self.value)

    def __index__(self):
        return self.value.__index__()

    def __repr__(self):
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._stored().numpy()}>"

    def __getstate__(self):
        kept = {k: v for k, v in self.__dict__.items() if k not in ("_cell", "_tensor")}
        return kept, self._stored()

    def __setstate__(self, saved):
        kept, tensor = saved
        self.__dict__.update(kept)
        self._set_storage(tensor)


_engine.set_tensors(Tensor, Variable, state)
