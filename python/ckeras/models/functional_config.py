"""The config of a functional model, exactly Keras's: layers, their nodes, inputs and outputs; and the way back."""

import inspect

from ckeras import layers
from ckeras._core import nest
from ckeras._core.symbolic import Function, KerasTensor
from ckeras.layers.layer import Layer
from ckeras.models import op_nodes
from ckeras.models.graph import node_of
from ckeras.saving import registry

# What an argument of a node may be besides numbers, strings and tensors of the graph.
_PLAIN = ("__numpy__", "__tensor__", "__slice__", "__ellipsis__", "__tuple__", "__bytes__")


class ConfigError(ValueError):
    """A graph's config that is malformed."""


# ---- writing


def to_config(model):
    """The config of a `Functional`."""
    kept = set(model._graph.nodes)
    number = {}  # node -> its index among the kept nodes of its operation
    for op in model.operations:
        for node in op._inbound_nodes:
            if node in kept:
                number[node] = sum(1 for n in op._inbound_nodes[: op._inbound_nodes.index(node)] if n in kept)
    entries = [_entry(op, [n for n in op._inbound_nodes if n in kept], number) for op in model.operations]

    def where(t):
        return _history(t, number)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": entries,
        "input_layers": nest.map_leaves(where, model._inputs_struct),
        "output_layers": nest.map_leaves(where, model._outputs_struct),
    }


def _history(t, number):
    history = t._keras_history
    return [history.operation.name, number[node_of(t)], history.tensor_index]


def _entry(op, nodes, number):
    if isinstance(op, Function):
        entry = op_nodes.to_config(op)
        entry["config"] = registry.serialize_keras_object(entry["config"])
        calls = [op_nodes.node_arguments(op, n) for n in nodes]
    else:
        entry = registry.serialize_keras_object(op)
        entry.pop("compile_config", None)
        calls = [(list(n.args), n.kwargs) for n in nodes if not n.is_input]
    entry["name"] = op.name
    entry["inbound_nodes"] = [{"args": _values(args, number), "kwargs": _values(kw, number)} for args, kw in calls]
    return entry


def _values(x, number):
    if isinstance(x, KerasTensor):
        config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": _history(x, number)}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(x, dict):
        return {k: _values(v, number) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_values(v, number) for v in x]
    return registry.serialize_keras_object(x)


# ---- reading


def to_graph(config, custom_objects=None):
    """`(inputs, outputs)` of a config. Raises `ValueError` for anything malformed, or that no output depends on."""
    entries = {}
    for data in _typed(config.get("layers"), list, "layers"):
        name = _typed(data, dict, "an entry of layers").get("name") or (data.get("config") or {}).get("name")
        if not isinstance(name, str) or name in entries:
            raise ConfigError(f"[from_config] layers must have names of their own, got {name!r}")
        entries[name] = data
    _check_all_used(config, entries)
    made = {name: _make(name, data, custom_objects) for name, data in entries.items()}
    _connect(entries, made)

    def tensor(history):
        return _lookup(made, *_triple(history))

    return _map_triples(tensor, config.get("input_layers")), _map_triples(tensor, config.get("output_layers"))


def _typed(x, kind, what):
    if not isinstance(x, kind):
        raise ConfigError(f"[from_config] {what} must be a {kind.__name__}, got {type(x).__name__}")
    return x


def _triple(x):
    if not (isinstance(x, (list, tuple)) and len(x) == 3 and isinstance(x[0], str)) or not all(
        isinstance(i, int) and not isinstance(i, bool) and i >= 0 for i in x[1:]
    ):
        raise ConfigError(f"[from_config] expected [layer name, node index, tensor index], got {x!r}")
    return tuple(x)


