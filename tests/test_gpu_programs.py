"""Traced programs through the CUDA library: with its kernels on a GPU, or emulated on the host (docs/cuda.md)."""

import gc
import os

import numpy as np
import pytest

import ckeras
from ckeras import _cuda, ops
from ckeras._core import gpu, gpu_program
from ckeras._core.control import Closure, choose, repeat
from ckeras._core.errors import DataError
from ckeras._core.primitive import OP_IDS
from ckeras._core.program import compile
from ckeras._core.tape import value_and_grad

EMULATED = os.environ.get("CKERAS_CUDA_EMULATED")


@pytest.fixture(scope="module")
def device():
    if EMULATED:
        return gpu.Device(library=EMULATED)
    found = _cuda.look()
    if found.driver_problem or found.library_problem:
        pytest.skip(found.driver_problem or found.library_problem)
    return gpu.Device()


def data(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def on_device(device, compiled):
    """The program, and the cells of its variables."""
    cells = [gpu.Cell(device.put(v.numpy(), v.path)) for v in compiled.variables]
    return gpu_program.Program(device, compiled._plan, cells), cells


def check(device, fn, *inputs, runs=3):
    """`runs` runs give the CPU's results and variables."""
    compiled = compile(fn, *[(x.shape, x.dtype.name) for x in inputs])
    program, cells = on_device(device, compiled)
    for _ in range(runs):
        expected = compiled.run([ckeras.ops.convert_to_tensor(x) for x in inputs])
        got = program.run([device.put(x) for x in inputs])
        program.check()
        for a, b in zip(got, expected if isinstance(expected, (list, tuple)) else [expected], strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-6)
        for cell, variable in zip(cells, compiled.variables, strict=True):
            np.testing.assert_allclose(cell.get().numpy(), variable.numpy(), rtol=2e-5, atol=2e-6)
    return compiled, program, cells


def test_put_and_fetch(device):
    for dtype in ("bool", "int8", "uint64", "float16", "bfloat16", "float64"):
        values = data(3, 5).astype(ckeras._core.dtypes.numpy_dtype(dtype))
        array = device.put(values)
        assert (array.shape, array.dtype) == ((3, 5), dtype)
        assert array.numpy().tobytes() == values.tobytes()
    assert device.put(np.zeros((0, 3), "float32")).numpy().shape == (0, 3)
    assert device.put(np.float32(2)).numpy() == 2


def test_results(device):
    check(device, lambda x: ops.softmax(ops.matmul(x, ops.transpose(x))) * 2, data(7, 5))
    check(device, lambda x: [ops.mean(ops.exp(x), axis=0), ops.sum(x * x), ops.sort(x)], data(9, 4))
    check(device, lambda x: ops.concatenate([x[:, ::-1], ops.pad(x, ((0, 0), (1, 2)))], axis=1), data(3, 4))


def test_a_training_step(device):
    weights, bias = ckeras.Variable(data(6, 4, seed=1)), ckeras.Variable(np.zeros(4, "float32"))
    seen = ckeras.Variable(np.int32(0), dtype="int32", trainable=False)

    def step(x, labels):
        def loss(w, b):
            logits = ops.tanh(ops.matmul(x, w) + b)
            return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))

        value, grads = value_and_grad(loss, (0, 1))(weights.value, bias.value)
        weights.assign_sub(0.5 * grads[0])
        bias.assign_sub(0.5 * grads[1])
        seen.assign_add(1)
        return value

    x, labels = data(8, 6), np.array([0, 1, 2, 3, 3, 2, 1, 0], "int32")
    _, program, cells = check(device, step, x, labels, runs=4)
    before = [cell.get().numpy() for cell in cells]
    with pytest.raises(DataError, match=r"softmax_cross_entropy.*label 99 is out of range for 4 classes"):
        program.run([device.put(x), device.put(np.full(8, 99, "int32"))])
    for cell, old in zip(cells, before, strict=True):
        assert (cell.get().numpy() == old).all()


def test_adam_and_an_embedding(device):
    table, m, v = (ckeras.Variable(data(11, 3, seed=2) * s) for s in (1, 0, 0))

    def step(tokens):
        def loss(t):
            return ops.sum(ops.square(ops.take(t, tokens, axis=0) - 1))

        value, grad = value_and_grad(loss)(table.value)
        m.assign(0.9 * m + 0.1 * grad)
        v.assign(0.99 * v + 0.01 * ops.square(grad))
        table.assign_sub(0.1 * m / (ops.sqrt(v) + 1e-6))
        return value

    check(device, step, np.array([[1, 1, 4], [10, 0, 1]], "int32"))


