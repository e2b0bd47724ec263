"""The graph between symbolic inputs and outputs: its nodes in order, and a run through them."""

from ckeras._core import nest
from ckeras._core.symbolic import KerasTensor
from ckeras.layers.input_layer import Input, InputLayer


def node_of(tensor):
    """The node that made a symbolic tensor."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


class Graph:
    """The nodes from `inputs` to `outputs` (flat lists of KerasTensors): `nodes` in running order, `operations` in the
    order of Keras: by distance to the outputs, then by first visit from them.

    Raises `ValueError`, in the name of `where`, when an output does not depend on the inputs alone.
    """

    def __init__(self, inputs, outputs, where="Model"):
        self._where = where
        self.inputs = inputs
        self.outputs = outputs
        finished, visits = self._walk()
        depth_of_node, depth_of_op = {}, {}
        for node in reversed(finished):
            depth = max(depth_of_node.get(node, 0), depth_of_op.get(node.operation, 0))
            depth_of_op[node.operation] = depth_of_node[node] = depth
            if not node.is_input:
                for parent in node.parent_nodes:
                    if parent in finished:
                        depth_of_node[parent] = max(depth + 1, depth_of_node.get(parent, 0))
        for t in inputs:  # inputs that no output depends on
            node = node_of(t)
            if node not in depth_of_node:
                depth_of_node[node] = depth_of_op[node.operation] = 0
                visits[node.operation] = -1
        self.operations = sorted(depth_of_op, key=lambda op: (-depth_of_op[op], visits[op]))
        self.nodes = sorted(depth_of_node, key=lambda n: -depth_of_node[n])
        self._check_connected()

    def _walk(self):
        """The nodes in the order they are finished, and each operation's number of first visit."""
        ends = {id(t) for t in self.inputs}
        finished, done, open_nodes, visits = [], set(), set(), {}
        stack = [(t, None) for t in reversed(self.outputs)]
        while stack:
            tensor, leaving = stack.pop()
            if leaving is not None:
                open_nodes.discard(leaving)
                done.add(leaving)
                finished.append(leaving)
                continue
            if not hasattr(tensor, "_keras_history"):
                continue
            node = node_of(tensor)
            if node in done or node in open_nodes:
                continue
            visits.setdefault(node.operation, len(visits))
            open_nodes.add(node)
            stack.append((None, node))
            if not node.is_input and id(tensor) not in ends:
                stack.extend((t, None) for t in reversed(node.input_tensors))
        return finished, visits

    def _check_connected(self):
        ready = {id(t) for t in self.inputs}
        for node in self.nodes:
            for t in node.input_tensors:
                if id(t) not in ready and not all(id(o) in ready for o in node.output_tensors):
                    raise ValueError(
                        f"[{self._where}] the output depends on {t!r} (input of '{node.operation.name}'), "
                        "which the given inputs "
                        "do not lead to; pass every Input that the outputs are made of"
                    )
            if not node.is_input:
                ready.update(id(t) for t in node.output_tensors)
        for t in self.outputs:
            if id(t) not in ready:
                raise ValueError(f"[{self._where}] the output {t!r} is not connected to the inputs {self.inputs}")

    def run(self, values, call):
        """The outputs for a list of input values; `call(operation, args, kwargs)` runs one node."""
        known = {id(t): v for t, v in zip(self.inputs, values)}
        for node in self.nodes:
            if node.is_input or all(id(t) in known for t in node.output_tensors):
                continue
            args, kwargs = fill_in(node, known)
            made = call(node.operation, args, kwargs)
            outs = node.output_tensors
            if len(outs) == 1 and not nest.is_nested(made):
                known[id(outs[0])] = made
            else:
                known.update(zip([id(t) for t in outs], nest.leaves(made)))
        return [known[id(t)] for t in self.outputs]


def fill_in(node, known):
    """`(args, kwargs)` of a node with values for its symbolic tensors."""
    args = node.args
    if len(args) == 1 and args[0].__class__ is KerasTensor:
        args = (known[id(args[0])],)
        if not node.kwargs:
            return args, {}
        if all(not isinstance(v, KerasTensor) and not nest.is_nested(v) for v in node.kwargs.values()):
            return args, dict(node.kwargs)
    return node.fill_in(known)


def is_input_tensor(t):
    """Whether a symbolic tensor is that of an Input."""
    return isinstance(t._keras_history.operation, InputLayer)


def with_own_inputs(inputs, outputs):
    """The graph between tensors in the middle of another, on new Inputs: `(inputs, outputs)` with the same layers."""
    graph = Graph(inputs, outputs)
    fresh = [t if is_input_tensor(t) else Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in inputs]
    return fresh, graph.run(fresh, lambda op, args, kwargs: op(*args, **kwargs))