def _map_triples(fn, x):
    """`fn` on every `[name, i, j]` of a structure; a list of triples stays a list."""
    if isinstance(x, dict):
        return {k: _map_triples(fn, v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and x and not isinstance(x[0], str):
        return [_map_triples(fn, v) for v in x]
    return fn(x)


def _references(x, found):
    """The names of the layers whose tensors stand in a node's arguments."""
    if isinstance(x, dict):
        if x.get("class_name") == "__keras_tensor__":
            inner = _typed(x.get("config"), dict, "the config of a tensor")
            found.append(_triple(inner.get("keras_history"))[0])
        else:
            for v in x.values():
                _references(v, found)
    elif isinstance(x, (list, tuple)):
        for v in x:
            _references(v, found)
    return found


def _check_all_used(config, entries):
    """Every layer must lead to an output (inputs may be left over): nothing else is made, let alone run."""
    todo = []
    _map_triples(lambda t: todo.append(_triple(t)[0]), config.get("output_layers"))
    used = set()
    while todo:
        name = todo.pop()
        if name in used:
            continue
        if name not in entries:
            raise ConfigError(f"[from_config] the graph names a layer {name!r} that is not in `layers`")
        used.add(name)
        todo.extend(_references(entries[name].get("inbound_nodes"), []))
    dead = [n for n in entries if n not in used and entries[n].get("class_name") != "InputLayer"]
    if dead:
        raise ConfigError(f"[from_config] no output depends on the layers {dead}; a model holds no such layers")


def _make(name, data, custom_objects):
    """`(layer or operation, keyword arguments of its calls)` of an entry."""
    module, cls = data.get("module"), data.get("class_name")
    if module is None and isinstance(cls, str):
        module = op_nodes.module_of(cls, data.get("inbound_nodes"), dir(layers))
    inner = _typed(data.get("config"), dict, f"the config of {name!r}")
    found = op_nodes.from_config(module, cls, inner) if isinstance(cls, str) else None
    if found is not None:
        return found
    layer = registry.deserialize_keras_object({k: v for k, v in data.items() if k != "inbound_nodes"}, custom_objects)
    if not isinstance(layer, Layer):
        raise ConfigError(f"[from_config] {name!r} is no layer but {type(layer).__name__}")
    if layer.name != name:
        layer.name = name
    return layer, {}


def _lookup(made, name, node_index, tensor_index):
    if name not in made:
        raise ConfigError(f"[from_config] the graph names a layer {name!r} that is not in `layers`")
    nodes = made[name][0]._inbound_nodes
    if node_index >= len(nodes) or tensor_index >= len(nodes[node_index].output_tensors):
        raise ConfigError(f"[from_config] layer {name!r} has no output {tensor_index} of call {node_index}")
    return nodes[node_index].output_tensors[tensor_index]


def _connect(entries, made):
    """Calls every layer as its nodes say, each call as soon as what it needs is there."""
    waiting = []
    for name, data in entries.items():
        layer = made[name][0]
        # A nested model has calls of its own from when it was made; the graph's count from here.
        layer._inbound_nodes = layer._inbound_nodes if data.get("class_name") == "InputLayer" else []
        for node in _typed(data.get("inbound_nodes", []), list, f"inbound_nodes of {name!r}"):
            waiting.append((name, node))
    while waiting:
        later, blocked = [], set()
        for name, node in waiting:
            if name in blocked or not _is_ready(node, made):
                blocked.add(name)  # the calls of one layer keep their order
                later.append((name, node))
                continue
            _call(name, node, made)
        if len(later) == len(waiting):
            raise ConfigError(f"[from_config] the graph has a cycle or a gap at {sorted({n for n, _ in later})}")
        waiting = later


def _is_ready(node, made):
    if not isinstance(node, dict):
        raise ConfigError(
            "[from_config] a node must be a dict with args and kwargs (files of Keras 2 are not read yet)"
        )
    histories = []

    def walk(x):
        if isinstance(x, dict):
            if x.get("class_name") == "__keras_tensor__":
                histories.append(_triple(x["config"].get("keras_history")))
            else:
                for v in x.values():
                    walk(v)
        elif isinstance(x, (list, tuple)):
            for v in x:
                walk(v)

    walk([node.get("args"), node.get("kwargs")])
    return all(n in made and i < len(made[n][0]._inbound_nodes) for n, i, _ in histories)


def _call(name, node, made):
    op, fixed = made[name]

    def value(x):
        if isinstance(x, dict):
            kind = x.get("class_name")
            if kind == "__keras_tensor__":
                return _lookup(made, *_triple(x["config"].get("keras_history")))
            if kind in _PLAIN:
                return registry.deserialize_keras_object(x)
            if kind is not None and "config" in x:
                raise ConfigError(
                    f"[from_config] an argument of {name!r} is an object {kind!r}; only plain values are read"
                )
            return {k: value(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            items = [value(v) for v in x]
            return tuple(items) if isinstance(op, Function) and not any(_holds_tensor(i) for i in items) else items
        return x

    args = [value(v) for v in _typed(node.get("args", []), list, f"args of {name!r}")]
    kwargs = {k: value(v) for k, v in _typed(node.get("kwargs", {}), dict, f"kwargs of {name!r}").items()}
    if not any(_holds_tensor(v) for v in (*args, *kwargs.values())):
        raise ConfigError(f"[from_config] the call of {name!r} has no input from the graph")
    if isinstance(op, Function):
        op_nodes.call(op, args, kwargs, fixed)
    else:
        op(*args, **_accepted(op, kwargs))


def _accepted(layer, kwargs):
    """A layer's keyword arguments without the `mask=None` and such that Keras stores for calls that do not take
    them."""
    names = inspect.signature(layer.call).parameters
    any_kwargs = any(p.kind is p.VAR_KEYWORD for p in names.values())
    return {k: v for k, v in kwargs.items() if any_kwargs or k in names or v is not None}


def _holds_tensor(x):
    return any(isinstance(t, KerasTensor) for t in nest.leaves(x))
