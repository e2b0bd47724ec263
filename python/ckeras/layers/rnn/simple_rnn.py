"""SimpleRNN and its cell (Elman, 1990)."""

from ckeras import ops
from ckeras.layers._arguments import given
from ckeras.layers.rnn.cell import BuiltInCell
from ckeras.layers.rnn.fused import FusedRNN


class SimpleRNNCell(BuiltInCell):
    """One step of a fully connected recurrence: `h = activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Inputs (batch, d), state (batch, units); gives `(h, [h])`. Raises `ValueError` for units that are no positive
    integer.

    >>> cell = ckeras.layers.SimpleRNNCell(4)
    >>> cell(ckeras.ops.ones((2, 3)), cell.get_initial_state(2))[0].shape
    (2, 4)
    """

    _activations = ("activation",)

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
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
        super().__init__(**given(locals()))

    def step(self, inputs, h, states):
        x = self._plus_bias(ops.matmul(inputs, self.kernel), self.bias)
        return [self.activation(x + ops.matmul(h, self.recurrent_kernel))]


class SimpleRNN(FusedRNN):
    """A fully connected recurrence over sequences (batch, time, d).

    Gives the last output (batch, units), with `return_sequences` all of them (batch, time, units), with `return_state`
    the last state too. The other arguments as in `LSTM`; tanh runs as one kernel, other activations step by step.

    >>> ckeras.layers.SimpleRNN(4)(ckeras.ops.ones((2, 7, 3))).shape
    (2, 4)
    """

    _kernel_name = "simple_rnn"
    _cell_name = "simple_rnn_cell"
    _cell_class = SimpleRNNCell
    _no_config = ("seed",)  # as Keras

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**given(locals()))
