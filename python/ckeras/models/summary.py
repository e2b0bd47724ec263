"""The table of `Model.summary`."""

import io
import math
import re
import shutil

from ckeras._core import dtypes
from ckeras._core.symbolic import Function
from ckeras.layers.layer import Layer
from ckeras.models import op_nodes
from ckeras.models.functional import Functional
from ckeras.models.sequential import Sequential


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Prints the summary of a model, or hands its text to `print_fn`."""
    import rich.box
    import rich.console
    import rich.markup
    import rich.table

    connected = not _is_chain(model)
    titles = ["Layer (type)", "Output Shape", "Param #"]
    shares = positions or ([0.45, 0.80, 1.0] if not connected else [0.33, 0.56, 0.74, 1.0])
    if connected:
        titles.append("Connected to")
    if show_trainable:
        titles.append("Trainable")
        if positions is None:
            shares = [0.38, 0.65, 0.83, 1.0] if not connected else [0.28, 0.48, 0.62, 0.88, 1.0]
    if len(shares) != len(titles):
        raise ValueError(f"[summary] expected {len(titles)} positions, one per column, got {shares!r}")
    line_length = line_length or min(74 if not connected else 100, shutil.get_terminal_size((100, 24)).columns)
    if shares[-1] <= 1:
        shares = [int(line_length * p) for p in shares]
    widths = [b - a for a, b in zip([0, *shares], shares)]

    table = rich.table.Table(box=rich.box.HEAVY_HEAD, show_lines=True, width=line_length)
    for title, width in zip(titles, widths):
        table.add_column(
            rich.markup.escape(title), justify="right" if title == "Param #" else "left", min_width=None, ratio=width
        )
    for row in _rows(model, connected, show_trainable, expand_nested, layer_range, ""):
        table.add_row(*[rich.markup.escape(cell) for cell in row])

    console = rich.console.Console(
        highlight=False, force_terminal=False, color_system=None, width=line_length, file=io.StringIO(), record=False
    )
    console.print(f"Model: {rich.markup.escape(repr(model.name).replace(chr(39), chr(34)))}", markup=True)
    console.print(table)
    for line in _totals(model):
        console.print(line)
    text = console.file.getvalue().rstrip("\n")
    (print_fn or print)(text)


def _is_chain(model):
    """Whether the layers stand one after another, so that a column of connections says nothing."""
    if isinstance(model, Sequential) or not isinstance(model, Functional):
        return True
    consumers = {}
    for node in model._graph.nodes:
        if len(node.input_tensors) > 1:
            return False
        for parent in node.parent_nodes:
            consumers[parent] = consumers.get(parent, 0) + 1
    counts = {}
    for node in model._graph.nodes:
        counts[node.operation] = counts.get(node.operation, 0) + 1
    return max(consumers.values(), default=0) <= 1 and max(counts.values(), default=0) <= 1 and len(model.inputs) == 1


def _members(model):
    return model.operations if isinstance(model, Functional) else model.layers


def _rows(model, connected, show_trainable, expand_nested, layer_range, indent):
    members = _members(model)
    if layer_range is not None:
        members = _cut(model, members, layer_range)
    for op in members:
        kind = op_nodes.class_name(op) if isinstance(op, Function) else type(op).__name__
        row = [f"{indent}{op.name} ({kind})", _output_shape(op), _count(op)]
        if connected:
            row.append(_connections(model, op))
        if show_trainable:
            row.append(("Y" if op.trainable else "N") if isinstance(op, Layer) and op.weights else "-")
        yield row
        if expand_nested and getattr(op, "layers", None):
            yield from _rows(op, connected, show_trainable, True, None, indent + "    └ ")


def _cut(model, members, layer_range):
    if not isinstance(layer_range, (tuple, list)) or len(layer_range) != 2:
        raise ValueError(f"[summary] layer_range must be two names, got {layer_range!r}")
    first, last = ([i for i, op in enumerate(members) if re.match(pattern, op.name)] for pattern in layer_range)
    if not first or not last:
        raise ValueError(f"[summary] no layers of model '{model.name}' match layer_range={layer_range!r}")
    ends = sorted((first[0], last[-1]))
    return members[ends[0] : ends[1] + 1]


def _output_shape(op):
    if op._inbound_nodes:
        shapes = [tuple(t.shape) for t in op._inbound_nodes[0].output_tensors]
        return str(shapes[0] if len(shapes) == 1 else shapes)
    if (
        getattr(op, "built", False)
        and op._build_shapes is not None
        and type(op).compute_output_shape is not (Layer.compute_output_shape)
    ):
        shapes = op._build_shapes
        return str(op.compute_output_shape(*shapes.values()) if len(shapes) == 1 else op.compute_output_shape(**shapes))
    return "?"


def _count(op):
    if not isinstance(op, Layer):
        return "0"
    if not op.built:
        return "0 (unbuilt)"
    return f"{op.count_params():,}"


def _connections(model, op):
    kept = set(model._graph.nodes) if isinstance(model, Functional) else set()
    found = []
    for node in op._inbound_nodes:
        if node in kept:
            for t in node.input_tensors:
                history = t._keras_history
                found.append(f"{history.operation.name}[{history.node_index}][{history.tensor_index}]")
    return ", ".join(found) or "-"


def _totals(model):
    weights = model.weights
    trainable = model.trainable_weights
    ids = {id(v) for v in trainable}
    frozen = [v for v in weights if id(v) not in ids]
    optimizer = getattr(model, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    yield f" Total params: {_amount(weights + slots)}"
    yield f" Trainable params: {_amount(trainable)}"
    yield f" Non-trainable params: {_amount(frozen)}"
    if slots:
        yield f" Optimizer params: {_amount(slots)}"


def _amount(variables):
    count = sum(v.size for v in variables)
    size = sum(v.size * dtypes.itemsize(v.dtype) for v in variables)
    return f"{count:,} ({_readable(size)})"


def _readable(size):
    if size == 0:
        return "0.00 B"
    power = min(int(math.log(size, 1024)), 4)
    return f"{size / 1024**power:.2f} {('B', 'KB', 'MB', 'GB', 'TB')[power]}"
