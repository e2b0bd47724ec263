"""The recurrent kernels' definition as a loop of plain ops: what derivatives beyond the first are made of."""

from ckeras._core.control import Closure, repeat
from ckeras._core.tape import GradientTape, record_custom
from ckeras.ops.elementwise import add, multiply, sigmoid, subtract, tanh, where
from ckeras.ops.linalg import matmul
from ckeras.ops.shape import cut, reshape, transpose


def _parts(z, units):
    return [cut(z, 1, i, i + units) for i in range(0, z.shape[1], units)]


def _lstm(z, states, recurrent, bias, after):
    h, c = states
    i, f, g, o = _parts(add(z, matmul(h, recurrent)), h.shape[1])
    c = add(multiply(sigmoid(f), c), multiply(sigmoid(i), tanh(g)))
    return multiply(sigmoid(o), tanh(c)), c


def _gru(z, states, recurrent, bias, after):
    (h,) = states
    units = h.shape[1]
    xz, xr, xh = _parts(z, units)
    if after:
        hz, hr, hh = _parts(add(matmul(h, recurrent), cut(bias, 0, 1, 2)), units)
        candidate = multiply(sigmoid(add(xr, hr)), hh)
    else:
        hz, hr = _parts(matmul(h, cut(recurrent, 1, 0, 2 * units)), units)
        candidate = matmul(multiply(sigmoid(add(xr, hr)), h), cut(recurrent, 1, 2 * units, 3 * units))
    keep = sigmoid(add(xz, hz))
    return (add(multiply(keep, h), multiply(subtract(1, keep), tanh(add(xh, candidate)))),)


def _simple_rnn(z, states, recurrent, bias, after):
    return (tanh(add(z, matmul(states[0], recurrent))),)


_STEPS = {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple_rnn}


def stepwise(name, x, states, kernel, recurrent, bias, mask, reverse, after):
    """(y, last states) of `csrc/ops/rnn/rnn.h`, one step a turn of a loop."""
    batch, time, inputs = x.shape
    first = cut(bias, 0, 0, 1) if after else bias
    z = add(reshape(matmul(reshape(x, (batch * time, inputs)), kernel), (batch, time, kernel.shape[1])), first)
    rows = [transpose(z, (1, 0, 2))]
    if mask is not None:
        rows.append(reshape(transpose(mask, (1, 0)), (time, batch, 1)))
    n = len(states)

    def turn(*values):
        old, z, live = values[:n], values[n], values[n + 1 :]
        new = _STEPS[name](z, old, recurrent, bias, after)
        if live:
            new = [where(live[0], a, b) for a, b in zip(new, old)]
        return [*new, new[0]]

    avals = [(s.shape, s.dtype) for s in states] + [(r.shape[1:], r.dtype) for r in rows]
    last, (y,) = repeat(Closure(turn, avals), states, rows=rows, length=time, reverse=reverse)
    return transpose(y, (1, 0, 2)), last


class _Derivative:
    """What a tape keeps of a gradient kernel: its derivative is that of the gradient of the loop."""

    partial = True

    def __init__(self, name, n_states, attrs, wants_x):
        self.name = f"{name}_grad"
        self._name, self._n, self._attrs, self._wants_x = name, n_states, attrs, wants_x

    def _gradient(self, x, *args):
        n, attrs = self._n, self._attrs
        states, (kernel, recurrent, bias), rest = args[:n], args[n : n + 3], list(args[n + 3 :])
        mask = rest.pop(0) if attrs["masked"] else None
        sources = [*states, kernel, recurrent, bias, *([x] if self._wants_x else [])]
        with GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            y, last = stepwise(
                self._name, x, states, kernel, recurrent, bias, mask, attrs["reverse"], attrs["reset_after"]
            )
        targets = [*last, y] if attrs["sequences"] else list(last)
        return tape.gradient(targets, sources, rest, unconnected_gradients="zero")

    def vjp(self, ctx, *grads):
        given = [k for k, g in enumerate(grads) if g is not None]
        with GradientTape(watch_accessed_variables=False) as tape:
            watched = [x for x, need in zip(ctx.inputs, ctx.needs) if need]
            tape.watch(watched)
            found = self._gradient(*ctx.inputs)
        slopes = iter(tape.gradient([found[k] for k in given], watched, [grads[k] for k in given]))
        return [next(slopes) if need else None for need in ctx.needs]


def record(name, n_states, attrs, wants_x, inputs, outputs):
    """Tells the tapes how the gradients `outputs` follow from x, states, weights[, mask], and their own seeds."""
    record_custom(_Derivative(name, n_states, attrs, wants_x), tuple(inputs), tuple(outputs))
