"""Pictures of models, by pydot and Graphviz."""

import html
import itertools
import os
import shutil

from ckeras._core import nest
from ckeras.layers.input_layer import InputLayer
from ckeras.layers.layer import Layer
from ckeras.models.functional import Functional
from ckeras.models.sequential import Sequential

_DARK, _LIGHT = 'bgcolor="black"', 'bgcolor="white"'


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """The graph of a built model as a `pydot.Dot`: a box a layer, an arrow for what it takes.

    Boxes show the class, and if asked for the name, the shapes, the dtype, the activation and whether the layer is
    trainable. `rankdir`: "TB" downwards, "LR" to the right. `expand_nested` draws models inside as clusters of their
    layers. `subgraph` gives a `pydot.Cluster`. `dpi` and `splines` ("ortho", "curved", "polyline", "spline", "line")
    go to Graphviz. Raises `ImportError` without pydot, `ValueError` for a model that is not built.

    >>> print(ckeras.utils.model_to_dot(model, show_shapes=True).to_string())
    """
    _check("model_to_dot", model, kwargs)
    pydot = _pydot("model_to_dot")
    shown = {
        "names": show_layer_names,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    if subgraph:
        dot = _cluster(pydot, model)
    else:
        dot = pydot.Dot(rankdir=rankdir, concentrate="true", dpi=dpi, splines=splines)
        dot.set_node_defaults(shape="record")
    _Drawing(pydot, shown, expand_nested).draw(model, dot)
    return dot


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Writes `model_to_dot` of these arguments as a picture, in the format of the file's ending (PNG without one).

    Where IPython is installed it returns the picture, for a notebook to show. Raises `ImportError` when pydot or
    Graphviz is not installed, and `ValueError` for a model that is not built.

    >>> ckeras.utils.plot_model(model, "model.svg", show_shapes=True)
    """
    _check("plot_model", model, kwargs)
    _pydot("plot_model")
    if shutil.which("dot") is None:
        raise ImportError("[plot_model] needs Graphviz, whose program `dot` was not found: see graphviz.org/download")
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    to_file = os.fspath(to_file)
    kind = os.path.splitext(to_file)[1][1:] or "png"
    dot.write(to_file, format=kind)
    if kind not in ("png", "jpg", "jpeg", "gif", "svg"):
        return None
    try:
        from IPython import display
    except ImportError:
        return None
    return display.SVG(filename=to_file) if kind == "svg" else display.Image(filename=to_file, format=kind)


def _check(name, model, kwargs):
    if kwargs:
        raise ValueError(f"[{name}] unexpected arguments {sorted(kwargs)}")
    if not model.built:
        raise ValueError(f"[{name}] the model {model.name!r} is not built: call it on a batch, or call build(shape)")


def _pydot(name):
    try:
        import pydot
    except ImportError as e:
        raise ImportError(f"[{name}] needs pydot: pip install pydot") from e
    return pydot


def _cluster(pydot, model):
    return pydot.Cluster(model.name, style="dashed", label=model.name, labeljust="l")


class _Drawing:
    """Nodes and edges of a model and, where they are expanded, of the models in it."""

    def __init__(self, pydot, shown, expand):
        self._pydot = pydot
        self._shown = shown
        self._expand = expand
        self._names = {}  # of operations; numbers, so that equal models give equal texts
        self._edges = set()

    def draw(self, model, dot):
        if not isinstance(model, (Functional, Sequential)):
            self._node(model, dot)
            return
        chain = isinstance(model, Sequential)
        operations = model.layers if chain else model._graph.operations
        for op in operations:
            if self._opens(op):
                cluster = _cluster(self._pydot, op)
                self.draw(op, cluster)
                dot.add_subgraph(cluster)
            else:
                self._node(op, dot)
        if chain:
            for before, after in itertools.pairwise(operations):
                self._edge(self._last(before, 0), self._first(after, 0), dot)
            return
        for node in model._graph.nodes:
            for i, t in enumerate(node.input_tensors):
                source = t._keras_history
                self._edge(self._last(source.operation, source.tensor_index), self._first(node.operation, i), dot)

    def _opens(self, op):
        return self._expand and isinstance(op, (Functional, Sequential))

    def _last(self, op, index):
        """What makes output `index` of an operation: itself, or a layer inside."""
        while self._opens(op):
            if isinstance(op, Sequential):
                op = op.layers[-1]
            else:
                history = nest.leaves(op.outputs)[index]._keras_history
                op, index = history.operation, history.tensor_index
        return op

    def _first(self, op, index):
        """What takes input `index` of an operation: itself, or a layer inside."""
        while self._opens(op):
            op = op.layers[0] if isinstance(op, Sequential) else nest.leaves(op.inputs)[index]._keras_history.operation
        return op

    def _name(self, op):
        return self._names.setdefault(id(op), str(len(self._names)))

    def _node(self, op, dot):
        label = _label(op, self._shown)
        dot.add_node(self._pydot.Node(self._name(op), label=label, fontname="Helvetica", border="0", margin="0"))

    def _edge(self, source, target, dot):
        ends = self._name(source), self._name(target)
        if ends not in self._edges:
            self._edges.add(ends)
            dot.add_edge(self._pydot.Edge(*ends, penwidth="2"))


def _label(op, shown):
    """The box of an operation: an HTML-like table of Graphviz."""
    kind = html.escape(type(op).__name__)
    title = f"<b>{html.escape(op.name)}</b> ({kind})" if shown["names"] else f"<b>{kind}</b>"
    cells = []
    node = op._inbound_nodes[0] if op._inbound_nodes else None
    if shown["shapes"]:
        if not isinstance(op, InputLayer):
            cells.append((_LIGHT, f"Input shape: <b>{_of(node and node.input_tensors, 'shape')}</b>"))
        cells.append((_LIGHT, f"Output shape: <b>{_of(node and node.output_tensors, 'shape')}</b>"))
    if shown["dtype"]:
        cells.append((_LIGHT, f"Output dtype: <b>{_of(node and node.output_tensors, 'dtype')}</b>"))
    if shown["trainable"] and isinstance(op, Layer) and op.weights:
        colour, text = ("forestgreen", "Trainable") if op.trainable else ("firebrick", "Non-trainable")
        cells.append((f'bgcolor="{colour}"', f'<font color="white"><b>{text}</b></font>'))
    span = f'colspan="{max(len(cells), 1)}"'
    rows = [f'<tr><td {span} {_DARK}><font point-size="16" color="white">{title}</font></td></tr>']
    activation = getattr(op, "activation", None)
    if shown["activations"] and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", str(activation))
        rows.append(f"<tr><td {span} {_LIGHT}>Activation: <b>{html.escape(name)}</b></td></tr>")
    if cells:
        rows.append("<tr>" + "".join(f"<td {colour}>{text}</td>" for colour, text in cells) + "</tr>")
    return f'<<table border="0" cellborder="1" {_DARK} cellpadding="10">{"".join(rows)}</table>>'


def _of(tensors, what):
    found = [str(getattr(t, what)) for t in tensors or ()]
    return ", ".join(found) or "?"
