"""Reductions at the end of fused loops: what joins, what cannot, and the bits of the eager kernels."""

import numpy as np
import pytest

from ckeras import _engine, losses, ops
from ckeras._core import nest
from ckeras._core.primitive import FOLDS
from ckeras._core.program import compile
from ckeras._core.tape import GradientTape
from ckeras._core.tensor import convert
from ckeras._core.variable import Variable

pytestmark = pytest.mark.skipif(not FOLDS, reason="the plain reference kernels fold no tiles")

DTYPES = ("float16", "bfloat16", "float32", "float64")


def _numbers(*shape, dtype="float32", low=-2.0, seed=0):
    return ops.cast(np.random.default_rng(seed).uniform(low, 2.0, shape), dtype)


def _check(fn, *inputs):
    """The program of `fn`, whose results have the bits of the eager ones on any number of threads."""
    program = compile(fn, *[(x.shape, x.dtype) for x in inputs])
    want = [np.asarray(y).tobytes() for y in nest.leaves(fn(*inputs))]
    threads = _engine.num_threads()
    try:
        for n in (1, 2, 3):
            _engine.set_num_threads(n)
            assert [np.asarray(y).tobytes() for y in nest.leaves(program.run(list(inputs)))] == want
    finally:
        _engine.set_num_threads(threads)
    return program


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), -1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_chain_and_its_reduction_are_one_kernel(axis, dtype):
    x, y = _numbers(50, 7, 33, dtype=dtype), _numbers(7, 33, dtype=dtype, seed=1)
    for reduce, name in ((ops.sum, "sum"), (ops.max, "max"), (ops.min, "min"), (ops.prod, "prod")):
        program = _check(lambda x, y, reduce=reduce: reduce(ops.square(x - y), axis=axis), x, y)
        assert program.n_kernels == 1 and program.planned_bytes == 0
        assert f"fused[subtract square -> reduce_{name}]" in str(program)


def test_integers_and_bools_fold_too():
    x = ops.cast(_numbers(9, 100) * 100, "int32")
    assert _check(lambda x: ops.sum(x * x + 1, axis=1), x).n_kernels == 1
    assert _check(lambda x: (ops.any(x > 190, axis=0), ops.all(x > -500)), x).n_kernels <= 3
    assert _check(lambda x: ops.sum(ops.cast(x > 0, "int32")), x).n_kernels == 1


@pytest.mark.parametrize("shape", [(1, 70000), (70000, 1), (300, 300), (4097, 2), (2, 4097), (1, 1), (0, 3), (3, 0)])
def test_odd_shapes(shape):
    x = _numbers(*shape)
    for axis in (None, 0, 1):
        assert _check(lambda x, axis=axis: ops.sum(ops.exp(x) * 2, axis=axis, keepdims=True), x).n_kernels == 1


def test_nan_wins():
    x = np.array(_numbers(40, 40))
    x[3, 5] = np.nan
    for reduce in (ops.max, ops.min):
        for axis in (None, 0, 1):
            out = compile(lambda x, r=reduce, a=axis: r(x * 2, axis=a), (x.shape, "float32")).run([convert(x)])
            assert np.isnan(out.numpy()).sum() == 1


def test_values_are_stored_beside_their_reductions():
    def f(x):
        e = ops.exp(x)
        return e, ops.sum(e, axis=-1), ops.max(e, axis=-1), ops.sum(e * x, axis=-1)

    program = _check(f, _numbers(20, 30))
    assert program.n_kernels == 1 and "fused[exp multiply -> reduce_sum reduce_max reduce_sum]" in str(program)


@pytest.mark.parametrize("shape", [(41, 700), (530, 300), (2100, 515)])
def test_columns_are_reduced_beside_what_is_stored(shape):
    def f(x):
        e = ops.exp(x)
        y = e * x  # the last step writes the output itself
        return y, ops.sum(y, axis=0), ops.max(y, axis=0), ops.sum(e, axis=0)

    assert _check(f, _numbers(*shape)).n_kernels == 1


