"""GRU and its cell (Cho et al., 2014)."""

from ckeras import ops
from ckeras.layers._arguments import given
from ckeras.layers.rnn.cell import BuiltInCell
from ckeras.layers.rnn.fused import FusedRNN


class GRUCell(BuiltInCell):
    """One step of a GRU: `h = z * h + (1 - z) * activation(...)`.

    Inputs (batch, d), state (batch, units); gives `(h, [h])`. Weights hold the gates in the order z, r, h. With
    `reset_after` the reset gate multiplies the state's product with its weights, and the bias is (2, 3 units): the
    inputs', then the state's; without, it multiplies the state, and the bias is (3 units,). Raises `ValueError` for
    units that are no positive integer.

    >>> cell = ckeras.layers.GRUCell(4)
    >>> cell(ckeras.ops.ones((2, 3)), cell.get_initial_state(2))[0].shape
    (2, 4)
    """

    _gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
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
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(**given(locals(), "reset_after"))
        self.reset_after = reset_after

    def _bias_shape(self):
        width = self._gates * self.units
        return (2, width) if self.reset_after else (width,)

    def step(self, inputs, h, states):
        u = self.units
        bias, recurrent_bias = self.bias, None
        if bias is not None and self.reset_after:
            bias, recurrent_bias = ops.unstack(ops.convert_to_tensor(bias))
        xz, xr, xh = ops.split(self._plus_bias(ops.matmul(inputs, self.kernel), bias), 3, axis=-1)
        gate, recurrent = self.recurrent_activation, ops.convert_to_tensor(self.recurrent_kernel)
        if self.reset_after:
            product = self._plus_bias(ops.matmul(h, recurrent), recurrent_bias)
            hz, hr, hh = ops.split(product, 3, axis=-1)
            z, candidate = gate(xz + hz), xh + gate(xr + hr) * hh
        else:
            hz, hr = ops.split(ops.matmul(h, recurrent[:, : 2 * u]), 2, axis=-1)
            z, candidate = gate(xz + hz), xh + ops.matmul(gate(xr + hr) * h, recurrent[:, 2 * u :])
        return [z * states[0] + (1 - z) * self.activation(candidate)]

    def get_config(self):
        return {**super().get_config(), "reset_after": self.reset_after}


class GRU(FusedRNN):
    """Gated recurrent unit over sequences (batch, time, d).

    Gives the last output (batch, units), with `return_sequences` all of them (batch, time, units), with `return_state`
    the last state too. `reset_after` as in `GRUCell`; the other arguments as in `LSTM`.

    >>> ckeras.layers.GRU(4)(ckeras.ops.ones((2, 7, 3))).shape
    (2, 4)
    """

    _kernel_name = "gru"
    _cell_name = "gru_cell"
    _cell_class = GRUCell

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
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
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(**given(locals(), "use_cudnn"))
        self.use_cudnn = use_cudnn
