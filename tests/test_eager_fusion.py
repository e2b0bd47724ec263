"""Composites of large tensors run as programs from their second call on, with the bits of their single ops."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ckeras as keras
from ckeras import ops
from ckeras._core import eager, program

pytestmark = pytest.mark.usefixtures("fresh_replays")

N = eager.LARGE
CALLS = {
    "relu6": lambda x: ops.relu6(x),
    "elu": lambda x: ops.elu(x, alpha=0.5),
    "selu": lambda x: ops.selu(x),
    "celu": lambda x: ops.celu(x, 2.0),
    "silu": lambda x: ops.silu(x),
    "softsign": lambda x: ops.softsign(x),
    "tanh_shrink": lambda x: ops.tanh_shrink(x),
    "log_sigmoid": lambda x: ops.log_sigmoid(x),
    "hard_shrink": lambda x: ops.hard_shrink(x, 0.3),
    "soft_shrink": lambda x: ops.soft_shrink(x),
    "threshold": lambda x: ops.threshold(x, 0.1, -2),
    "squareplus": lambda x: ops.squareplus(x),
    "sparse_plus": lambda x: ops.sparse_plus(x),
    "sparse_sigmoid": lambda x: ops.sparse_sigmoid(x),
    "clip": lambda x: ops.clip(x, -1, 0.5),
    "hypot": lambda x: ops.hypot(x, x[:1]),
    "logaddexp": lambda x: ops.logaddexp(x, x[0]),
    "arcsinh": lambda x: ops.arcsinh(x),
    "cbrt": lambda x: ops.cbrt(x),
    "sinh": lambda x: ops.sinh(x),
    "log2": lambda x: ops.log2(ops.absolute(x)),
    "logsumexp": lambda x: ops.logsumexp(x, axis=-1),
    "moments": lambda x: ops.moments(x, axes=(0,))[1],
    "std": lambda x: ops.std(x, (0, 1)),
    "batch norm": lambda x: ops.batch_normalization(x, x[0], ops.square(x[1]), -1, scale=x[2], offset=x[3]),
}


@pytest.fixture
def compiled(monkeypatch):
    """The programs made."""
    made = []

    def compile(fn, *avals):
        made.append(original(fn, *avals))
        return made[-1]

    original = program.compile
    monkeypatch.setattr(program, "compile", compile)
    return made


@eager.fused
def shifted(x, by=1.0):
    return (x + by) * 2.0


def large(dtype="float32", n=N):
    return ops.convert_to_tensor(np.random.default_rng(3).standard_normal((n // 16, 16)).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_the_bits_of_the_single_ops(name, dtype, compiled):
    x = large(dtype)
    with keras.GradientTape():  # every op by itself
        want = CALLS[name](x).numpy()
    assert not compiled
    for _ in range(3):
        assert CALLS[name](x).numpy().tobytes() == want.tobytes()
    assert len(compiled) == 1


def test_one_program_a_signature_from_the_second_call_on(compiled):
    x = large()
    for want in (0, 1, 1):
        shifted(x)
        assert len(compiled) == want
    for other in (lambda: shifted(x, 2.0), lambda: shifted(x, by=1.0), lambda: shifted(large("float64"))):
        before = len(compiled)
        other(), other()
        assert len(compiled) == before + 1
    np.testing.assert_array_equal(shifted(x, 3.0).numpy(), (x.numpy() + 3) * 2)


def test_the_sign_of_a_zero_is_another_value():
    x = ops.zeros((N,))
    scaled = eager.fused(lambda x, by: x * by)
    for by, sign in ((0.0, False), (-0.0, True), (0.0, False), (-0.0, True), (0, False)):
        assert np.signbit(scaled(x, by).numpy()).all() == sign


def test_small_tensors_whole_numbers_and_other_arguments_run_plainly(compiled):
    mixed = eager.fused(lambda x, more=None: x + 1)
    for args in [(ops.ones((N - 1,)),), (ops.ones((N,), "int32"),), (ops.ones((N,)), np.ones(2)), (np.ones(N),)]:
        for _ in range(3):
            mixed(*args)
    assert not compiled


def test_variables_are_read_when_it_runs(compiled):
    x, v = large(), keras.Variable(1.0)
    for value in (1.0, 2.0, 3.0):
        v.assign(value)
        np.testing.assert_array_equal(shifted(x, v).numpy(), (x.numpy() + np.float32(value)) * 2)
    assert len(compiled) == 1


def test_tapes_traces_and_scopes_see_the_ops(compiled):
    x = large()
    elu = eager.fused(lambda x: ops.where(x > 0, x, ops.expm1(x)))
    for _ in range(3):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = elu(x)
        np.testing.assert_allclose(
            tape.gradient(y, x).numpy(), np.where(x.numpy() > 0, 1, np.exp(x.numpy())), rtol=1e-5
        )
        with keras.StatelessScope():
            elu(x)
    assert not compiled
    traced = keras.function(elu)
    np.testing.assert_array_equal(traced(x).numpy(), elu(x).numpy())
    assert len(traced.programs) == 1


def test_programs_that_need_memory_are_not_kept(compiled, monkeypatch):
    turned = eager.fused(lambda x: ops.transpose(ops.matmul(ops.transpose(x), x)) + ops.sum(ops.sort(x)))
    x = large()
    want = turned(x).numpy()
    monkeypatch.setattr(program.CompiledProgram, "run", None)
    for _ in range(3):
        np.testing.assert_array_equal(turned(x).numpy(), want)
    assert len(compiled) == 1 and compiled[0].planned_bytes > eager._WORK


def test_old_signatures_are_forgotten(compiled):
    fn = eager.fused(lambda x, by: x + by)
    x = large()
    for _ in range(2):
        for by in range(eager._KEPT + 1):
            fn(x, by)
    assert not compiled  # each is forgotten before it comes again
    fn(x, eager._KEPT)
    assert len(compiled) == 1


def test_errors_are_those_of_the_function():
    x = large()
    for _ in range(3):
        with pytest.raises(ValueError, match="batch_normalization"):
            ops.batch_normalization(x, x[0, :3], x[1], -1)


def test_threads_share_what_is_known():
    fn = eager.fused(lambda x, by: x + by)
    x = large()

    def work(first):
        return [float(fn(x, first + i % 30)[0, 0]) for i in range(90)]

    with ThreadPoolExecutor(4) as pool:
        for first, got in zip((0, 10, 20, 30), pool.map(work, (0, 10, 20, 30))):
            assert got == [float(x.numpy()[0, 0] + np.float32(first + i % 30)) for i in range(90)]
