"""Which objects of a model have variables of their own, and under which path a weights file keeps each.

The layout is Keras 3's: a layer in an attribute is at that attribute's name, layers in a list or dict at the snake case
of their class, numbered, a list in a list at `container`. `layers` of a model is such a list: of Sequential and
functional models the first, of others where it stands in the alphabet. Variables are in the group `vars`.
"""

import warnings

import numpy as np

from ckeras._core.symbolic import snake_case
from ckeras.metrics.metric import Metric
from ckeras.optimizers.optimizer import Optimizer
from ckeras.saving.errors import FileError

_NAMED_BYTES = 64 << 20  # what an object that stores values by name, not as variables, may read


def walk(model):
    """`(path, object)` for the model and all in it that has variables, each once, in the file's order."""
    return _Walk(model).found


class _Walk:
    """The walk, past `skipped` objects; `containers` are the paths of containers in containers, which older files of
    Keras lack."""

    def __init__(self, model, nested=True, skipped=()):
        self.found = []
        self.containers = []
        self._nested = nested
        self._seen = {id(obj): obj for obj in skipped}  # kept alive so that an id stays its object's
        self._object(model, "")

    def _object(self, obj, path):
        if id(obj) in self._seen:
            return
        self._seen[id(obj)] = obj
        self.found.append((path, obj))
        for name, child in _children(obj):
            inner = f"{path}/{name}" if path else name
            if _is_stateful(child):
                self._object(child, inner)
            elif isinstance(child, _CONTAINERS):
                self._container(child, inner)

    def _container(self, container, path):
        if id(container) in self._seen:
            return
        self._seen[id(container)] = container
        used = {}
        for item in container.values() if isinstance(container, dict) else container:
            inside = isinstance(item, _CONTAINERS)
            if not inside and not _is_stateful(item):
                continue
            name = "container" if inside else snake_case(type(item).__name__)
            n = used.get(name, 0)
            used[name] = n + 1
            inner = f"{path}/{name}_{n}" if n else f"{path}/{name}"
            if not inside:
                self._object(item, inner)
            elif self._nested:
                before = len(self.found)
                self._container(item, inner)
                if len(self.found) > before:
                    self.containers.append(inner)


_CONTAINERS = (list, tuple, dict)


def _is_stateful(x):
    return (isinstance(x, Metric) or hasattr(x, "save_own_variables")) and not isinstance(x, type)


def _children(obj):
    """`(attribute, value)` of what may hold state, by name, private ones last.

    `layers` is such an attribute of every model, and the first one of a model that is made of layers.
    """
    graph = is_graph(obj)
    found = [("layers", list(obj.layers))] if graph else []
    tracked = getattr(obj, "_tracked", None)
    names = set(tracked if tracked is not None else vars(obj)) - {"_tracked"}
    names.update(_properties(type(obj)))
    if getattr(obj, "optimizer", None) is not None:
        names.add("optimizer")
    if _is_a(obj, "Model"):
        names.add("layers")
    if graph:
        names.remove("layers")
    for name in sorted(names, key=lambda name: (name.startswith("_"), name)):
        try:
            value = getattr(obj, name, None)
        except Exception:  # a user's property may ask for what is not there yet
            continue
        if _is_stateful(value) or isinstance(value, _CONTAINERS):
            found.append((name, value))
    return found


def _properties(cls):
    """The properties that a user's classes add: what they give is walked as an attribute is."""
    ours = [c for c in cls.__mro__ if c.__module__.startswith("ckeras.")]
    added = [c for c in cls.__mro__ if c not in ours and c is not object]
    return [
        name
        for c in added
        for name, value in vars(c).items()
        if isinstance(value, property) and not name.startswith("__") and not any(hasattr(o, name) for o in ours)
    ]


def is_graph(obj):
    """Whether it is a model made of `layers`: Sequential or functional."""
    return _is_a(obj, "Sequential", "Functional")


def _is_a(obj, *names):
    """Whether one of ckeras's own classes of these names is among the object's; they import this module."""
    return any(c.__name__ in names and c.__module__.startswith("ckeras.") for c in type(obj).__mro__)


def save(model, writer):
    """Writes the variables of everything in the model."""
    for path, obj in walk(model):
        entry = writer.make(path, getattr(obj, "name", None))
        if isinstance(obj, Metric):
            for i, v in enumerate(obj.variables):
                entry[str(i)] = v.numpy()
        else:
            obj.save_own_variables(entry)


