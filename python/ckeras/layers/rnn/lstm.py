"""LSTM and its cell (Hochreiter and Schmidhuber, 1997)."""

from ckeras import initializers, ops
from ckeras.layers._arguments import given
from ckeras.layers.rnn.cell import BuiltInCell
from ckeras.layers.rnn.fused import FusedRNN


class LSTMCell(BuiltInCell):
    """One step of an LSTM: `c = f * c + i * activation(...)`, `h = o * activation(c)`.

    Inputs (batch, d), states [h, c] of (batch, units); gives `(h, [h, c])`. Weights hold the gates in the order i, f,
    c, o. `unit_forget_bias` adds one to the forget gate's bias at the start. Raises `ValueError` for units that are no
    positive integer.

    >>> cell = ckeras.layers.LSTMCell(4)
    >>> cell(ckeras.ops.ones((2, 3)), cell.get_initial_state(2))[0].shape
    (2, 4)
    """

    _gates = 4
    _states = 2

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**given(locals(), "unit_forget_bias"))
        self.unit_forget_bias = unit_forget_bias

    def _initializer(self, kind):
        if kind != "bias" or not self.unit_forget_bias:
            return super()._initializer(kind)

        def bias(shape, dtype=None):
            u, first = self.units, self.bias_initializer
            ones = initializers.get("ones")((u,), dtype=dtype)
            return ops.concatenate([first((u,), dtype=dtype), ones, first((2 * u,), dtype=dtype)])

        return bias

    def step(self, inputs, h, states):
        i, f, c, o = self._gate_sums(inputs, h)
        gate = self.recurrent_activation
        c = gate(f) * states[1] + gate(i) * self.activation(c)
        return [gate(o) * self.activation(c), c]

    def _gate_sums(self, inputs, h):
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        return ops.split(self._plus_bias(z, self.bias), 4, axis=1)

    def get_config(self):
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


class LSTM(FusedRNN):
    """Long short-term memory over sequences (batch, time, d).

    Gives the last output (batch, units), with `return_sequences` all of them (batch, time, units), with `return_state`
    the last states h and c too. `go_backwards` reads from the last time to the first, and gives outputs in that order;
    `stateful` starts where the last batch ended (a fixed batch size is needed). Masked steps leave the state alone.
    With the default activations and without recurrent dropout whole sequences run as one kernel, `unroll=True` asks for
    single steps. `use_cudnn` is accepted and changes nothing.

    >>> ckeras.layers.LSTM(4, return_sequences=True)(ckeras.ops.ones((2, 7, 3))).shape
    (2, 7, 4)
    """

    _kernel_name = "lstm"
    _cell_name = "lstm_cell"
    _cell_class = LSTMCell

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(**given(locals(), "use_cudnn"))
        self.use_cudnn = use_cudnn