@pytest.fixture(params=["conditional", "waiting"])
def control(request, monkeypatch):
    """Both ways of control flow that depends on values: parts of a graph, or kernel by kernel."""
    monkeypatch.setenv("CKERAS_CUDA_CONDITIONAL", "1" if request.param == "conditional" else "0")
    return request.param


def check_all(device, control, fn, *inputs):
    """One program on each of the inputs, three times in turn: queued, noted, launched."""
    compiled = compile(fn, *[(x.shape, x.dtype.name) for x in inputs[0]])
    program, cells = on_device(device, compiled)
    for turn in range(3 * len(inputs)):
        args = inputs[turn % len(inputs)]
        expected = compiled.run([ckeras.ops.convert_to_tensor(x) for x in args])
        got = program.run([device.put(x) for x in args])
        program.check()
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-6)
        for cell, variable in zip(cells, compiled.variables, strict=True):
            np.testing.assert_allclose(cell.get().numpy(), variable.numpy(), rtol=2e-5, atol=2e-6)
        assert program.is_graph == (control == "conditional" and turn > 0)


def test_choices(device, control):
    def fn(x, i):
        y = ops.cond(ops.sum(x) > 0, lambda: x + 1, lambda: ops.exp(x) - 1)
        return y, ops.switch(i, [lambda: x * 2, lambda: ops.cumsum(x), lambda: -x])

    check_all(device, control, fn, *[(data(5, seed=abs(i)), np.array(i, "int32")) for i in (-3, 0, 1, 2, 9)])


def test_loops(device, control):
    def turns(x, n):
        i, y = ops.while_loop(lambda i, y: ops.sum(y) < 50, lambda i, y: (i + 1, y * 1.5 + ops.abs(x)), (0, ops.abs(x)))
        z = ops.fori_loop(0, n, lambda i, z: ops.tanh(z) + 0.1, x)
        a, b = ops.fori_loop(0, 5, lambda i, ab: (ab[1], ab[0] + 1), (x, 2 * x))
        return i, y, z, a, b

    check_all(device, control, turns, *[(data(4, seed=n) * (n + 1), np.array(n, "int32")) for n in (3, 0, 1, 4)])


def test_control_flow_in_control_flow(device, control):
    """A step whose loss chooses within loops within loops, on the way there and back."""
    weights = ckeras.Variable(data(3, 3, seed=5))

    def step(x, n):
        def turn(i, h):
            h = ops.cond(ops.sum(h) > 0, lambda: ops.tanh(h @ weights), lambda: h * 0.5 + x)
            return ops.fori_loop(0, i, lambda j, g: g * 0.9 + 0.1, h)

        def loss(w):
            def body(i, h):
                return ops.cond(i % 2 == 0, lambda: ops.tanh(h @ w), lambda: h + x[:, ::-1])

            _, h = ops.while_loop(lambda i, _: i < n, lambda i, h: (i + 1, body(i, h)), (0, x), maximum_iterations=4)
            return ops.sum(ops.square(h))

        value, grad = value_and_grad(loss)(weights.value)
        weights.assign_sub(0.01 * grad)
        return value, ops.fori_loop(0, n, turn, x)

    check_all(device, control, step, *[(data(2, 3, seed=n), np.array(n, "int32")) for n in (2, 5, 0, 1)])


def test_control_flow_out_of_bounds(device, control):
    """What the public functions hold in range themselves: indices and counts; and rows of turns that are not taken."""

    def fn(x, i, n):
        (chosen,) = choose(i, [Closure(lambda k=k: x * k, ()) for k in (2, 3, 5)])
        found = [chosen]
        for reverse in (False, True):
            turn = Closure(lambda c, row: (c + row + 1, c * row), [((), "float32"), ((), "float32")])
            (last,), (seen,) = repeat(turn, [x[0]], rows=[x], length=5, count=n, reverse=reverse)
            found += [last, seen]
        turn = Closure(lambda c: (c + 1, c * 2), [((), "float32")])
        below = Closure(lambda c: c < 2, [((), "float32")])
        (last,), (seen,) = repeat(turn, [x[0]], cond=below, length=5)
        return [*found, last, seen]

    cases = [(2, 5), (-3, 2), (9, 7), (1, -1), (0, 4)]
    check_all(device, control, fn, *[(data(5, seed=n + 1), np.int32(i), np.int32(n)) for i, n in cases])


