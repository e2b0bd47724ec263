"""GRU and its cell (Cho et al., 2014)."""

from ckeras import ops
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
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            initializers_=(kernel_initializer, recurrent_initializer, bias_initializer),
            regularizers_=(kernel_regularizer, recurrent_regularizer, bias_regularizer),
            constraints_=(kernel_constraint, recurrent_constraint, bias_constraint),
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            **kwargs,
        )
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
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            name="gru_cell",
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn
