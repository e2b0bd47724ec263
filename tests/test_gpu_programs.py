"""Traced programs through the CUDA library: with its kernels on a GPU, or emulated on the host (docs/cuda.md)."""

import gc
import os

import numpy as np
import pytest

import ckeras
from ckeras import _cuda, ops
from ckeras._core import gpu
from ckeras._core.errors import DataError
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
    return gpu.Program(device, compiled, cells), cells


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
    program.run([device.put(x), device.put(np.full(8, 99, "int32"))])
    with pytest.raises(DataError, match=r"softmax_cross_entropy.*: 99 is out of range"):
        program.check()
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


def test_what_has_no_kernel_is_named(device):
    compiled = compile(lambda x: ops.rfft(x), ((4, 8), "float32"))
    with pytest.raises(ValueError, match="real_dft has no kernel for a device yet"):
        on_device(device, compiled)
    compiled = compile(lambda x: ops.cond(ops.sum(x) > 0, lambda: x + 1, lambda: x - 1), ((4,), "float32"))
    with pytest.raises(ValueError, match="control flow has no kernel"):
        on_device(device, compiled)


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