def test_a_choice_in_a_loop_of_known_length(device, control):
    def turn(h, x):
        h = ops.cond(ops.sum(h) > 0, lambda: h - ops.abs(x), lambda: h * 0.5 + 1)
        return h, h

    def fn(x):
        return ops.scan(turn, x[0], x)

    check_all(device, control, fn, (data(9, 4),), (data(9, 4, seed=3),))  # 8 turns would be unrolled


@pytest.mark.parametrize(
    "fn",
    [
        lambda table, i: ops.cond(i > 1, lambda: ops.take(table, i), lambda: table[0]),
        lambda table, i: ops.while_loop(lambda j, _: ops.take(table, j) > 0, lambda j, s: (j + 2, s + 1), (i, i))[1],
    ],
    ids=["in a branch", "in a condition"],
)
def test_bad_values_inside_alone(device, control, fn):
    table = np.array([1, 2, -1, 3], "float32")
    program, _ = on_device(device, compile(fn, ((4,), "float32"), ((), "int32")))
    for _ in range(3):
        program.run([device.put(table), device.put(np.int32(0))])
        with pytest.raises(DataError, match=r"index [57] is out of range"):
            program.run([device.put(np.abs(table)), device.put(np.int32(5))])


@pytest.mark.parametrize(
    "fn",
    [
        lambda x, n: ops.cond(n > 1, lambda: ops.inv(x), lambda: x),
        lambda x, n: ops.fori_loop(0, n, lambda _, y: ops.inv(y), x),
        lambda x, n: ops.while_loop(lambda i, y: ops.det(y) * n > i * i, lambda i, y: (i + 1, y * 0.5), (0, x))[1],
    ],
    ids=["in a branch", "in a body", "in a condition"],
)
def test_calls_of_the_host_inside_alone(device, control, fn):
    x = data(3, 3) + 3 * np.eye(3, dtype="float32")
    assert not check(device, fn, x, np.int32(3))[1].is_graph


def test_a_bad_value_ends_a_loop(device, control):
    """In the turn that meets it, also one that would go on for ever; no variable changes."""
    seen = ckeras.Variable(np.zeros((), "float32"))

    def fn(table, i):
        def turn(i, s):
            return i + 1, s * 0 + ops.take(table, i, axis=0)

        i, s = ops.while_loop(lambda i, s: s >= 0, turn, (i, table[0]))
        seen.assign(s)
        return i, s

    table = np.array([3, 2, 1, -1, 5], "float32")
    compiled = compile(fn, (table.shape, "float32"), ((), "int32"))
    program, (cell,) = on_device(device, compiled)
    good, bad = (table, np.array(1, "int32")), (np.abs(table), np.array(2, "int32"))
    for args in (good, good, bad, good):
        if args is bad:
            cell.set(device.put(np.float32(7)))
            with pytest.raises(DataError, match="index 5 is out of range"):
                program.run([device.put(x) for x in args])
            assert cell.get().numpy() == 7
        else:
            i, s = program.run([device.put(x) for x in args])
            assert (i.numpy(), s.numpy(), cell.get().numpy()) == (4, -1, -1)
    assert program.is_graph == (control == "conditional")


def test_a_loop_of_known_length_is_differentiated_and_a_graph(device):
    kernel = ckeras.Variable(data(3, 3, seed=4))

    def step(xs):
        def loss(w):
            last, seen = ops.scan(lambda h, x: (ops.tanh(h @ w + x), h), ops.zeros((2, 3)), xs)
            return ops.sum(last) + ops.mean(ops.square(seen))

        value, grad = value_and_grad(loss)(kernel.value)
        kernel.assign_sub(0.1 * grad)
        back = ops.scan(lambda h, x: (h + x, h * x), ops.zeros((2, 3)), xs, reverse=True)[1]
        return value, back

    assert check(device, step, data(5, 2, 3), runs=4)[1].is_graph


