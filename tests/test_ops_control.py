"""Choices and loops."""

import numpy as np
import pytest

import ckeras
from ckeras import ops
from ckeras._core.errors import ConcreteValueError
from ckeras._core.tape import grad

x = ops.array(np.arange(12.0).reshape(4, 3))


def test_cond_runs_one_branch():
    ran = []
    assert ops.cond(ops.array(1) > 0, lambda: ran.append("yes") or 3, lambda: ran.append("no") or 4) == 3
    assert ops.cond(False, lambda: 1, lambda: 2) == 2 and ran == ["yes"]
    assert float(grad(lambda t: ops.cond(t > 0, lambda: t * t, lambda: -t))(ops.array(3.0))) == 6
    with pytest.raises(ValueError, match="one element"):
        ops.cond(x > 0, lambda: 1, lambda: 2)
    assert ckeras.function(lambda t: ops.cond(True, lambda: t, lambda: -t))(x).shape == (4, 3)


def test_switch_holds_the_index_in_range():
    branches = [lambda a: a + 1, lambda a: a * 2, lambda a: -a]
    assert [int(ops.switch(i, branches, 5)) for i in (-1, 0, 1, 2, 9)] == [6, 6, 10, -5, -5]


def test_while_loop():
    i, total = ops.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t + i), (0, ops.array(0.0)))
    assert (int(i), float(total)) == (5, 10.0)
    assert int(ops.while_loop(lambda i: True, lambda i: i + 1, 0, maximum_iterations=7)) == 7
    with pytest.raises(ConcreteValueError, match=r"\[while_loop\] maximum_iterations depends on the data"):
        ckeras.function(lambda t: ops.while_loop(lambda v: v < 9, lambda v: v + 1, t, t))(ops.array(1))
    with pytest.raises(ValueError, match="must return 2 loop variables"):
        ops.while_loop(lambda a, b: True, lambda a, b: a, (1, 2))


@pytest.mark.parametrize("run", [lambda f: f, ckeras.function], ids=["eager", "traced"])
def test_loops_of_known_length(run):
    a = x.numpy()
    np.testing.assert_array_equal(
        run(lambda t: ops.fori_loop(0, 3, lambda i, v: v + t[i], t[0]))(x), a[0] + a[:3].sum(0)
    )
    np.testing.assert_array_equal(run(lambda t: ops.map(lambda r: r * 2, t))(x), a * 2)
    np.testing.assert_array_equal(run(lambda t: ops.vectorized_map(ops.sum, t))(x), a.sum(1))
    for reverse in (False, True):
        last, sums = run(lambda t, r=reverse: ops.scan(lambda c, r: (c + r, {"s": c + r}), ops.zeros(3), t, reverse=r))(
            x
        )
        want = np.cumsum(a[::-1] if reverse else a, 0)
        np.testing.assert_array_equal(last, want[-1])
        np.testing.assert_array_equal(sums["s"], want[::-1] if reverse else want)
        got = run(lambda t, r=reverse: ops.associative_scan(ops.multiply, t, reverse=r, axis=1))(x)
        want = np.cumprod(a[:, ::-1] if reverse else a, 1)
        np.testing.assert_array_equal(got, want[:, ::-1] if reverse else want)
    count, none = ops.scan(lambda c, _: (c + 1, None), 0, length=4)
    assert int(count) == 4 and none is None


def test_an_associative_scan_keeps_the_order_of_arguments():
    a = np.random.default_rng(0).normal(size=(5, 2, 2))
    got = ops.associative_scan(lambda p, q: ops.matmul(p, q), a)
    want = a[0]
    for i in range(1, 5):
        want = want @ a[i]
    np.testing.assert_allclose(got[-1], want, rtol=1e-12)


def test_symbolic_loops():
    s = ckeras.KerasTensor((4, 3))
    assert ops.map(lambda r: ops.sum(r), s).shape == (4,)
    assert ops.associative_scan(ops.add, s).shape == (4, 3)
