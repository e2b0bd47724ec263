"""Function: the computation between symbolic tensors, as an operation."""

from ckeras import ops
from ckeras._core import nest
from ckeras._core.symbolic import KerasTensor, Operation
from ckeras.models.graph import Graph


class Function(Operation):
    """What leads from symbolic `inputs` to `outputs` (tensors or structures of them), called on values or symbols.

    The inputs may lie in the middle of a graph. Raises `ValueError` when they are not symbolic or the outputs do not
    follow from them; a call raises it for other structures and shapes.

    >>> x = ckeras.Input((3,))
    >>> double = ckeras.Function(x, ckeras.ops.add(x, x))
    >>> double(ckeras.ops.ones((1, 3))).numpy()
    array([[2., 2., 2.]], dtype=float32)
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name)
        flat_in, flat_out = nest.leaves(inputs), nest.leaves(outputs)
        for label, tensors in (("inputs", flat_in), ("outputs", flat_out)):
            bad = [t for t in tensors if not isinstance(t, KerasTensor) or not hasattr(t, "_keras_history")]
            if bad or not tensors:
                raise ValueError(
                    f"[Function] {label} must be symbolic tensors that ckeras.Input and layers give, got "
                    f"{bad[0] if bad else tensors!r}"
                )
        self._graph = Graph(flat_in, flat_out, "Function")
        self._inputs_struct, self._outputs_struct = inputs, outputs

    @property
    def inputs(self):
        """The symbolic inputs, as a flat list."""
        return list(self._graph.inputs)

    @property
    def outputs(self):
        """The symbolic outputs, as a flat list."""
        return list(self._graph.outputs)

    @property
    def operations(self):
        """What is computed, in order: layers, functions and the Inputs themselves."""
        given = {id(t) for t in self._graph.inputs}
        run = [n.operation for n in self._graph.nodes if n.is_input or not given >= {id(t) for t in n.output_tensors}]
        return [op for op in self._graph.operations if op in run]

    def call(self, inputs):
        values = [
            x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x, ref.dtype)
            for x, ref in zip(self._leaves(inputs), self._graph.inputs, strict=True)
        ]
        return self._run(values, lambda op, args, kwargs: op(*args, **kwargs))

    def compute_output_spec(self, inputs):
        return self._run(self._leaves(inputs), lambda op, args, kwargs: op.compute_output_spec(*args, **kwargs))

    def compute_output_shape(self, input_shape):
        """The shapes of the outputs for the shapes of the inputs, structured as they are."""
        shapes = _shapes(input_shape)
        inputs = [KerasTensor(s, t.dtype) for s, t in zip(shapes, self._graph.inputs, strict=True)]
        return nest.map_leaves(lambda t: t.shape, self.compute_output_spec(nest.pack(self._inputs_struct, inputs)))

    def _run(self, values, call):
        for x, ref in zip(values, self._graph.inputs, strict=True):
            dims = zip(x.shape, ref.shape)
            if len(x.shape) != len(ref.shape) or any(None not in (a, b) and a != b for a, b in dims):
                raise ValueError(f"[{self.name}] the input {ref.name!r} must have the shape {ref.shape}, got {x.shape}")
        return nest.pack(self._outputs_struct, self._graph.run(values, call))

    def _leaves(self, inputs):
        if nest.skeleton(inputs) != nest.skeleton(self._inputs_struct):
            raise ValueError(f"[{self.name}] the inputs must be structured as {self._inputs_struct!r}, got {inputs!r}")
        return nest.leaves(inputs)


def _shapes(x):
    """The shapes in a structure of them, flat."""
    if isinstance(x, dict):
        return [s for key in sorted(x) for s in _shapes(x[key])]
    if all(d is None or isinstance(d, int) for d in x):
        return [tuple(x)]
    return [s for part in x for s in _shapes(part)]
