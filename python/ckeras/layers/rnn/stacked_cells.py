"""StackedRNNCells: several cells as one."""

from ckeras import ops
from ckeras._core import nest
from ckeras.layers._arguments import tuple_of
from ckeras.layers.layer import Layer
from ckeras.saving import registry


class StackedRNNCells(Layer):
    """Cells that run one after another within a step: each gets the output of the one before.

    The states are a list, one entry a cell. Raises `ValueError` for a cell without `call` or `state_size`.

    >>> cells = [ckeras.layers.LSTMCell(4), ckeras.layers.GRUCell(2)]
    >>> ckeras.layers.RNN(ckeras.layers.StackedRNNCells(cells))(ckeras.ops.ones((2, 7, 3))).shape
    (2, 2)
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        cells = tuple_of("StackedRNNCells", "cells", cells)
        for cell in cells:
            for name in ("call", "state_size"):
                if not hasattr(cell, name):
                    raise ValueError(f"[StackedRNNCells] every cell needs `{name}`, got {cell!r}")
        self.cells = list(cells)

    @property
    def state_size(self):
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        return _output_size(self.cells[-1])

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            size = _output_size(cell)
            input_shape = (input_shape[0], *((size,) if isinstance(size, int) else size))

    def get_initial_state(self, batch_size=None):
        """A list: the initial state of every cell."""
        states = []
        for cell in self.cells:
            own = getattr(cell, "get_initial_state", None)
            if own is not None:
                states.append(own(batch_size=batch_size))
            elif isinstance(cell.state_size, int):
                states.append(ops.zeros((batch_size, cell.state_size), dtype=self.compute_dtype))
            else:
                states.append([ops.zeros((batch_size, d), dtype=self.compute_dtype) for d in cell.state_size])
        return states

    def call(self, inputs, states, training=False, **kwargs):
        new = []
        for cell, state in zip(self.cells, states, strict=True):
            single = not nest.is_nested(state)
            own = dict(kwargs)
            if getattr(cell, "_call_has_training_arg", False):
                own["training"] = training
            inputs, state = cell(inputs, [state] if single else list(state), **own)
            state = list(state) if nest.is_nested(state) else [state]
            new.append(state[0] if single else state)
        return inputs, new

    def get_config(self):
        return {**super().get_config(), "cells": [registry.serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["cells"] = [
            registry.deserialize_keras_object(c, custom_objects=custom_objects) if isinstance(c, dict) else c
            for c in config["cells"]
        ]
        return super().from_config(config)


def _output_size(cell):
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size if isinstance(cell.state_size, int) else cell.state_size[0]
