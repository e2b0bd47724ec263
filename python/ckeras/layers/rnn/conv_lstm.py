"""ConvLSTM1D, ConvLSTM2D, ConvLSTM3D and their cell (Shi et al., 2015)."""

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras.layers._arguments import given, padding_name, per_dim, positive, window_output
from ckeras.layers.rnn.fused import FusedRNN
from ckeras.layers.rnn.lstm import LSTMCell


class ConvLSTMCell(LSTMCell):
    """One step of an LSTM whose products are convolutions over `rank` spatial dimensions.

    The inputs are convolved as strides, padding and dilation_rate say, the state h with padding "same"; kernels are
    (*kernel_size, channels, 4 * filters). Dropout masks are shared by the gates.
    """

    def __init__(self, rank, filters, kernel_size, strides, padding, data_format, dilation_rate, **kwargs):
        where = f"ConvLSTM{rank}D"
        super().__init__(positive(where, "filters", filters), **kwargs)
        self.rank = rank
        self.filters = self.units
        self.kernel_size = per_dim(where, "kernel_size", kernel_size, rank)
        self.strides = per_dim(where, "strides", strides, rank)
        self.padding = padding_name(where, padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = per_dim(where, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"[{where}] strides={self.strides} and dilation_rate={self.dilation_rate} cannot both be above 1"
            )

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        shape = tuple(input_shape)
        if len(shape) != self.rank + 2 or None in shape[1:]:
            raise ValueError(
                f"Layer '{self.name}' needs steps of {self.rank} known spatial dimensions and channels, got steps of "
                f"shape {shape}"
            )
        width = self._gates * self.filters
        self.kernel = self._weight("kernel", (*self.kernel_size, shape[self._channel_axis], width), "kernel")
        self.recurrent_kernel = self._weight("recurrent_kernel", (*self.kernel_size, self.filters, width), "recurrent")
        self.bias = self._weight("bias", self._bias_shape(), "bias") if self.use_bias else None
        self._state_shape = self.state_shape(shape)[1:]
        if min(self._state_shape) < 1:
            raise ValueError(
                f"Layer '{self.name}': a kernel of size {self.kernel_size} with dilation_rate {self.dilation_rate} "
                f"does not fit steps of shape {shape}"
            )

    def state_shape(self, step_shape):
        """The shape of h and c, and of the output, for inputs (batch, ...) of one step."""
        last = self.data_format == "channels_last"
        spatial = step_shape[1:-1] if last else step_shape[2:]
        out = tuple(
            [
                window_output(n, k, s, self.padding, d)
                for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate)
            ]
        )
        return (step_shape[0], *out, self.filters) if last else (step_shape[0], self.filters, *out)

    def get_initial_state(self, batch_size=None):
        """Zeros of the states' shape, one a state; the cell must be built."""
        return [ops.zeros((batch_size, *self._state_shape), dtype=self.compute_dtype) for _ in range(self._states)]

    def _gate_sums(self, inputs, h):
        window = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        z = ops.conv(inputs, self.kernel, data_format=self.data_format, **window)
        z = z + ops.conv(h, self.recurrent_kernel, padding="same", data_format=self.data_format)
        if self.bias is not None:
            z = z + (self.bias if self._channel_axis == -1 else ops.reshape(self.bias, (-1,) + (1,) * self.rank))
        return ops.split(z, self._gates, axis=self._channel_axis)

    def get_config(self):
        config = super().get_config()
        del config["units"]
        window = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        return {**config, **{name: getattr(self, name) for name in window}}


class _ConvLSTM(FusedRNN):
    """Base of the three; their cells know the number of spatial dimensions, `rank`."""

    _cell_class = ConvLSTMCell
    _cell_name = "conv_lstm_cell"

    def _fits_kernel(self, training):
        return False

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, time = sequences_shape[:2]
        state = self.cell.state_shape((batch, *sequences_shape[2:]))
        output = (batch, time, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


class ConvLSTM1D(_ConvLSTM):
    """Convolutional LSTM over sequences (batch, time, steps, channels).

    Every step's products are convolutions: those of the inputs as `kernel_size`, `strides`, `padding` and
    `dilation_rate` say, those of the state with padding "same". Gives the last output, with `return_sequences` all of
    them, with `return_state` the last states h and c too; with `data_format="channels_first"` channels stand before the
    spatial dimensions. Masks, `go_backwards` and `stateful` are as in RNN, the other arguments as in LSTM. Spatial
    dimensions must be known. Raises `ValueError` for arguments or inputs that do not fit.

    >>> ckeras.layers.ConvLSTM1D(4, 3)(ckeras.ops.ones((2, 5, 8, 3))).shape
    (2, 6, 4)
    """

    _dimensions = 4

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        super().__init__(rank=1, **given(locals()))


class ConvLSTM2D(_ConvLSTM):
    """Convolutional LSTM over sequences (batch, time, rows, columns, channels).

    Every step's products are convolutions: those of the inputs as `kernel_size`, `strides`, `padding` and
    `dilation_rate` say, those of the state with padding "same". Gives the last output, with `return_sequences` all of
    them, with `return_state` the last states h and c too; with `data_format="channels_first"` channels stand before the
    spatial dimensions. Masks, `go_backwards` and `stateful` are as in RNN, the other arguments as in LSTM. Spatial
    dimensions must be known. Raises `ValueError` for arguments or inputs that do not fit.

    >>> ckeras.layers.ConvLSTM2D(4, 3)(ckeras.ops.ones((2, 5, 8, 8, 3))).shape
    (2, 6, 6, 4)
    """

    _dimensions = 5

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        super().__init__(rank=2, **given(locals()))


class ConvLSTM3D(_ConvLSTM):
    """Convolutional LSTM over sequences (batch, time, three spatial dimensions, channels).

    Every step's products are convolutions: those of the inputs as `kernel_size`, `strides`, `padding` and
    `dilation_rate` say, those of the state with padding "same". Gives the last output, with `return_sequences` all of
    them, with `return_state` the last states h and c too; with `data_format="channels_first"` channels stand before the
    spatial dimensions. Masks, `go_backwards` and `stateful` are as in RNN, the other arguments as in LSTM. Spatial
    dimensions must be known. Raises `ValueError` for arguments or inputs that do not fit.

    >>> ckeras.layers.ConvLSTM3D(4, 3)(ckeras.ops.ones((2, 5, 4, 4, 4, 3))).shape
    (2, 2, 2, 2, 4)
    """

    _dimensions = 6

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
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
        **kwargs,
    ):
        super().__init__(rank=3, **given(locals()))