def test_calls_of_the_host(device):
    square = ckeras.Variable(data(3, 3, seed=3))

    def fn(x):
        u, s, v = ops.svd(x)
        square.assign(ops.matmul(x, x) + square)
        return ops.matmul(u * s[None, :], v), ops.cond(s[0] > 0, lambda: ops.inv(x), lambda: x)

    check(device, fn, data(3, 3) + 3 * np.eye(3, dtype="float32"))
    singular = compile(lambda x: ops.inv(x), ((2, 2), "float32"))
    program, _ = on_device(device, singular)
    with pytest.raises(ValueError, match="singular"):
        program.run([device.put(np.ones((2, 2), "float32"))])


def test_steps_over_data(device):
    """Rows of the host's and of the device's data, in any order, batch by batch; a bad label stops them all."""
    weights = ckeras.Variable(data(6, 3, seed=1))

    def step(x, labels):
        loss, grad = value_and_grad(
            lambda w: ops.mean(ops.sparse_categorical_crossentropy(labels, x @ w, from_logits=True))
        )(weights.value)
        weights.assign_sub(0.3 * grad)
        return loss

    compiled = compile(step, ((4, 6), "float32"), ((4,), "int32"))
    program, cells = on_device(device, compiled)
    x, labels = data(20, 6), (np.arange(20) % 3).astype("int32")
    order = np.random.default_rng(0).permutation(20)
    host = [ckeras.ops.convert_to_tensor(a)._array for a in (x, labels)]
    for arrays in (host, [device.put(x), host[1]], [device.put(x), device.put(labels)]):
        expected = compiled.run_steps([x, labels], order, 4, 1, 4, 60)
        done, (loss,) = program.run_steps(arrays, order, 4, 1, 4, 60.0)
        assert done == expected[0] == 4
        np.testing.assert_allclose(loss.numpy(), expected[1].numpy(), rtol=1e-5)
        np.testing.assert_allclose(cells[0].get().numpy(), weights.numpy(), rtol=1e-5, atol=1e-6)
    assert program.run_steps(host, order, 4, 0, 5, 0.0)[0] == 1  # no time: one step
    with pytest.raises(ValueError, match="batches outside the order"):
        program.run_steps(host, order, 4, 2, 4, 60.0)
    with pytest.raises(ValueError, match="row 20 is outside the data"):
        program.run_steps(host, order + 1, 4, 0, 5, 60.0)
    labels[order[6]] = 7
    with pytest.raises(DataError, match="label 7 is out of range for 3 classes"):
        program.run_steps([host[0], ckeras.ops.convert_to_tensor(labels)._array], order, 4, 0, 5, 60.0)


def test_a_variable_that_is_read_keeps_its_old_value(device):
    v = ckeras.Variable(data(5))
    compiled = compile(lambda: v.assign_add(1.0), *())
    program, (cell,) = on_device(device, compiled)
    for _ in range(3):
        old, values = cell.get(), cell.get().numpy()
        program.run([])
        np.testing.assert_array_equal(old.numpy(), values)
        np.testing.assert_allclose(cell.get().numpy(), values + 1)
    old = cell.get()
    cell.set(device.put(np.zeros(5, "float32")))
    assert old.numpy().any() and not cell.get().numpy().any()


def test_wrong_inputs(device):
    compiled = compile(lambda x, y: x + y, ((4,), "float32"), ((4,), "float32"))
    program, _ = on_device(device, compiled)
    one = device.put(data(4))
    with pytest.raises(ValueError, match="takes more than 1 inputs"):
        program.run([one])
    with pytest.raises(ValueError, match="input 1 has another shape or dtype"):
        program.run([one, device.put(data(5))])


def test_memory_comes_back(device):
    gc.collect()
    before = device.memory()["in_use"]
    array = device.put(data(1000, 300), "'kernel'")
    assert device.memory()["in_use"] >= before + 1_200_000
    assert device.memory()["peak"] >= device.memory()["in_use"]
    del array
    assert device.memory()["in_use"] == before
    device.release()
    with pytest.raises(RuntimeError, match="the device failed at the choice of device 4711"):
        gpu.Device(4711, EMULATED or _cuda.LIBRARY)
    device.reset_peak()
    assert device.memory()["peak"] == device.memory()["in_use"]
    with pytest.raises(
        MemoryError, match=r"out of memory: the result of broadcast, float32\[\d+\], needs 4096.0 TiB; "
    ):
        device.run(OP_IDS["broadcast"], [device.put(np.float32(0))], [((2**50,), 11)], (), ())
    assert device.put(data(3)).numpy().shape == (3,)