def test_what_reads_a_reduction_is_not_in_its_loop():
    def f(x):
        y = x * 2
        return y - ops.sum(y, axis=0)  # broadcasts by itself

    assert _check(f, _numbers(6, 5)).n_kernels == 2
    assert _check(lambda x: ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True), _numbers(6, 5)).n_kernels == 2
    assert _check(lambda x: ops.max(ops.sum(x + 1, axis=0)), _numbers(6, 5)).n_kernels == 2


def test_what_cannot_fold_stays_a_kernel():
    x = _numbers(4, 5, 6)
    assert _check(lambda x: ops.sum(x * 2, axis=(0, 2)), x).n_kernels == 2  # the dims are no neighbours
    assert _check(lambda x: (ops.sum(x * 2, axis=0), ops.sum(x * 2, axis=2)), x).n_kernels == 2  # two ways to cut

    def many(x):
        y = x + 1
        return [ops.sum(z, axis=-1) for z in [ops.exp(y), ops.sin(y), ops.cos(y), ops.tanh(y), ops.erf(y), -y]]

    assert str(_check(many, x)).count("= reduce_sum") == 2  # four a loop


def test_loops_cut_in_two_ways_do_not_merge():
    def f(x, y):
        a, b = ops.exp(x), ops.sin(y)
        return ops.sum(a, axis=0), ops.sum(b, axis=1), a * b

    _check(f, _numbers(8, 9), _numbers(8, 9, seed=1))


def test_a_reduction_takes_no_operand_memory():
    def f(x):
        y = ops.matmul(x, x)
        return ops.matmul(ops.reshape(ops.sum(ops.reshape(y, (16, 1)) + 1, axis=1), (4, 4)), x)

    assert "in place" not in str(_check(f, _numbers(4, 4)))

    v = Variable(np.arange(4, dtype="float32"))

    def step(x):
        v.assign(ops.sum(ops.reshape(v.value, (4, 1)) * x, axis=1))
        return v.value

    x = _numbers(4, 1)
    program = compile(step, (x.shape, "float32"))
    assert "in place" not in str(program)
    assert program.run([x]).numpy().tolist() == (np.arange(4, dtype="float32") * np.array(x)[:, 0]).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_statistics(dtype):
    x = _numbers(33, 65, dtype=dtype)
    for axis in (None, 0, 1):
        _check(lambda x, axis=axis: (ops.mean(x * 2, axis=axis), ops.var(x, axis=axis), ops.std(x, axis=axis)), x)
        _check(lambda x, axis=axis: ops.logsumexp(x * 3, axis=axis), x)


def _one_hot(rows, classes):
    return convert(np.eye(classes, dtype="float32")[np.arange(rows) % classes])


@pytest.mark.parametrize(
    "loss, target",
    [
        ("mean_squared_error", None),
        ("mean_absolute_error", None),
        ("log_cosh", None),
        ("kl_divergence", None),
        ("cosine_similarity", None),
        ("binary_crossentropy", "one hot"),
        ("categorical_crossentropy", "one hot"),
        ("categorical_hinge", "one hot"),
    ],
)
def test_losses_and_their_gradients(loss, target):
    fn = losses.get(loss)
    truth = _one_hot(33, 10) if target else _numbers(33, 10, low=0.1, seed=1)

    def step(x, w):
        with GradientTape() as tape:
            tape.watch(w)
            value = ops.mean(fn(truth, ops.softmax(ops.matmul(x, w))))
        return value, tape.gradient(value, w)

    _check(step, _numbers(33, 20), _numbers(20, 10, seed=2))


def test_a_dense_step_sums_its_bias_gradient_on_the_way():
    w, b = Variable(np.array(_numbers(20, 32)), name="w"), Variable(np.zeros(32, "float32"), name="b")

    def step(x, y):
        with GradientTape() as tape:
            h = ops.relu(ops.matmul(x, w) + b)
            loss = ops.mean(ops.square(h - y))
        return [loss, *tape.gradient(loss, [w, b])]

    program = _check(step, _numbers(32, 20), _numbers(32, 32, seed=1))
    assert "= reduce_sum" not in str(program)
    assert str(program).count("-> reduce_sum]") == 2  # the loss, and the bias
