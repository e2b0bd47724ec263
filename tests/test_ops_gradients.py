"""Derivatives of orders 1 and 2 of every primitive, in a random direction, against central differences in float64."""

import numpy as np
import pytest

import opinfo
from ckeras import ops
from ckeras._core.errors import GradientError
from ckeras._core.primitive import PRIMITIVES
from ckeras._core.tape import GradientTape, grad
from ckeras._core.tensor import convert

H = 1e-6
SMALL = [(), (17,), (3, 0, 2), (2, 3, 5, 1, 4)]
differentiable = [row for row in opinfo.ROWS.values() if row.order]


def _float_cases(row):
    """Float64 cases; a scalar function of the float operands, weighted by fixed random numbers."""
    for args, attrs in opinfo.cases(row, "float64", SMALL):
        if row.name == "cast" and attrs["dtype"] != "float64":
            continue
        at = [i for i, a in enumerate(args) if a.dtype == np.float64]
        rng = opinfo.generator("direction", row.name)
        weights = [convert(rng.normal(size=np.shape(y))) for y in opinfo.run(row, args, attrs)]

        def f(*xs, args=args, attrs=attrs, at=at, weights=weights):
            full = opinfo.tensors(args)
            for i, x in zip(at, xs):
                full[i] = x
            out = row.primitive.bind(*full, **attrs)
            outs = out if isinstance(out, (tuple, list)) else (out,)
            total = 0.0
            for y, w in zip(outs[: len(outs) - row.kept], weights):
                total = total + ops.sum(y * w)
            return total

        yield f, [args[i] for i in at], rng


def _slope(f, xs, direction):
    """Central difference of f along a direction."""

    def along(h):
        return float(f(*[convert(x + h * d) for x, d in zip(xs, direction)]))

    return (along(H) - along(-H)) / (2 * H), abs(along(0.0))


def _dot(grads, direction):
    return sum((ops.sum(g * convert(d)) for g, d in zip(grads, direction) if g is not None), convert(np.zeros(())))


def _agree(got, slope, size):
    np.testing.assert_allclose(got, slope, rtol=2e-6, atol=2e-7 * max(1.0, size))


@pytest.mark.parametrize("row", differentiable, ids=lambda r: r.name)
def test_first_derivative(row):
    for f, xs, rng in _float_cases(row):
        direction = [rng.normal(size=x.shape) for x in xs]
        grads = grad(f, tuple(range(len(xs))))(*[convert(x) for x in xs])
        assert all(g is None or g.shape == x.shape for g, x in zip(grads, xs))
        _agree(float(_dot(grads, direction)), *_slope(f, xs, direction))


@pytest.mark.parametrize("row", [r for r in differentiable if r.order > 1], ids=lambda r: r.name)
def test_second_derivative(row):
    for f, xs, rng in _float_cases(row):
        first, second = ([rng.normal(size=x.shape) for x in xs] for _ in range(2))

        def slope(*ts, f=f, first=first):
            """f's derivative along `first`."""
            with GradientTape() as tape:
                tape.watch(list(ts))
                y = f(*ts)
            return _dot(tape.gradient(y, list(ts)), first)

        ts = [convert(x) for x in xs]
        with GradientTape() as tape:
            tape.watch(ts)
            y = slope(*ts)
        got = float(_dot(tape.gradient(y, ts), second))
        _agree(got, *_slope(slope, xs, second))


@pytest.mark.parametrize("row", [r for r in opinfo.ROWS.values() if r.order == 0], ids=lambda r: r.name)
def test_what_has_no_derivative_says_so_or_gives_zero(row):
    dtype = "float32" if "float32" in row.dtypes else row.dtypes[0]
    record = PRIMITIVES[row.name]
    args, attrs = opinfo.cases(row, dtype, [(3,)])[-1]
    ts = opinfo.tensors(args)
    floats = [t for t in ts if t.dtype == "float32"]
    if not floats:
        assert record.vjp is None, "a record of no floats needs no vjp"
        return
    with GradientTape() as tape:
        tape.watch(floats)
        out = record.bind(*ts, **attrs)
    first = out[0] if isinstance(out, (tuple, list)) else out
    if first.dtype != "float32" or record.vjp is None or row.refuses:
        with pytest.raises(GradientError, match=row.name if first.dtype == "float32" else "float target"):
            tape.gradient(first, floats)
    else:
        assert tape.gradient(first, floats) == [None] * len(floats)
