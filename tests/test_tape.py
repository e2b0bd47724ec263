"""Gradients: TensorFlow's tape semantics, and derivatives of orders 1 and 2 against finite differences."""

import weakref

import numpy as np
import pytest

from ckeras import ops
from ckeras._core.tape import GradientTape, custom_gradient, grad, no_record, stop_gradient, value_and_grad
from ckeras._core.tensor import convert
from ckeras._core.variable import Variable


def randn(*shape, seed=0):
    return convert(np.random.default_rng(seed).normal(size=shape))


def test_watching_tensors_and_variables():
    v, frozen = Variable([2.0, 3.0]), Variable([1.0, 1.0], trainable=False)
    x = convert([1.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(v * x * frozen)
    dv, dx, df = tape.gradient(y, [v, x, frozen])
    assert dv.numpy().tolist() == [1, 2] and dx.numpy().tolist() == [2, 3] and df is None
    assert tape.watched_variables() == (v,)


def test_structures_and_unconnected_gradients():
    x, y = convert(2.0), convert(3.0)
    with GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        out = x * x
    grads = tape.gradient(out, {"x": x, "rest": (y, [x])})
    assert float(grads["x"]) == 4 and grads["rest"][0] is None and float(grads["rest"][1][0]) == 4
    assert float(tape.gradient(out, y, unconnected_gradients="zero")) == 0
    with pytest.raises(ValueError, match="'none' or 'zero'"):
        tape.gradient(out, y, unconnected_gradients="null")


def test_a_tape_gives_its_gradients_once_unless_persistent():
    x = convert(2.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(ValueError, match="persistent=True"):
        tape.gradient(y, x)


def test_stop_recording_reset_and_no_record():
    x = convert(2.0)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        with tape.stop_recording():
            a = x * x
        with no_record():
            b = x * x
        c = x * x
        assert tape.gradient(a, x) is None and tape.gradient(b, x) is None
        assert float(tape.gradient(c, x)) == 4
        tape.reset()
        assert tape.gradient(c, x) is None


def test_variables_need_not_be_watched():
    v = Variable(2.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        y = v * v
    assert tape.gradient(y, v) is None
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * v
    assert float(tape.gradient(y, v)) == 4


def test_output_gradients_and_several_targets():
    x = convert([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        a, b = x * x, 3 * x
    assert tape.gradient(a, x, output_gradients=convert([1.0, 10.0])).numpy().tolist() == [2, 40]
    assert tape.gradient([a, b], x).numpy().tolist() == [5, 7]
    assert tape.gradient([a, b], x, output_gradients=[None, ops.zeros(2)]).numpy().tolist() == [2, 4]
    with pytest.raises(ValueError, match=r"expected shape \(2,\), got \(3,\)"):
        tape.gradient(a, x, output_gradients=ops.ones(3))


def test_the_target_may_be_the_source():
    x = convert([1.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = x * 2
    dx, dy = tape.gradient([x, y], [x, y])
    assert dx.numpy().tolist() == [3, 3] and dy.numpy().tolist() == [1, 1]


def test_a_variable_read_before_and_after_an_assignment():
    v = Variable(3.0)
    with GradientTape() as tape:
        a = v * v
        v.assign(5.0)
        b = v * 7.0
    assert float(tape.gradient([a, b], v)) == 6 + 7


def test_nested_tapes_differentiate_gradients():
    x = convert(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        dy = inner.gradient(y, x)
    assert float(dy) == 27 and float(outer.gradient(dy, x)) == 18
    assert float(grad(grad(grad(lambda x: x * x * x * x)))(2.0)) == 48


def test_jacobians():
    x = convert([1.0, 2.0])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ops.stack([x[0] * x[1], x[0], ops.exp(x[1])])
    np.testing.assert_allclose(tape.jacobian(y, x), [[2, 1], [1, 0], [0, np.exp(2)]], rtol=1e-6)
    rows = randn(3, 2)
    with GradientTape() as tape:
        tape.watch(rows)
        out = ops.square(rows)
    jac = tape.batch_jacobian(out, rows).numpy()
    np.testing.assert_allclose(jac, [np.diag(2 * r) for r in rows.numpy()], rtol=1e-6)


def test_value_and_grad():
    def f(params, x):
        return ops.sum(params["w"] * x), "aux"

    (value, aux), grads = value_and_grad(f, has_aux=True)({"w": convert([1.0, 2.0])}, convert([3.0, 4.0]))
    assert float(value) == 11 and aux == "aux" and grads["w"].numpy().tolist() == [3, 4]
    a, b = grad(lambda x, y: x * 2, argnums=(0, 1))(1.0, 5.0)
    assert float(a) == 2 and float(b) == 0
    same = convert(3.0)
    a, b = grad(lambda x, y: x * x * y, argnums=(0, 1))(same, same)
    assert float(a) == 18 and float(b) == 9
    with pytest.raises(ValueError, match=r"return a scalar, got \(2,\)"):
        grad(lambda x: x)(convert([1.0, 2.0]))


def test_custom_gradients():
    @custom_gradient
    def clipped(x):
        return x * 1.0, lambda upstream: ops.clip(upstream * x, -1.0, 1.0)

    x = convert([0.5, 3.0])
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as tape:
            tape.watch(x)
            y = clipped(x)
        g = tape.gradient(y, x)
    assert g.numpy().tolist() == [0.5, 1.0]
    assert outer.gradient(g, x).numpy().tolist() == [1.0, 0.0]

    @custom_gradient
    def wrong(x):
        return x * 1.0, lambda upstream: (upstream, upstream)

    with GradientTape() as tape:
        tape.watch(x)
        y = wrong(x)
    with pytest.raises(ValueError, match="custom_gradient wrong"):
        tape.gradient(y, x)


def test_stop_gradient():
    assert float(grad(lambda x: x * stop_gradient(x))(3.0)) == 3


def test_no_derivative_says_so_by_name():
    x = convert([3.0, 2.0])
    with GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(TypeError, match="float tensor"):
            tape.watch(convert([1]))
        y = ops.sum(x)
    with pytest.raises(ValueError, match="float target, got int32"):
        tape.gradient(ops.argmax(x), x)
    with pytest.raises(TypeError, match="convert it first"), GradientTape() as tape:
        tape.watch(np.zeros(3))
    assert float(y) == 5


X = randn(3, 4)
P = ops.exp(randn(3, 4, seed=1) * 0.3)
M = randn(4, 5, seed=2)
IMAGE, FILTER = randn(2, 5, 6, 2, seed=3), randn(3, 2, 2, 3, seed=4)
LABELS = np.array([1, 0, 3])

FUNCTIONS = {
    "arithmetic": lambda x: x * x / P - 3.0 * x + P / (x * x + 1.0),
    "power": lambda x: ops.power(ops.abs(x) + 0.5, P) + x**3,
    "power of a constant": lambda x: ops.power(2.0, x),
    "mod": lambda x: ops.mod(x, P) + ops.mod(P * 3, ops.square(x) + 1),
    "exp log": lambda x: ops.exp(x) + ops.log(ops.square(x) + 1) + ops.expm1(x) + ops.log1p(ops.square(x)),
    "roots": lambda x: ops.sqrt(x * x + 1) + ops.rsqrt(x * x + 1) + ops.reciprocal(x * x + 1),
    "waves": lambda x: ops.sin(x) * ops.cos(2 * x),
    "squash": lambda x: ops.tanh(x) + ops.sigmoid(2 * x) + ops.erf(x),
    "activations": lambda x: ops.gelu(x) + ops.gelu(x, approximate=False) + ops.silu(x) + ops.softplus(x) + ops.elu(x),
    "kinks": lambda x: ops.relu(x) + ops.leaky_relu(x) + ops.selu(x) + ops.clip(x, -0.5, 0.5) + ops.maximum(x, P),
    "where": lambda x: ops.where(x > 0, x * x, ops.sin(x)),
    "broadcast": lambda x: x * x[0] + x[:, :1] * 2.0 + ops.sum(x),
    "matmul": lambda x: ops.matmul(x, M) @ ops.transpose(ops.matmul(x, M)),
    "batched": lambda x: ops.matmul(ops.reshape(x, (3, 1, 4)), ops.reshape(x, (3, 4, 1))) * ops.matmul(x, M[:, 0]),
    "tensordot": lambda x: ops.tensordot(x, M, 1) + ops.outer(x[:, 0], M[0]),
    "means": lambda x: ops.mean(x * x, 0) + ops.var(x, 0) + ops.std(x, 0),
    "extremes": lambda x: ops.max(x, 1) * ops.min(x, 1) + ops.prod(x, 1),
    "logsumexp": lambda x: ops.logsumexp(x, 1),
    "softmax": lambda x: ops.softmax(x) * P + ops.log_softmax(x, axis=0),
    "sparse loss": lambda x: ops.sparse_categorical_crossentropy(LABELS, x, from_logits=True),
    "sparse loss of probabilities": lambda x: ops.sparse_categorical_crossentropy(LABELS, ops.softmax(x)),
    "dense loss": lambda x: ops.categorical_crossentropy(ops.softmax(P), x, from_logits=True),
    "binary loss": lambda x: ops.binary_crossentropy(ops.sigmoid(P), x, from_logits=True),
    "shapes": lambda x: ops.concatenate([ops.transpose(x), ops.reshape(x * x, (4, 3))], axis=1),
    "stack": lambda x: ops.stack([x, x * x], axis=1)[:, 1] * ops.split(x, 2, axis=1)[0][:, :1],
    "slices": lambda x: x[::-1, 1::2] * x[::2][:1, ::-2],
    "pad": lambda x: ops.pad(x * x, ((1, 0), (0, 2)), constant_values=1.5) * 2.0,
    "gather": lambda x: ops.take(x * x, [2, 0, -1, 0], axis=0) + ops.take(x, [1, 1], axis=1)[0, 0],
    "tile": lambda x: ops.tile(x * x, (2, 1)) * ops.repeat(x, 2, axis=0),
    "cast": lambda x: ops.cast(ops.cast(x, "float64") * x, "float64"),
    "conv": lambda x: ops.conv(IMAGE * x[0, 0] * x[1, 1], FILTER * x[0, 1] * x[0, 1], strides=2, padding="same"),
    "pool": lambda x: ops.max_pool(IMAGE * x[0, 0] + x[0, 1] * x[0, 2], 2),
}


def loss(f):
    """A scalar of `f` whose derivatives are not zero by symmetry."""

    def total(x):
        y = f(x)
        return ops.sum(y * convert(np.cos(np.arange(y.size)).reshape(y.shape)))

    return total


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_orders_one_and_two(name):
    first = loss(FUNCTIONS[name])
    direction = randn(3, 4, seed=9)
    slope = lambda x: ops.sum(grad(first)(x) * direction)  # noqa: E731
    for f in (first, slope):
        step = 1e-5
        up, down = f(X + step * direction), f(X - step * direction)
        expected = (float(up) - float(down)) / (2 * step)
        got = float(ops.sum(grad(f)(X) * direction))
        assert got == pytest.approx(expected, rel=2e-6, abs=2e-6)


def test_a_tape_that_was_asked_holds_nothing():
    v = Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = v * v
    read = weakref.ref(v.value)
    assert tape.gradient(y, v).numpy().tolist() == [2.0, 4.0]
    del y
    v.assign([3.0, 4.0])
    assert read() is None and tape.watched_variables() == (v,)
