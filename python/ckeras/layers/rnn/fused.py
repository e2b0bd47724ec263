"""FusedRNN: what LSTM, GRU and SimpleRNN share: the cell's arguments, and the kernel for whole sequences."""

import functools
import inspect

from ckeras import activations, ops
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.rnn.cell import BuiltInCell
from ckeras.layers.rnn.rnn import RNN
from ckeras.ops.rnn import recurrence


class FusedRNN(RNN):
    """Base of the recurrent layers with a built-in cell, whose arguments are the layer's own."""

    _kernel_name = None
    _cell_class = None
    _cell_name = None
    _dimensions = 3  # of the inputs
    _no_config = ()

    def __init__(self, **arguments):
        own = cell_arguments(self._cell_class)
        layer = {name: value for name, value in arguments.items() if name not in own}
        cell = {name: value for name, value in arguments.items() if name in own}
        shared = {"dtype": layer.get("dtype"), "trainable": layer.get("trainable", True)}
        super().__init__(self._cell_class(**cell, name=self._cell_name, **shared), **layer)
        self.input_spec = InputSpec(ndim=self._dimensions)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if cls._cell_class is not None:
            for name in (*cell_arguments(cls._cell_class), "kernel", "recurrent_kernel", "bias"):
                if not hasattr(cls, name):
                    setattr(cls, name, _of_cell(name))

    def _fits_kernel(self, training):
        cell = self.cell
        return (
            type(cell) is self._cell_class
            and not self.unroll
            and not (training and cell.recurrent_dropout > 0)
            and cell.activation is activations.tanh
            and getattr(cell, "recurrent_activation", activations.sigmoid) is activations.sigmoid
        )

    def _loop(self, sequences, states, mask, training):
        if not self._fits_kernel(training):
            return super()._loop(sequences, states, mask, training)
        cell = self.cell
        if training and cell.dropout > 0:
            sequences = sequences * ops.expand_dims(cell.get_dropout_mask(sequences[:, 0]), 1)
        outputs, states = recurrence(
            self._kernel_name,
            sequences,
            states,
            ops.convert_to_tensor(cell.kernel),
            ops.convert_to_tensor(cell.recurrent_kernel),
            None if cell.bias is None else ops.convert_to_tensor(cell.bias),
            mask=mask,
            reverse=self.go_backwards,
            reset_after=getattr(cell, "reset_after", False),
            sequences=self.return_sequences,
        )
        last = states[0]
        if mask is not None and self.zero_output_for_mask:
            mask = ops.cast(mask, "bool")
            last = ops.where(ops.expand_dims(mask[:, 0 if self.go_backwards else -1], -1), last, ops.zeros_like(last))
            if outputs is not None:
                outputs = ops.where(ops.expand_dims(mask, -1), outputs, ops.zeros_like(outputs))
        if outputs is not None and self.go_backwards:
            outputs = ops.flip(outputs, axis=1)
        return last, outputs, states

    def get_config(self):
        config = self.cell.get_config()
        for name in ("name", "trainable", "dtype", *self._no_config):
            config.pop(name, None)
        return {"activity_regularizer": None, **self._base_config(), **config}


@functools.cache
def cell_arguments(cell_class):
    """The constructor arguments that a cell class has beside those of all layers."""
    names = {}
    for base in cell_class.__mro__[: cell_class.__mro__.index(BuiltInCell)]:
        names |= inspect.signature(base.__init__).parameters
    return [name for name in names if name not in ("self", "kwargs", "name")]


def _of_cell(name):
    """units, activation, kernel_initializer, dropout and so on are the cell's."""
    return property(lambda self: getattr(self.cell, name), doc=f"The `{name}` of the cell.")
