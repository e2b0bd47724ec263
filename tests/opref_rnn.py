"""Recurrent layers in plain NumPy, step by step; gradients by complex steps, which do not cancel."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(name, after, x, states, k, r, b):
    """The new states of one step, and what the kernel keeps of its gates."""
    h, u = states[0], states[0].shape[1]
    if name == "lstm":
        i, f, c, o = np.split(x @ k + h @ r + b, 4, axis=1)
        i, f, c, o = sigmoid(i), sigmoid(f), np.tanh(c), sigmoid(o)
        cell = f * states[1] + i * c
        return [o * np.tanh(cell), cell], [i, f, c, o]
    if name == "simple_rnn":
        return [np.tanh(x @ k + h @ r + b)], []
    xz, xr, xh = np.split(x @ k + (b[0] if after else b), 3, axis=1)
    hz, hr, hh = np.split(h @ r + (b[1] if after else 0), 3, axis=1)
    z, reset = sigmoid(xz + hz), sigmoid(xr + hr)
    kept = hh if after else reset * h
    c = np.tanh(xh + (reset * hh if after else kept @ r[:, 2 * u :]))
    return [z * h + (1 - z) * c], [z, reset, c, kept]


def run(name, after, x, states, k, r, b, mask=None, reverse=False):
    """`(y, last states, cells, gates)`; a masked step keeps the states and leaves gates of 0."""
    batch, time, units = x.shape[0], x.shape[1], r.shape[0]
    dtype = np.result_type(x, *states, k, r, b)
    y, cells = np.zeros((batch, time, units), dtype), np.zeros((batch, time, units), dtype)
    gates = np.zeros((batch, time, 4 * units), dtype)
    states = list(states)
    for t in range(time)[:: -1 if reverse else 1]:
        new, kept = step(name, after, x[:, t], states, k, r, b)
        live = np.ones((batch, 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(live, a, old) for a, old in zip(new, states)]
        y[:, t], cells[:, t] = states[0], states[-1]
        if kept:
            gates[:, t] = np.where(live, np.concatenate(kept, axis=1), 0)
    return y, states, cells, gates


def forward(name):
    """The reference of a forward primitive: all its outputs."""

    def ref(x, *args, reverse, masked, reset_after, sequences):
        n = 2 if name == "lstm" else 1
        mask = args[-1] if masked else None
        y, states, cells, gates = run(name, reset_after, x, args[:n], *args[n : n + 3], mask, reverse)
        return [y, *states, *{"lstm": [cells, gates], "gru": [gates], "simple_rnn": []}[name]]

    return ref


def gradient(name):
    """The reference of a gradient primitive, which is not told the bias: it is that of `problem`."""

    def ref(x, *args, reverse, masked, reset_after, sequences, wants_x):
        n = 2 if name == "lstm" else 1
        states, (k, r) = args[:n], args[n : n + 2]
        rest = list(args[n + 2 + {"lstm": 3, "gru": 2, "simple_rnn": 1}[name] :])
        g_states, rest = rest[:n], rest[n:]
        mask = rest.pop(0) if masked else None
        point = [*states, k, r, bias(name, reset_after, r.shape[0])] + ([x] if wants_x else [])

        def loss(values):
            own = values[n + 3] if wants_x else x
            y, last, _, _ = run(name, reset_after, own, values[:n], *values[n : n + 3], mask, reverse)
            total = sum(np.sum(s * g) for s, g in zip(last, g_states))
            return total + np.sum(y * rest[0]) if sequences else total

        out = []
        for i, value in enumerate(point):
            g = np.zeros(value.shape)
            for at in np.ndindex(value.shape):
                moved = value.astype(complex)
                moved[at] += 1e-30j
                g[at] = loss([moved if j == i else v for j, v in enumerate(point)]).imag / 1e-30
            out.append(g)
        return out

    return ref


GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}


def bias(name, after, units):
    width = GATES[name] * units
    return np.sin(np.arange(2 * width)).reshape(2, width)[slice(None) if after else 0]


def problem(rng, name, after, batch, time, inputs, units):
    """Random x, states, kernel, recurrent kernel, bias and mask."""
    width = GATES[name] * units
    return {
        "x": rng.normal(size=(batch, time, inputs)),
        "states": [rng.normal(size=(batch, units)) for _ in range(2 if name == "lstm" else 1)],
        "k": rng.normal(size=(inputs, width)) / np.sqrt(max(inputs, 1)),
        "r": rng.normal(size=(units, width)) / np.sqrt(units),
        "b": bias(name, after, units),
        "mask": rng.random((batch, time)) < 0.7,
    }


def cases(name, grad):
    """The cases of a primitive: both directions, with and without a mask, both reset modes of the GRU."""

    def make(rng):
        found = []
        for i, shape in enumerate([(2, 3, 2, 3), (1, 1, 1, 1), (9, 2, 3, 2), (0, 2, 1, 2), (2, 0, 3, 2)]):
            for after in (False, True) if name == "gru" else (False,):
                masked, sequences, wants_x = i % 2 == 0, i != 2, i != 1
                attrs = {"reverse": i in (0, 2), "masked": masked, "reset_after": after}
                attrs["sequences"] = sequences or not grad
                p = problem(rng, name, after, *shape)
                args = [p["x"], *p["states"], p["k"], p["r"]]
                mask = [p["mask"]] if masked else []
                if not grad:
                    found.append(((*args, p["b"], *mask), attrs))
                    continue
                known = (p["x"], p["states"], p["k"], p["r"], p["b"], *(mask or [None]), attrs["reverse"])
                y, states, cells, gates = run(name, after, *known)
                kept = {"lstm": [cells, gates], "gru": [gates], "simple_rnn": []}[name]
                gy = [rng.normal(size=y.shape)] if sequences else []
                args += [y, *kept, *[rng.normal(size=s.shape) for s in states], *mask, *gy]
                found.append((tuple(args), {**attrs, "wants_x": wants_x}))
        return found

    return make
