"""Functions on symbolic tensors."""

from ckeras._core import nest
from ckeras._core.symbolic import KerasTensor


def get_source_inputs(tensor):
    """The symbolic inputs that `tensor` is computed from, each once, as a list; other values give themselves.

    >>> x = ckeras.Input((2,))
    >>> ckeras.utils.get_source_inputs(ckeras.layers.Dense(3)(x))[0] is x
    True
    """
    found, seen, waiting = {}, set(), list(reversed(nest.leaves(tensor)))
    while waiting:
        x = waiting.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        history = getattr(x, "_keras_history", None) if isinstance(x, KerasTensor) else None
        node = history.operation._inbound_nodes[history.node_index] if history is not None else None
        if node is None or node.is_input:
            found[id(x)] = x
        else:
            waiting.extend(reversed(node.input_tensors))
    return list(found.values())
