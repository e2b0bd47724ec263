"""What the table-driven tests of composite functions share: a row is a call and what NumPy makes of it.

Arrays among the arguments become tensors; a row's reference gets the same arguments as NumPy values.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ckeras
from ckeras import ops
from ckeras._core import nest
from ckeras._core.symbolic import KerasTensor
from ckeras._core.tape import grad
from ckeras._core.tensor import convert


@dataclass(frozen=True)
class Call:
    name: str
    args: tuple
    ref: Any  # NumPy function of the same arguments
    kwargs: dict = field(default_factory=dict)
    order: int = 1  # how many derivatives are checked: 0, 1 or 2
    rtol: float = 2e-6
    symbolic: bool = True  # whether the first dimension of the first array may be unknown

    def __str__(self):
        return self.name

    @property
    def op(self):
        return getattr(ops, self.name)


def _is_array(a):
    return isinstance(a, np.ndarray)


def with_tensors(args, make=convert):
    """The arguments with every NumPy array made a tensor."""
    return nest.map_leaves(lambda a: make(a) if _is_array(a) else a, args)


def arrays(args):
    return [a for a in nest.leaves(args) if _is_array(a)]


def in_dtype(args, dtype):
    """The arguments with float64 arrays in another float dtype."""
    return nest.map_leaves(lambda a: a.astype(dtype) if _is_array(a) and a.dtype == np.float64 else a, args)


def results(out):
    return [np.asarray(t) for t in nest.leaves(out)]


def check_values(call, dtype="float32"):
    got = results(call.op(*with_tensors(in_dtype(call.args, dtype)), **call.kwargs))
    with np.errstate(all="ignore"):
        want = results(call.ref(*in_dtype(call.args, "float64"), **call.kwargs))
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.shape == w.shape, (g.shape, w.shape)
        if g.dtype.kind == "f":
            scale = np.max(np.abs(w), initial=0, where=np.isfinite(w))
            np.testing.assert_allclose(g, w, rtol=call.rtol, atol=call.rtol * scale)
        else:
            np.testing.assert_array_equal(g, w)


def check_traced(call):
    """The traced call gives the bits of the eager one, and so does a call that the engine has learnt."""
    args = in_dtype(call.args, "float32")
    flat = arrays(args)

    def run(*values):
        it = iter(values)
        return call.op(*with_tensors(args, lambda a: next(it)), **call.kwargs)

    eager = results(run(*map(convert, flat)))
    traced = results(ckeras.function(run)(*map(convert, flat)))
    for a, b in zip(eager, traced):
        np.testing.assert_array_equal(a, b)
    for _ in range(18):
        again = results(run(*map(convert, flat)))
    for a, b in zip(eager, again, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_symbolic(call):
    """The symbolic shape and dtype are those of the result; an unknown first dimension stays unknown or goes."""
    args = in_dtype(call.args, "float32")
    want = results(call.op(*with_tensors(args), **call.kwargs))
    got = nest.leaves(call.op(*with_tensors(args, lambda a: KerasTensor(a.shape, str(a.dtype))), **call.kwargs))
    assert [(g.shape, g.dtype) for g in got] == [(w.shape, str(w.dtype)) for w in want]
    if not call.symbolic:
        return
    n = arrays(args)[0].shape[0]
    open_first = nest.leaves(
        call.op(
            *with_tensors(
                args, lambda a: KerasTensor((None, *a.shape[1:]) if a.shape[:1] == (n,) else a.shape, str(a.dtype))
            ),
            **call.kwargs,
        )
    )
    for g, w in zip(open_first, want):
        assert len(g.shape) == w.ndim and all(d is None or d == e for d, e in zip(g.shape, w.shape)), g.shape


def check_gradient(call, h=1e-6):
    """The derivative in a random direction against central differences, in float64."""
    flat = arrays(call.args)
    at = [i for i, a in enumerate(flat) if a.dtype == np.float64]
    rng = np.random.default_rng(7)

    def f(*values):
        it = iter(values)
        full = iter([next(it) if i in at else convert(a) for i, a in enumerate(flat)])
        out = call.op(*with_tensors(call.args, lambda a: next(full)), **call.kwargs)
        return sum((ops.sum(t * convert(w)) for t, w in zip(nest.leaves(out), weights)), convert(np.zeros(())))

    out = call.op(*with_tensors(call.args), **call.kwargs)
    weights = [rng.normal(size=t.shape) for t in nest.leaves(out)]
    xs = [flat[i] for i in at]
    direction = [rng.normal(size=x.shape) for x in xs]
    grads = grad(f, tuple(range(len(xs))))(*map(convert, xs))
    got = sum(float(np.sum(np.asarray(g) * d)) for g, d in zip(grads, direction) if g is not None)
    ends = [float(f(*[convert(x + s * h * d) for x, d in zip(xs, direction)])) for s in (1, -1)]
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)


def check_second_gradient(call, h=1e-5):
    """The derivative of a directional derivative against central differences of it, in float64."""
    flat = arrays(call.args)
    at = [i for i, a in enumerate(flat) if a.dtype == np.float64]
    rng = np.random.default_rng(8)
    out = call.op(*with_tensors(call.args), **call.kwargs)
    weights = [rng.normal(size=t.shape) for t in nest.leaves(out)]
    xs = [flat[i] for i in at]
    first, second = ([convert(rng.normal(size=x.shape)) for x in xs] for _ in range(2))

    def f(*values):
        it = iter(values)
        full = iter([next(it) if i in at else convert(a) for i, a in enumerate(flat)])
        out = call.op(*with_tensors(call.args, lambda a: next(full)), **call.kwargs)
        pairs = zip(nest.leaves(out), weights)
        return sum((ops.sum(t * convert(w)) for t, w in pairs if w.dtype.kind == "f"), convert(np.zeros(())))

    def slope(*values):
        grads = grad(f, tuple(range(len(xs))))(*values)
        return sum((ops.sum(g * d) for g, d in zip(grads, first)), convert(np.zeros(())))

    got = sum(float(ops.sum(g * d)) for g, d in zip(grad(slope, tuple(range(len(xs))))(*map(convert, xs)), second))
    ends = [float(slope(*[convert(x) + s * h * d for x, d in zip(xs, second)])) for s in (1.0, -1.0)]
    np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * h), rtol=1e-4, atol=1e-5)


class Calls:
    """Base of test classes: every check of every row of a table, `calls`."""

    calls = ()

    def pytest_generate_tests(self, metafunc):
        rows = [c for c in self.calls if c.order or metafunc.function.__name__ != "test_gradients"]
        metafunc.parametrize("call", rows, ids=str)

    def test_values(self, call):
        check_values(call)

    def test_traced_equals_eager(self, call):
        check_traced(call)

    def test_symbolic_shapes(self, call):
        check_symbolic(call)

    def test_gradients(self, call):
        check_gradient(call)
        if call.order > 1:
            check_second_gradient(call)
