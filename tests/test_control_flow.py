"""Control flow as a part of programs: the same numbers as eager Python, derivatives, variables, interruption."""

import signal
import threading
import warnings

import numpy as np
import pytest

import ckeras
from ckeras import layers, ops
from ckeras._core import control
from ckeras._core.program import compile
from ckeras._core.tape import GradientTape, grad

rng = np.random.default_rng(0)
X = ops.array(rng.normal(size=(4, 3)))
W = ops.array(rng.normal(size=(3, 3)) * 0.5)
ROWS = ops.array(rng.normal(size=(20, 2, 3)))


def structured(fn, *args):
    """What the traced function gives; it must hold control flow."""
    traced = ckeras.function(fn)
    assert any(isinstance(eq.primitive, control.Control) for eq in traced.program(*args)._plan.equations)
    return traced(*args)


def same_bits(a, b):
    for x, y in zip(ckeras.tree.flatten(a), ckeras.tree.flatten(b), strict=True):
        assert x.dtype == y.dtype and x.numpy().tobytes() == y.numpy().tobytes(), (x, y)


def _cond(x):
    return ops.sum(ops.cond(ops.sum(x) > 0, lambda: x * x * ops.sin(x), lambda: ops.exp(-x)))


def _switch(i, x):
    branches = [lambda a: a * a * a, lambda a: ops.sum(a, axis=0, keepdims=True) * ops.ones_like(a), lambda a: -a]
    return ops.sum(ops.switch(i, branches, x) * ops.cos(x))


def _scan(w, rows, reverse=False):
    def step(carry, row):
        h = ops.tanh(ops.matmul(carry["h"], w) + row)
        return {"h": h, "n": carry["n"] + 1}, {"y": ops.sigmoid(h), "h": h}

    last, ys = ops.scan(step, {"h": ops.zeros((2, 3), "float64"), "n": ops.array(0)}, rows, reverse=reverse)
    return ops.sum(last["h"] ** 2) + ops.sum(ys["y"] * ops.sin(ys["h"])) * ops.cast(last["n"], "float64")


def _map(w, rows):
    return ops.sum(ops.map(lambda r: ops.matmul(ops.relu(r), w) * ops.sum(r), rows) ** 2)


def _fori(w, x):
    return ops.sum(ops.fori_loop(0, 12, lambda i, v: ops.tanh(ops.matmul(v, w)) + ops.cast(i, "float64") * x, x))


def _while(x):
    turn = lambda i, y: (i + 1, y * 1.3 + ops.sin(y))  # noqa: E731
    i, y = ops.while_loop(lambda i, y: ops.sum(y * y) < 100.0, turn, (0, x), maximum_iterations=50)
    return ops.sum(y * y * y) + ops.cast(i, "float64")


def _nested(w, rows):
    def outer(c, row):
        inner = ops.while_loop(
            lambda v: ops.sum(v * v) > 0.1, lambda v: ops.matmul(v, w) * 0.7, c + row, maximum_iterations=30
        )
        return ops.cond(ops.sum(row) > 0, lambda: inner * 2.0, lambda: inner - ops.tanh(c)), ops.sum(inner)

    last, ys = ops.scan(outer, ops.ones((2, 3), "float64"), rows)
    return ops.sum(last) + ops.sum(ys * ys)


CASES = {
    "cond": (_cond, (X,)),
    "cond, the other branch": (_cond, (-ops.abs(X),)),
    "switch 0": (lambda x: _switch(ops.cast(ops.sum(x) * 0, "int32"), x), (X,)),
    "switch 1": (lambda x: _switch(ops.cast(ops.sum(x) * 0 + 1, "int32"), x), (X,)),
    "switch beyond": (lambda x: _switch(ops.cast(ops.sum(x) * 0 + 9, "int32"), x), (X,)),
    "scan": (_scan, (W, ROWS)),
    "scan, reversed": (lambda w, rows: _scan(w, rows, True), (W, ROWS)),
    "map": (_map, (W, ROWS)),
    "fori_loop": (_fori, (W, X)),
    "while_loop": (_while, (X,)),
    "nested": (_nested, (W, ROWS)),
}