def load(model, reader, skip_mismatch=False, skipped=()):
    """Reads the variables of everything in the model; all shapes and dtypes are compared before anything is assigned.

    An optimizer or metric that the file has no fitting state for is left alone, with a warning when the file has other
    state. With `skip_mismatch` that holds for every object. What is `skipped`, and all in it, is not looked for. Raises
    `FileError` naming object, variable and both shapes.
    """
    ready, failures = [], []
    walked = _Walk(model, skipped=skipped)
    if walked.containers and not any(reader.group(path) is not None for path in walked.containers):
        walked = _Walk(model, nested=False, skipped=skipped)
    for path, obj in walked.found:
        if isinstance(obj, Optimizer) and not obj.built and model.built and len(reader.child_names(f"{path}/vars")) > 2:
            obj.build(model.trainable_variables)
        variables = own_variables(obj)
        entry = reader.entry(path, 2 * sum(nbytes(v) for v in variables) if _standard(obj) else _NAMED_BYTES)
        if isinstance(obj, Optimizer) and entry is not None and len(entry) <= 2:
            variables = variables[: len(entry)]  # saved before the first step: no slots yet
        if entry is None and (not variables or isinstance(obj, (Optimizer, Metric))):
            continue
        problem = _mismatch(path, obj, entry, variables, reader.where)
        if problem is None:
            ready.append((obj, entry, variables))
        elif skip_mismatch or (isinstance(obj, Optimizer) and len(entry) != len(own_variables(obj))):
            warn_kept(problem)
        else:
            failures.append(problem)
    if failures:
        raise FileError(failures[0])
    for _, entry, _ in ready:
        entry.verify()
    for obj, entry, variables in ready:
        if isinstance(obj, (Metric, Optimizer)):
            for i, v in enumerate(variables):
                v.assign(np.asarray(entry[str(i)]))
        else:
            obj.load_own_variables(entry)


def warn_kept(problem):
    """Says that an object was left alone, to whoever called the loader."""
    warnings.warn(f"{problem}; it keeps its values", stacklevel=5)


def _mismatch(path, obj, entry, variables, where):
    """Why the entry cannot be loaded into the object, or `None`; classes that load their own way are asked later."""
    return None if entry is not None and not _standard(obj) else compare(path, obj, entry, variables, where)


def compare(path, obj, entry, variables, where):
    """Why variables 0, 1... of the entry do not fit the object's, or `None`."""
    name = f"{type(obj).__name__} {getattr(obj, 'name', path)!r}"
    if entry is None:
        return f"[{where}] the file has no variables for {name} (path {path!r}), which has {len(variables)}"
    if len(entry) != len(variables):
        return (
            f"[{where}] {name} (path {path!r}) has {len(variables)} variables, the file has {len(entry)}: {_hint(obj)}"
        )
    for i, v in enumerate(variables):
        if str(i) not in entry:
            return f"[{where}] {name} (path {path!r}): the file has no variable {i} ({v.path})"
        stored = entry[str(i)]
        if tuple(stored.shape) != tuple(v.shape):
            found = tuple(stored.shape)
            return f"[{where}] {name}, variable {v.path!r}: expected shape {tuple(v.shape)}, the file has {found}"
        # Keras's Adafactor keeps an integer where it keeps nothing.
        nothing = not stored.shape and "int" in str(stored.dtype) and "float" in v.dtype
        if not (nothing or _castable(stored.dtype, v.dtype)):
            return f"[{where}] {name}, variable {v.path!r}: expected dtype {v.dtype}, the file has {stored.dtype}"
    return None


def _hint(obj):
    if not getattr(obj, "built", True):
        return "it is not built; call the model on data, or build(input_shape), first"
    return "the file is that of another model"


def _standard(obj):
    """Whether variables are stored by number: the class did not define its own way (`reads_names` marks ours)."""
    load_own = getattr(type(obj), "load_own_variables", None)
    return load_own is None or (
        load_own.__module__.startswith("ckeras.") and not getattr(load_own, "reads_names", False)
    )


def _castable(stored, wanted):
    kind = "f" if stored.kind == "V" else stored.kind
    return (kind == "f") == ("float" in wanted) and (kind == "b") == (wanted == "bool")


def own_variables(obj):
    """The variables that the object itself stores, in order."""
    own = getattr(obj, "_stored_variables", None)
    if callable(own):
        return own()
    return list(getattr(obj, "variables", ()))


def nbytes(v):
    """The bytes of a variable's value."""
    return v._stored()._array.nbytes if hasattr(v, "_stored") else 8 * v.size
