"""LSTM, GRU and simple recurrence over whole sequences."""

import numpy as np

from ckeras._core.errors import DTypeError, ShapeError
from ckeras.kernels._call import check_rank, check_shape, operands, run_primitive
from ckeras.ops.rnn import FORWARDS

__all__ = ["gru", "lstm", "simple_rnn"]

_COLUMNS = {"lstm": 4, "gru": 3, "simple_rnn": 1}


def _sequence(op, x, kernel, recurrent_kernel, bias, states, mask, reverse, reset_after=False):
    names = ["initial_h", "initial_c"][: len(states)]
    given = dict(zip(names, states))
    x, kernel, recurrent_kernel, bias, *states = operands(
        op, x=x, kernel=kernel, recurrent_kernel=recurrent_kernel, bias=bias, **given
    )
    if x.dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"[kernels.{op}] operands must be float32 or float64, got {x.dtype}: convert them with .astype"
        )
    check_rank(op, "x", x, "batch time inputs")
    check_rank(op, "recurrent_kernel", recurrent_kernel, "units columns")
    units = recurrent_kernel.shape[0]
    columns = _COLUMNS[op] * units
    check_shape(op, "recurrent_kernel", recurrent_kernel, (units, columns))
    check_shape(op, "kernel", kernel, (x.shape[2], columns))
    bias_shape = (2, columns) if reset_after else (columns,)
    bias = np.zeros(bias_shape, x.dtype) if bias is None else bias
    check_shape(op, "bias", bias, bias_shape)
    states = [np.zeros((len(x), units), x.dtype) if s is None else s for s in states]
    for name, s in zip(names, states):
        check_shape(op, name, s, (len(x), units))
    inputs = [x, *states, kernel, recurrent_kernel, bias]
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != x.shape[:2]:
            raise ShapeError(
                f"[kernels.{op}] mask must be bool of shape {x.shape[:2]}, got {mask.dtype} of shape {mask.shape}"
            )
        inputs.append(mask)
    flags = {"reverse": bool(reverse), "masked": mask is not None, "reset_after": bool(reset_after), "sequences": True}
    return run_primitive(FORWARDS[op], inputs, **flags)


def lstm(x, kernel, recurrent_kernel, bias=None, initial_h=None, initial_c=None, mask=None, reverse=False):
    """A long short-term memory over sequences (Hochreiter and Schmidhuber, 1997): `(y, h, c)`.

    `x` [batch, time, inputs], `kernel` [inputs, 4 units], `recurrent_kernel` [units, 4 units], `bias` [4 units]:
    columns of the input, forget, candidate and output gates; initial states [batch, units], zeros by default. All
    float32 or all float64. `y` [batch, time, units] holds the state after each step, `h` and `c` [batch, units] the
    last ones. `mask` bool [batch, time]: where it is False, the state stays. `reverse` runs from the last step to the
    first. Raises `ValueError` or `TypeError` for arguments that do not fit.

    >>> y, h, c = kernels.lstm(np.ones((2, 5, 3)), np.ones((3, 16)), np.ones((4, 16)))
    >>> y.shape, h.shape
    ((2, 5, 4), (2, 4))
    """
    out = _sequence("lstm", x, kernel, recurrent_kernel, bias, [initial_h, initial_c], mask, reverse)
    return out[0], out[1], out[2]


def gru(x, kernel, recurrent_kernel, bias=None, initial_h=None, mask=None, reverse=False, reset_after=True):
    """A gated recurrent unit over sequences (Cho et al., 2014): `(y, h)`.

    `kernel` [inputs, 3 units] and `recurrent_kernel` [units, 3 units] have their columns in the order update, reset,
    candidate. `bias` is [2, 3 units] with `reset_after` (of the inputs, of the state), else [3 units]. Otherwise as
    `lstm`.
    """
    out = _sequence("gru", x, kernel, recurrent_kernel, bias, [initial_h], mask, reverse, reset_after)
    return out[0], out[1]


def simple_rnn(x, kernel, recurrent_kernel, bias=None, initial_h=None, mask=None, reverse=False):
    """`h = tanh(x kernel + h recurrent_kernel + bias)` over sequences: `(y, h)`; weights of `units` columns.

    Otherwise as `lstm`.
    """
    out = _sequence("simple_rnn", x, kernel, recurrent_kernel, bias, [initial_h], mask, reverse)
    return out[0], out[1]
