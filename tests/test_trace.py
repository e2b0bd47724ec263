"""Traced functions give the bits of an eager run, keep variables, and say where Python asks for a value."""

import gc

import numpy as np
import pytest

from ckeras import ops
from ckeras._core import rng
from ckeras._core.errors import ConcreteValueError, TraceError
from ckeras._core.function import function
from ckeras._core.tape import GradientTape, grad
from ckeras._core.tensor import Tensor, convert
from ckeras._core.variable import Variable

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4)).astype("float32")
W = RNG.normal(size=(4, 5)).astype("float32")
B = RNG.normal(size=5).astype("float32")
LABELS = np.array([0, 4, 2, 1, 1, 3])

FUNCTIONS = {
    "chain": lambda x: ops.exp(ops.tanh(x) * 2.0 + 1.0) / (x * x + 0.5),
    "several outputs": lambda x: (x + 1, (x + 1) * 2, {"a": ops.sqrt(ops.abs(x)), "b": None}),
    "halves": lambda x: ops.cast(ops.cast(x, "float16") * 3.1 + 0.1, "float32") * x,
    "mixed": lambda x: ops.where(x > 0, x, ops.cast(ops.cast(x * 10, "int32") // 3, "float32")),
    "broadcast": lambda x: (x - ops.mean(x, 0)) * ops.reshape(x[:, 0], (6, 1)) + ops.ones((6, 4)) * x[0],
    "views": lambda x: ops.transpose(x) * 2 + ops.reshape(ops.transpose(ops.reshape(x, (2, 3, 4)), (2, 0, 1)), (4, 6)),
    "view twice": lambda x: (ops.transpose(x) + 1, ops.transpose(x)),
    "dense": lambda x: ops.relu(ops.matmul(x, W) + B),
    "dense of a batch": lambda x: ops.sigmoid(ops.matmul(ops.reshape(x, (2, 3, 4)), W) + B),
    "dense, read twice": lambda x: (ops.matmul(x, W), ops.tanh(ops.matmul(x, W) + B)),
    "bias of a matrix": lambda x: ops.matmul(x, W) + ops.matmul(x, W * 2),
    "transposed products": lambda x: ops.matmul(ops.transpose(x), x)
    @ ops.transpose(ops.matmul(ops.transpose(W), W[:, :4])),
    "reductions": lambda x: ops.sum(x * x, 1) + ops.max(x, 1) - ops.logsumexp(x, 1) + ops.var(x),
    "softmax": lambda x: ops.softmax(x, axis=0) * ops.log_softmax(x),
    "loss": lambda x: ops.sparse_categorical_crossentropy(LABELS, ops.matmul(x, W), from_logits=True),
    "gradient": grad(lambda x: ops.sum(ops.relu(ops.matmul(x, W) + B) * ops.sin(ops.matmul(x, W)))),
    "second gradient": grad(lambda x: ops.sum(grad(lambda z: ops.sum(ops.tanh(z @ W) * B))(x) * x)),
    "slices": lambda x: ops.concatenate([x[::2], x[::-2] * 2, ops.pad(x, ((1, 0), (0, 0)))], 0),
    "take": lambda x: ops.take(x, LABELS % 4, axis=1) + ops.one_hot(LABELS, 6),
    "repeated": lambda x: (x + 1) * (x + 1) + (x + 1),
    "unused": lambda x: (ops.exp(x), x * 2)[1],
    "diamond": lambda x: ops.sum(x * 2) + (x * 2) * ops.sum(ops.exp(x * 2)),
    "identity": lambda x: x,
    "reshaped input": lambda x: ops.reshape(x, (24,)),
    "constant": lambda x: (ops.ones((2,)), x),
    "nothing": lambda x: None,
    "scalars": lambda x: ops.mean(x) * 2 + ops.cast(ops.argmax(x), "float32"),
    "conv": lambda x: ops.relu(
        ops.conv(ops.reshape(x, (1, 6, 4, 1)), ops.reshape(W[:3, :3], (3, 3, 1, 1)), padding="same")
    ),
    "pool": lambda x: ops.max_pool(ops.reshape(x, (1, 6, 4, 1)), 2) * 2,
    "empty": lambda x: ops.concatenate([x[:0] * 2, x], 0),
    "nan": lambda x: ops.relu(ops.log(x)) + ops.sigmoid(ops.matmul(ops.log(x), W)[:, :4]),
}


def leaves(x):
    if isinstance(x, (tuple, list)):
        return [leaf for item in x for leaf in leaves(item)]
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in leaves(x[key])]
    return [] if x is None else [x]


def assert_same_bits(a, b):
    a, b = leaves(a), leaves(b)
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)
        assert x.numpy().tobytes() == y.numpy().tobytes()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_traced_and_eager_give_the_same_bits(name):
    f = FUNCTIONS[name]
    traced = function(f)
    for _ in range(2):
        assert_same_bits(traced(convert(X)), f(convert(X)))
    assert len(traced.programs) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["chain", "broadcast", "dense", "reductions", "gradient"])
def test_other_dtypes_give_the_same_bits(name, dtype):
    x = ops.cast(X, dtype)
    assert_same_bits(function(FUNCTIONS[name])(x), FUNCTIONS[name](x))