@pytest.mark.parametrize("name", CASES)
def test_traced_equals_eager_with_derivatives_of_two_orders(name):
    fn, args = CASES[name]
    numbers = tuple(range(len(args)))
    same_bits([fn(*args)], [structured(fn, *args)])
    first = grad(fn, numbers)
    for a, b in zip(first(*args), structured(first, *args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)

    def curvature(*values):
        return sum(ops.sum(ops.sin(g) * g) for g in first(*values))

    second = grad(curvature, numbers)
    for a, b in zip(second(*args), structured(second, *args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_gradients_against_finite_differences():
    traced = ckeras.function(_nested)
    direction = rng.normal(size=W.shape)
    got = float(ops.sum(ckeras.function(grad(_nested))(W, ROWS) * direction))
    step = 1e-6
    want = (float(traced(W + step * direction, ROWS)) - float(traced(W - step * direction, ROWS))) / (2 * step)
    assert got == pytest.approx(want, rel=1e-6)


def test_the_way_back_of_a_loop_of_unknown_length():
    def fn(x):
        return ops.sum(ops.while_loop(lambda y: ops.sum(y) < 10, lambda y: y * 2, x))

    one = ops.ones((3,))
    assert float(structured(fn, one)) == float(fn(one)) == 12.0
    with pytest.raises(ValueError, match="pass maximum_iterations"):
        ckeras.function(grad(fn))(one)
    bounds = ckeras.function(grad(lambda x, n: ops.sum(ops.fori_loop(0, n, lambda i, y: y * 2, x))))
    with pytest.raises(ValueError, match="pass maximum_iterations"):
        bounds(one, ops.array(3))
    stopped = ckeras.function(grad(lambda x: ops.sum(ops.stop_gradient(fn(x)) * x)))
    assert stopped(one).numpy().tolist() == [12.0] * 3


def test_a_maximum_of_turns_is_kept():
    def fn(x, m):
        return ops.while_loop(lambda i, y: ops.sum(y) >= 0, lambda i, y: (i + 1, y + 1), (0, x), maximum_iterations=m)

    for m in (0, 1, 17):
        i, y = ckeras.function(lambda x, m=m: fn(x, m))(ops.ones(2))
        assert int(i) == m and y.numpy().tolist() == [1.0 + m] * 2


def test_bounds_that_depend_on_the_data():
    fn = ckeras.function(lambda a, b: ops.fori_loop(a, b, lambda i, v: (v[0] + i, v[1] * 2), (0, 1)))
    for a, b in ((0, 5), (3, 20), (4, 4), (6, 2)):
        total, power = fn(ops.array(a), ops.array(b))
        assert (int(total), int(power)) == (sum(range(a, b)), 2 ** max(b - a, 0))
    assert len(fn.programs) == 1


def test_known_turns_are_found_while_tracing():
    def fn(x):
        return ops.while_loop(lambda i, y: i < 20, lambda i, y: (i + 2, y * x), (0, x))[1]

    x = ops.array(1.1)
    traced = ckeras.function(grad(fn))
    assert float(traced(x)) == pytest.approx(11 * 1.1**10, rel=1e-5)
    assert "length=10" in str(ckeras.function(fn).program(x))
    few = ckeras.function(lambda x: ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1])
    assert "loop" not in str(few.program(x)) and float(few(x)) == pytest.approx(1.1**4)
    moved = ckeras.function(lambda n: ops.while_loop(lambda i: i < n, lambda i: i + 1, 0))
    assert [int(moved(ops.array(n))) for n in (0, 3, 40)] == [0, 3, 40]


def test_no_elements():
    none = ops.zeros((0, 3))
    for run in (lambda f: f, ckeras.function):
        assert run(lambda t: ops.map(lambda r: ops.sum(r), t))(none).shape == (0,)
        last, ys = run(lambda t: ops.scan(lambda c, r: (c + r, c), ops.ones(3), t))(none)
        assert last.numpy().tolist() == [1, 1, 1] and ys.shape == (0, 3)


def test_variables_are_read_and_assigned_inside():
    v, hits = ckeras.Variable(2.0), ckeras.Variable(0, dtype="int32", trainable=False)

    def fn(x):
        def turn(c, row):
            hits.assign_add(1)
            v.assign(v * 1.5)
            return c + row * v, None

        def yes():
            hits.assign_add(100)
            return total * v

        total, _ = ops.scan(turn, ops.zeros(()), x)
        return ops.cond(total > 50.0, yes, lambda: total)

    results = []
    for run in (lambda f: f, ckeras.function):
        v.assign(2.0)
        hits.assign(0)
        call = run(fn)
        small, large = call(ops.ones(10) * 0.01), call(ops.ones(10))
        results.append((float(small), float(large), float(v), int(hits)))
    assert results[0] == results[1] and results[0][-1] == 120


def test_gradients_reach_variables_read_inside():
    v = ckeras.Variable([1.0, 2.0, 3.0])

    def fn(x):
        with GradientTape() as tape:
            y = ops.sum(ops.map(lambda r: ops.cond(ops.sum(r) > 0, lambda: r * v * v, lambda: r * 3.0), x))
        return tape.gradient(y, v)

    x = ops.array(rng.normal(size=(15, 3)).astype("float32"))
    np.testing.assert_allclose(structured(fn, x), fn(x), rtol=1e-6)


def test_a_custom_gradient_inside_is_kept():
    @ops.custom_gradient
    def cube(x):
        y = x * x
        return y * x, lambda up: up * y * 30.0  # ten times too much

    def loop(x):
        return ops.sum(ops.fori_loop(0, 10, lambda i, v: ops.tanh(cube(v)) + x, x))

    def choice(x):
        return ops.sum(ops.cond(ops.sum(x) > 0, lambda: cube(x), lambda: x))

    x = ops.array([0.3, 0.5])
    for fn in (loop, choice):
        np.testing.assert_allclose(structured(grad(fn), x), grad(fn)(x), rtol=1e-5)
    second = grad(lambda x: ops.sum(grad(choice)(x)))
    np.testing.assert_allclose(structured(second, x), second(x), rtol=1e-5)
    with pytest.raises(ValueError, match="no second derivative"):
        ckeras.function(grad(lambda x: ops.sum(grad(loop)(x))))(x)


def test_constants_that_a_tape_follows_are_followed_inside():
    def fn(x):
        v = ops.array([1.0, 2.0, 3.0])
        with GradientTape() as tape:
            tape.watch(v)
            y = ops.cond(ops.sum(x) > 0, lambda: ops.sum(v * v) * x[0], lambda: ops.sum(x))
            z = ops.fori_loop(0, 20, lambda i, c: c + ops.sum(ops.sin(v[1:]) * x[0]), 0.0)
        return tape.gradient([y, z], v)

    x = ops.array([0.5, 2.0])
    np.testing.assert_allclose(structured(fn, x), fn(x), rtol=1e-6)


def test_constants_alone_run_while_tracing():
    total = ckeras.function(lambda x: x + ops.fori_loop(0, 100, lambda i, v: v + i, 0))
    assert int(total(ops.array(1))) == 4951


@pytest.mark.parametrize(
    "fn, error, message",
    [
        (lambda x: ops.cond(x[0] > 0, lambda: x, lambda: x[:2]), ValueError, r"\[cond\] the branches: the shapes"),
        (lambda x: ops.cond(x[0] > 0, lambda: x, lambda: (x, x)), ValueError, r"\[cond\] the branches: the structures"),
        (lambda x: ops.cond(x[0] > 0, lambda: 1, lambda: 2.0), TypeError, r"\[cond\] the branches: the dtypes"),
        (lambda x: ops.cond(x > 0, lambda: 1, lambda: 2), ValueError, r"\[cond\] pred must be one element"),
        (lambda x: ops.switch(x[0], [lambda: 1, lambda: 2]), TypeError, r"\[switch\] index must be an integer"),
        (
            lambda x: ops.while_loop(lambda v: v[0] < 9, lambda v: ops.stack([v, v]), x),
            ValueError,
            r"\[while_loop\] loop variables and what body returns: the shapes",
        ),
        (lambda x: ops.while_loop(lambda v: v < 9, lambda v: v, x), ValueError, "the condition must be one element"),
        (lambda x: ops.fori_loop(0, 50, lambda i, v: v * 0.5, 1), TypeError, r"\[fori_loop\] init_val and what body"),
        (lambda x: ops.scan(lambda c, r: c, x, ops.ones(50)), ValueError, r"\[scan\] f must return \(carry, y\)"),
        (lambda x: ops.scan(lambda c, r: (c[0], r), x, ops.ones(50)), ValueError, r"\[scan\] init and the carry"),
        (lambda x: ops.scan(lambda c, r: (c, r), x, x, unroll="all"), ValueError, r"\[scan\] unroll"),
    ],
)
def test_errors_say_what_differs(fn, error, message):
    with pytest.raises(error, match=message):
        ckeras.function(fn)(ops.ones(3))


def test_unroll():
    fn = lambda unroll: ckeras.function(  # noqa: E731
        lambda x: ops.scan(lambda c, r: (c + r, c * r), x[0], x, unroll=unroll)
    )
    x = ops.array(np.arange(20.0))
    assert "loop" in str(fn(1).program(x)) and "loop" in str(fn(False).program(x))
    assert "loop" not in str(fn(True).program(x)) and "loop" not in str(fn(20).program(x))
    same_bits(fn(1)(x), fn(True)(x))


def test_the_listing_shows_the_parts():
    text = str(ckeras.function(_nested).program(W, ROWS))
    for part in (
        "= loop(",
        "body, planned memory",
        "while, planned memory",
        "= switch(",
        "branch 1, planned",
        "return %",
    ):
        assert part in text, text
    program = compile(_scan, (W.shape, W.dtype), (ROWS.shape, ROWS.dtype))
    assert program.planned_bytes > program._plan.arena_bytes > 0


def test_a_fault_inside_names_its_op():
    fn = ckeras.function(lambda t, i: ops.fori_loop(0, 20, lambda k, v: v + ops.take(t, i[k]), ops.zeros(())))
    indices = np.arange(20)
    assert float(fn(ops.ones(20), ops.array(indices))) == 20
    indices[13] = 77
    with pytest.raises(ValueError, match=r"\[take\] index 77 is out of range for an axis of size 20"):
        fn(ops.ones(20), ops.array(indices))


def test_a_loop_without_end_can_be_interrupted():
    fn = ckeras.function(lambda x: ops.while_loop(lambda v: v >= 0, lambda v: v * 1.0, x))
    fn.program(ops.array(1.0))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            fn(ops.array(1.0))
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert float(fn(ops.array(-1.0))) == -1.0


class Gate(layers.Layer):
    """Doubles until it is big, through weights, where the batch's mean is positive; else a dense layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(6, activation="tanh")
        self.drop = layers.Dropout(0.3, seed=1)

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.dense.build(shape)

    def call(self, x, training=False):
        grown = ops.while_loop(
            lambda v: ops.mean(ops.abs(v)) < 1.2,
            lambda v: v * (1.0 + 0.2 * ops.abs(self.scale)),
            x,
            maximum_iterations=12,
        )
        return ops.cond(ops.mean(x) > 0, lambda: self.drop(grown, training=training), lambda: self.dense(x))


def test_layers_with_choices_and_loops_train_in_fit():
    data = np.random.default_rng(2).normal(size=(96, 6)).astype("float32")
    labels = data[:, :1] * 2 - data[:, 1:2]

    def fitted(**kwargs):
        ckeras.utils.set_random_seed(3)
        model = ckeras.Sequential([ckeras.Input((6,)), Gate(), layers.Dense(1)])
        model.compile(ckeras.optimizers.SGD(0.03), "mse", **kwargs)
        history = model.fit(data, labels, batch_size=16, epochs=12, verbose=0)
        return model, history.history["loss"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it runs as a program
        model, losses = fitted()
    assert losses[-1] < losses[0]
    with pytest.warns(UserWarning, match="no gradient for the variables"):  # of what eager Python did not run
        eager, eager_losses = fitted(run_eagerly=True)
    np.testing.assert_allclose(losses, eager_losses, rtol=1e-4)
    np.testing.assert_allclose(model.predict(data, verbose=0), eager.predict(data, verbose=0), rtol=1e-3, atol=1e-4)
    clone = ckeras.Sequential([ckeras.Input((6,)), Gate(), layers.Dense(1)])
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict(data, verbose=0), model.predict(data, verbose=0))


def test_symbolic_loops_and_choices():
    s = ckeras.KerasTensor((None, 3))
    assert ops.map(lambda r: ops.sum(r), s).shape == (None,)
    assert ops.scan(lambda c, r: (c + r, r * 2), ops.zeros(3), s)[1].shape == (None, 3)
    assert ops.while_loop(lambda v: ops.sum(v) < 9, lambda v: v + 1, s).shape == (None, 3)
    assert ops.fori_loop(0, 30, lambda i, v: v * 2, s).shape == (None, 3)
    model = ckeras.Model(i := ckeras.Input((3,)), ops.fori_loop(0, 30, lambda k, v: v * 1.1, i))
    np.testing.assert_allclose(model.predict(np.ones((2, 3)), verbose=0), 1.1**30, rtol=1e-5)
