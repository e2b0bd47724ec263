"""FusedRNN: what LSTM, GRU and SimpleRNN share: the cell's arguments, and the kernel for whole sequences."""

from ckeras import activations, ops
from ckeras.layers.input_spec import InputSpec
from ckeras.layers.rnn.rnn import RNN
from ckeras.ops.rnn import recurrence


class FusedRNN(RNN):
    """Base of the recurrent layers with a built-in cell, whose arguments are the layer's own."""

    _kernel_name = None
    _cell_class = None
    _no_config = ()

    def __init__(self, cell, **kwargs):
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def __getattr__(self, name):
        # units, activation, kernel_initializer, dropout and so on are the cell's.
        if not name.startswith("_") and "cell" in self.__dict__ and name in _cell_names(self.__dict__["cell"]):
            return getattr(self.__dict__["cell"], name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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


def _cell_names(cell):
    """The constructor arguments and weights of a cell that its layer shows as its own."""
    return {*cell.get_config(), "kernel", "recurrent_kernel", "bias"} - {"name", "trainable", "dtype"}
