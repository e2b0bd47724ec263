"""Whole recurrent sequences as one kernel: records of lstm, gru and simple_rnn, and what the layers call."""

import ckeras.ops.rnn_steps as rnn_steps
from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.scope import state
from ckeras._core.tape import no_record
from ckeras.ops._common import as_dtype
from ckeras.ops.create import constant

# The states of each family, and the columns of what its kernel keeps for the gradient, in units.
_STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}


def _flags(reverse, masked, reset_after):
    return int(reverse), int(masked), int(reset_after)


def _forward_spec(name):
    def spec(x, h0, *args, reverse, masked, reset_after, sequences):
        (batch, time, _), units, dtype = x.shape, h0.shape[1], x.dtype
        y, state, gates = ((batch, time, units), dtype), (h0.shape, dtype), ((batch, time, 4 * units), dtype)
        return {"lstm": [y, state, state, y, gates], "gru": [y, state, gates], "simple_rnn": [y, state]}[name]

    return spec


def _forward_pack(*args, reverse, masked, reset_after, sequences):
    return _flags(reverse, masked, reset_after), ()


def _forward_vjp(name):
    states = _STATES[name]

    def vjp(ctx, gy, *grads):
        x, *rest = ctx.inputs
        initial, (kernel, recurrent, _bias), mask = rest[:states], rest[states : states + 3], rest[states + 3 :]
        y, *kept = ctx.outputs
        kept = kept[states:]  # what the forward pass keeps for this
        attrs = ctx.attrs
        args = [x, *initial, kernel, recurrent, y, *kept, *grads[:states], *mask]
        if attrs["sequences"]:
            args.append(gy)
        with no_record():
            out = _GRADS[name].bind(*args, **attrs, wants_x=ctx.needs[0])
        if state.tapes or state.trace is not None:
            seeds = [*grads[:states], *([gy] if attrs["sequences"] else [])]
            rnn_steps.record(name, states, attrs, ctx.needs[0], [*ctx.inputs, *seeds], out)
        dx = out[-1] if ctx.needs[0] else None
        return [dx, *out[: states + 3], *[None for _ in mask]]

    return vjp


def _grad_spec(name):
    states = _STATES[name]

    def spec(x, *args, reverse, masked, reset_after, sequences, wants_x):
        dtype, kernel, recurrent = x.dtype, args[states], args[states + 1]
        width = kernel.shape[1]
        shapes = [a.shape for a in args[:states]] + [kernel.shape, recurrent.shape]
        shapes.append((2, width) if reset_after and name == "gru" else (width,))
        return [(s, dtype) for s in (shapes + [x.shape] if wants_x else shapes)]

    return spec


def _grad_pack(*args, reverse, masked, reset_after, sequences, wants_x):
    return (*_flags(reverse, masked, reset_after), int(sequences), int(wants_x)), ()


FORWARDS = {
    name: Primitive(
        name,
        _forward_spec(name),
        _forward_pack,
        _forward_vjp(name),
        "x [B,T,I], initial states [B,U], kernel, recurrent kernel, bias[, mask] -> y [B,T,U], last states, what the "
        "gradient needs; `sequences=False` promises that y gets no gradient",
        multi=True,
    )
    for name in _STATES
}
_GRADS = {
    name: Primitive(
        f"{name}_grad",
        _grad_spec(name),
        _grad_pack,
        None,  # `rnn_steps` differentiates gradients
        "gradients to the initial states, kernel, recurrent kernel, bias and, with `wants_x`, x",
        multi=True,
    )
    for name in _STATES
}


def recurrence(
    name, x, states, kernel, recurrent, bias=None, mask=None, reverse=False, reset_after=False, sequences=True
):
    """A recurrent layer with its default activations over whole sequences: `(y, last states)`.

    `name` is "lstm", "gru" or "simple_rnn". `x` [batch, time, inputs]; `states` a list of [batch, units]; weights as
    Keras has them; `mask` bool [batch, time]: where it is false the state stays. `y` [batch, time, units] is in the
    order of time, also with `reverse`, which runs from the last time to the first. `sequences=False` says that only the
    last states are used: y is `None`. Halves compute in float32, integers and bools in the weights' dtype. Raises
    `ShapeError` for other shapes, and `ArgumentError` for another number of states; the caller checked the weights'
    shapes.
    """
    _check(name, x, states, recurrent.shape[0], mask)
    if x.dtype not in dtypes.FLOATS:
        x = as_dtype(x, kernel.dtype)
    dtype = x.dtype
    wide = dtypes.computing(dtype)
    if bias is None:
        bias = constant((2, kernel.shape[1]) if reset_after else (kernel.shape[1],), 0, wide)
    args = [as_dtype(a, wide) for a in (x, *states, kernel, recurrent, bias)]
    if mask is not None:
        args.append(as_dtype(mask, "bool"))
    out = FORWARDS[name].bind(
        *args, reverse=reverse, masked=mask is not None, reset_after=reset_after, sequences=sequences
    )
    count = _STATES[name]
    return as_dtype(out[0], dtype) if sequences else None, [as_dtype(s, dtype) for s in out[1 : 1 + count]]


def _check(name, x, states, units, mask):
    if len(states) != _STATES[name]:
        raise ArgumentError(f"[{name}] expected {_STATES[name]} initial state(s), got {len(states)}")
    if len(x.shape) != 3:
        raise ShapeError(f"[{name}] sequences must be [batch, time, inputs], got shape {x.shape}")
    for i, s in enumerate(states):
        if tuple(s.shape) != (x.shape[0], units):
            raise ShapeError(
                f"[{name}] initial state {i} must be [batch, units], here {(x.shape[0], units)}, got shape "
                f"{tuple(s.shape)}"
            )
    if mask is not None and tuple(mask.shape) != tuple(x.shape[:2]):
        raise ShapeError(
            f"[{name}] mask must be [batch, time], here {tuple(x.shape[:2])}, got shape {tuple(mask.shape)}"
        )