def test_the_structure_of_the_result_comes_back():
    out = function(FUNCTIONS["several outputs"])(X)
    assert isinstance(out, tuple) and out[2]["b"] is None and isinstance(out[2]["a"], Tensor)


def test_one_program_a_signature():
    calls = []

    @function
    def f(x, scale, options):
        calls.append(1)
        return x["a"] * scale if options["up"] else x["a"]

    def run(n, scale, up):
        return f({"a": np.ones(n, "float32")}, scale, {"up": up}).numpy().tolist()

    assert run(2, 3, True) == [3, 3]
    assert run(2, 3, True) == [3, 3] and len(calls) == 1
    assert run(2, 4, True) == [4, 4] and len(calls) == 2
    assert run(2, 4, False) == [1, 1] and len(calls) == 3
    assert run(1, 4, False) == [1] and len(calls) == 4
    assert run(2, 3.0, True) == [3, 3] and len(calls) == 5


def test_variables_are_read_and_written_when_it_runs():
    v, count = Variable([1.0, 2.0]), Variable(0, trainable=False)

    @function
    def step(x):
        v.assign_sub(0.5 * x)
        count.assign_add(1)
        return v * 10

    assert step(np.array([2.0, 2.0], "float32")).numpy().tolist() == [0, 10]
    seen = v.value
    assert step(np.array([2.0, 2.0], "float32")).numpy().tolist() == [-10, 0]
    assert int(count) == 2 and seen.numpy().tolist() == [0, 1] and v.numpy().tolist() == [-1, 0]
    v.assign([5.0, 5.0])
    assert step(np.array([2.0, 2.0], "float32")).numpy().tolist() == [40, 40]


def test_under_a_tape_a_traced_function_is_differentiable():
    v = Variable(3.0)
    f = function(lambda x: v * x * x)
    x = convert(2.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    dv, dx = tape.gradient(y, [v, x])
    assert float(dv) == 4 and float(dx) == 12


def test_methods_have_a_cache_an_object():
    class Model:
        def __init__(self, k):
            self.k = k

        @function
        def call(self, x):
            return x * self.k

    a, b = Model(2.0), Model(3.0)
    assert float(a.call(convert(1.0))) == 2 and float(b.call(convert(1.0))) == 3 and float(a.call(convert(2.0))) == 4


def test_seeds_move_on_with_every_run():
    generator = rng.SeedGenerator(7)
    f = function(lambda x: generator.next() + ops.cast(x, "uint32"))
    zero = convert([0, 0])
    assert f(zero).numpy().tolist() == [7, 0]
    assert f(zero).numpy().tolist() == [7, 1]
    assert generator.next().numpy().tolist() == [7, 2]
    assert rng.draw_seed(5).numpy().tolist() == [5, 0]
    with pytest.raises(ValueError, match="not negative"):
        rng.SeedGenerator(-1)
    with pytest.raises(ValueError, match="SeedGenerator"):
        rng.draw_seed("x")


def test_a_variable_made_inside_has_a_concrete_value():
    made = []

    @function
    def f(x):
        if not made:
            made.append(Variable(ops.ones((2,)) * 2))
        return made[0] * x

    assert f(convert([1.0, 2.0])).numpy().tolist() == [2, 4]
    assert made[0].numpy().tolist() == [2, 2]


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: float(x[0]),
        lambda x: int(x[0]),
        lambda x: np.asarray(x),
        lambda x: x.numpy(),
        lambda x: np.sin(x),
        lambda x: [1, 2, 3][x],
        lambda x: x[x > 0],
    ],
    ids=["if", "float", "int", "asarray", "numpy", "ufunc", "index", "mask"],
)
def test_asking_for_a_value_names_the_line_and_the_way_out(ask):
    with pytest.raises(ConcreteValueError, match=r"test_trace.py:\d+: .*run_eagerly=True"):
        function(ask)(convert([1.0, 2.0]))


@pytest.mark.parametrize("was_on", [True, False])
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_garbage_is_left_alone_while_a_trace_is_made(was_on, error):
    seen = []

    def f(x):
        seen.append(gc.isenabled())
        if error:
            raise error
        return x * 2

    try:
        (gc.enable if was_on else gc.disable)()
        if error:
            with pytest.raises(error):
                function(f)(convert([1.0]))
        else:
            function(f)(convert([1.0]))
        assert seen == [False] and gc.isenabled() == was_on
    finally:
        gc.enable()


def test_a_traced_value_does_not_outlive_its_trace():
    kept = []
    f = function(lambda x: kept.append(x) or x * 2)
    f(convert([1.0]))
    with pytest.raises(TraceError, match="trace that has ended"):
        kept[0] + 1


def test_bad_data_raises_and_changes_nothing_after_it():
    v = Variable(0.0)

    @function
    def f(labels, logits):
        loss = ops.sum(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))
        v.assign_add(loss)
        return loss

    logits = np.zeros((2, 4), "float32")
    with pytest.raises(ValueError, match=r"\[softmax_cross_entropy\] label 9 is out of range for 4 classes"):
        f(np.array([1, 9]), logits)
    assert float(v) == 0
    f(np.array([1, 2]), logits)
    assert float(v) == pytest.approx(2 * np.log(4))
