"""Passes over a traced function: what they save, and that they change no bit."""

import re
from pathlib import Path

import numpy as np
import pytest

import ckeras as keras
from ckeras import ops
from ckeras._core import passes
from ckeras._core.errors import DataError
from ckeras._core.primitive import OP_IDS
from ckeras._core.program import compile

ROOT = Path(__file__).parents[1]

EDGES = np.array([-np.inf, -1, -0.0, 0, 1e-30, 1, 5.9999995, 6, 7, np.inf, np.nan, 3], "float32")


def slope(f):
    def gradient(x):
        with keras.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return y, tape.gradient(y, x)

    return gradient


CLIPS = {
    "relu6": ops.relu6,
    "clip": lambda x: ops.clip(x, -1.0, 5.0),
    "from above": lambda x: ops.maximum(ops.minimum(x, 5.0), -1.0),
    "one bound": lambda x: ops.minimum(ops.maximum(x, 3.0), 3.0),
    "crossed": lambda x: ops.minimum(ops.maximum(x, 5.0), -1.0),
    "crossed from above": lambda x: ops.maximum(ops.minimum(x, -1.0), 5.0),
    "NaN above": lambda x: ops.minimum(ops.maximum(x, 0.0), np.float32("nan")),
    "NaN below": lambda x: ops.maximum(ops.minimum(x, 0.0), np.float32("nan")),
    "thrice": lambda x: ops.minimum(ops.maximum(ops.minimum(x, 5.0), -1.0), 4.0),
    "of a tensor": lambda x: ops.minimum(ops.maximum(x, ops.zeros(12)), 6.0),
}


@pytest.mark.parametrize("name", CLIPS)
def test_masks_of_clipped_values(name):
    f = slope(CLIPS[name])
    x = ops.convert_to_tensor(EDGES)
    program = compile(f, (x.shape, x.dtype))
    for got, want in zip(program.run([x]), f(x), strict=True):
        assert got.numpy().tobytes() == want.numpy().tobytes()


@pytest.mark.parametrize("name", ["relu6", "clip", "from above"])
def test_only_the_clipped_value_is_kept(name):
    def f(x):  # the mask comes after the products
        return ops.sum(ops.square(ops.matmul(CLIPS[name](x), ops.ones((12, 12)))))

    listing = str(compile(slope(f), ((12, 12), "float32")))
    forward = listing.split("\n")[1]
    assert forward.count("float32") == 1 and "fused[m" in forward, listing


def test_sums_are_read_late_so_that_loops_share_a_reading():
    def f(x, scale):
        with keras.GradientTape() as tape:
            tape.watch([x, scale])
            mean, variance = ops.moments(x, [0])
            y = ops.batch_normalization(x, mean, variance, -1, None, scale)
            loss = ops.sum(ops.square(ops.matmul(ops.relu(y), ops.ones((8, 8)))))
        return tape.gradient(loss, [x, scale])

    x = ops.convert_to_tensor(np.random.default_rng(0).random((4096, 8), "float32"))
    scale = ops.ones(8)
    program = compile(f, (x.shape, x.dtype), (scale.shape, scale.dtype))
    for got, want in zip(program.run([x, scale]), f(x, scale), strict=True):
        assert got.numpy().tobytes() == want.numpy().tobytes()
    assert "-> reduce_sum reduce_sum]" in str(program), str(program)


@pytest.mark.parametrize("f", [ops.var, ops.std, lambda x: ops.moments(x, (0, 1))[1]], ids=["var", "std", "moments"])
def test_derivatives_of_a_spread(f):
    """Of first and second order, against differences."""
    x = np.random.default_rng(0).random((3, 4)) + 5
    v = np.random.default_rng(1).random((3, 4))
    h = 1e-4

    def value(t):
        return float(ops.square(f(ops.convert_to_tensor(x + t * v))))

    def along(t):
        return ops.square(f(ops.convert_to_tensor(x) + t * ops.convert_to_tensor(v)))

    zero = ops.convert_to_tensor(np.float64(0))
    first, second = keras.grad(along)(zero), keras.grad(keras.grad(along))(zero)
    np.testing.assert_allclose(first, (value(h) - value(-h)) / (2 * h), rtol=1e-6)
    np.testing.assert_allclose(second, (value(h) - 2 * value(0) + value(-h)) / h**2, rtol=1e-5)


def _training(scale, optimizer):
    """(step(x, i), variables): three products, behind the first of which gradients are scaled by `scale[i]`."""
    rng = np.random.default_rng(0)
    weights = [keras.Variable(rng.random(shape, "float32") / 8) for shape in ((16, 16), (16, 16), (256,))]
    optimizer.build(weights)

    @ops.custom_gradient
    def scaled(x, i):
        return x, lambda g: (g * ops.take(scale, i), None)

    def step(x, i):
        with keras.GradientTape() as tape:
            late = ops.stop_gradient(ops.reshape(weights[2], (16, 16)))  # is read again for the first gradient
            y = scaled(ops.matmul(x, ops.matmul(weights[0], late)), i)
            y = ops.matmul(ops.relu(y), weights[1])
            loss = ops.sum(ops.square(ops.matmul(y, ops.reshape(weights[2], (16, 16)))))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return step, [*weights, *optimizer.variables]


@pytest.mark.parametrize("part, updates", [(1024, 2), (4096, 1)])
@pytest.mark.parametrize("name", ["Adam", "Lamb", "SGD"])
def test_large_gradients_are_updated_early(name, part, updates, monkeypatch):
    monkeypatch.setattr(passes.updates, "PART", part)
    x, i = ops.convert_to_tensor(np.random.default_rng(1).random((4, 16), "float32")), ops.convert_to_tensor(1)
    make = getattr(keras.optimizers, name)
    (step, wanted), (same, got) = [_training(ops.ones(2), make(1e-3)) for _ in range(2)]
    program = compile(lambda x: same(x, 1), (x.shape, x.dtype))
    for _ in range(3):
        assert program.run([x]).numpy() == step(x, i).numpy()
    for a, b in zip(got, wanted, strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()
    listing = str(program)
    assert listing.count(f"{name.lower()}_update") == updates, listing
    assert len(re.findall(r"writes \S+ in place", listing)) == len(program.written_variables), listing


def test_a_run_that_fails_late_has_updated_nothing(monkeypatch):
    monkeypatch.setattr(passes.updates, "PART", 1024)
    step, variables = _training(ops.ones(2), keras.optimizers.Adam(0.1))
    before = [v.numpy().copy() for v in variables]
    x = ops.ones((4, 16))
    program = compile(step, (x.shape, x.dtype), ((), "int32"))
    with pytest.raises(DataError, match="index"):
        program.run([x, ops.convert_to_tensor(2)])
    for v, old in zip(variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), old)
    program.run([x, ops.convert_to_tensor(1)])
    assert not np.array_equal(variables[1].numpy(), before[1])


def test_kernels_that_refuse_integers_are_listed():
    """Against the contracts in the kernels' headers."""
    folders = [h.parent.name for h in (ROOT / "csrc/ops").glob("*/*.h") if re.search(r"is a\W+fault", h.read_text())]
    assert {n for n in OP_IDS if n.startswith(tuple(folders))} == passes.updates.CHECKED
