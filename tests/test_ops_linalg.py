"""Linear algebra through NumPy: values, batches, traces, symbolic shapes, derivatives of two orders, refusals.

Also the way a program calls NumPy back: errors, denormals, steps, signals.
"""

import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

import ckeras
from ckeras import ops
from ckeras._core.errors import DataError
from ckeras._core.host import Hosted
from ckeras._core.primitive import PRIMITIVES
from composites import Call, check_gradient, check_second_gradient, check_symbolic, check_traced, check_values

rng = np.random.default_rng(5)
square, other = rng.normal(size=(2, 4, 4)), rng.normal(size=(2, 4, 3))
tall, wide = rng.normal(size=(3, 5, 3)), rng.normal(size=(3, 5))
definite = square @ square.swapaxes(-1, -2) + np.eye(4)
triangle = np.tril(square) + 3 * np.eye(4)
vector = rng.normal(size=4)


def t(x):
    return np.swapaxes(x, -1, -2)


def sym(x):
    return (x + t(x)) / 2


def signed(u, *vt):
    """The vectors with the largest component of each column of `u` positive."""
    at = np.argmax(np.abs(u), axis=-2)
    signs = np.sign(np.take_along_axis(u, at[..., None, :], -2))
    return (u * signs, *[v * t(signs) for v in vt])


def eigh(x):
    w, v = np.linalg.eigh(sym(x))
    return w, *signed(v)


def svd(x):
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    u, vt = signed(u, vt)
    return u, s, vt


def svd_whole(x):
    u, s, vt = np.linalg.svd(x)
    k = s.shape[-1]
    head, vt = signed(u[..., :k], vt)
    return np.concatenate([head, *signed(u[..., k:])], -1), s, vt


def lower(x):
    return np.linalg.cholesky(sym(x))


CALLS = [
    Call("cholesky", (definite,), lower),
    Call("cholesky", (definite[0],), lambda x, upper: t(lower(x)), {"upper": True}),
    Call("cholesky", (definite + np.triu(square, 1) * 0.1,), lower),
    Call("cholesky_inverse", (triangle,), lambda x: np.linalg.inv(x @ t(x))),
    Call("cholesky_inverse", (t(triangle),), lambda x, upper: np.linalg.inv(t(x) @ x), {"upper": True}),
    Call("det", (square,), np.linalg.det, rtol=1e-5),
    Call("det", (np.zeros((0, 2, 2)),), np.linalg.det, order=0),
    Call("inv", (square,), np.linalg.inv, rtol=1e-4),
    Call("inv", (square[0],), np.linalg.inv, rtol=1e-4),
    Call("logdet", (definite,), lambda x: np.linalg.slogdet(x)[1], rtol=1e-5),
    Call("slogdet", (square,), lambda x: tuple(np.linalg.slogdet(x)), rtol=1e-5),
    Call("lstsq", (tall[0], rng.normal(size=(5, 2))), lambda a, b: np.linalg.lstsq(a, b, None)[0], rtol=1e-5),
    Call("lstsq", (wide, rng.normal(size=3)), lambda a, b: np.linalg.lstsq(a, b, None)[0], rtol=1e-5, symbolic=False),
    Call(
        "lstsq",
        (tall[0], rng.normal(size=5)),
        lambda a, b, rcond: np.linalg.lstsq(a, b, rcond)[0],
        {"rcond": 0.6},
        order=0,
        rtol=1e-5,
    ),
    Call("pinv", (tall,), np.linalg.pinv, rtol=1e-5),
    Call("pinv", (wide,), np.linalg.pinv, rtol=1e-5),
    Call("pinv", (wide,), lambda x, rcond: np.linalg.pinv(x, rcond), {"rcond": 0.7}, order=0, rtol=1e-5),
    Call("matrix_rank", (tall,), np.linalg.matrix_rank, order=0),
    Call("matrix_rank", (np.diag([10.0, 1.0]),), np.linalg.matrix_rank, {"tol": 2.0}, order=0, symbolic=False),
    Call("solve", (square, other), np.linalg.solve, rtol=1e-4),
    Call("solve", (square[0], vector), np.linalg.solve, rtol=1e-4),
    Call("solve", (square, other[:, :, 0].copy()), lambda a, b: np.linalg.solve(a, b[..., None])[..., 0], rtol=1e-4),
    Call("solve", (square[:1], other), np.linalg.solve, rtol=1e-4),
    Call("solve_triangular", (triangle, other), lambda a, b, lower: np.linalg.solve(a, b), {"lower": True}, rtol=1e-5),
    Call("solve_triangular", (t(triangle), other), np.linalg.solve, rtol=1e-5),
    Call("solve_triangular", (square + 4 * np.eye(4), other), lambda a, b: np.linalg.solve(np.triu(a), b), rtol=1e-5),
    Call("eigh", (definite + square * 0.01,), eigh, rtol=1e-5),
    Call("qr", (tall,), lambda x: tuple(np.linalg.qr(x)), rtol=1e-5),
    Call("qr", (wide,), lambda x: tuple(np.linalg.qr(x)), rtol=1e-5),
    Call("qr", (square,), lambda x, mode: tuple(np.linalg.qr(x, mode)), {"mode": "complete"}, rtol=1e-5),
    Call("qr", (tall[0],), lambda x, mode: tuple(np.linalg.qr(x, mode)), {"mode": "complete"}, order=0, rtol=1e-5),
    Call("svd", (square,), svd, rtol=1e-4),
    Call("svd", (tall[0, :4],), svd_whole, order=0, rtol=1e-5),
    Call("svd", (tall,), lambda x, full_matrices: svd(x), {"full_matrices": False}, rtol=1e-5),
    Call("svd", (wide,), lambda x, full_matrices: svd(x), {"full_matrices": False}, rtol=1e-5),
    Call("svd", (tall,), lambda x, compute_uv: np.linalg.svd(x, compute_uv=False), {"compute_uv": False}),
    Call("norm", (square,), lambda x, **k: np.linalg.norm(x, **k), {"ord": "nuc", "axis": (1, 2)}),
    Call("norm", (square,), lambda x, **k: np.linalg.norm(x, **k), {"ord": 2, "axis": (2, 1), "keepdims": True}),
    Call("norm", (square,), lambda x, **k: np.linalg.norm(x, **k), {"ord": -2, "axis": (0, 2)}, symbolic=False),
]
IDS = [f"{c}-{i}" for i, c in enumerate(CALLS)]


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_values(call):
    check_values(call)
    check_values(call, "float64")


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_traced_equals_eager(call):
    check_traced(call)


@pytest.mark.parametrize("call", CALLS, ids=IDS)
def test_symbolic_shapes(call):
    check_symbolic(replace(call, symbolic=call.symbolic and call.args[0].ndim > 2))


@pytest.mark.parametrize("call", [c for c in CALLS if c.order], ids=str)
def test_gradients(call):
    check_gradient(call)
    check_second_gradient(call)


@pytest.mark.parametrize("x", [square, tall, wide, np.array([[0.0, 0.0], [0.0, 1.0]])], ids=lambda x: str(x.shape))
def test_lu_factor(x):
    lu, pivots = ops.lu_factor(x.astype("float64"))
    lu, pivots = lu.numpy(), pivots.numpy()
    k = min(x.shape[-2:])
    product = (np.tril(lu, -1) + np.eye(*x.shape[-2:]))[..., :k] @ np.triu(lu)[..., :k, :]
    for made, row, want in zip(product.reshape(-1, *x.shape[-2:]), pivots.reshape(-1, k), x.reshape(-1, *x.shape[-2:])):
        for i in range(k - 1, -1, -1):
            made[[i, row[i]]] = made[[row[i], i]]
        np.testing.assert_allclose(made, want, atol=1e-12)
    if x is square:
        call = Call("lu_factor", (x,), None)
        check_traced(call)
        check_gradient(Call("lu_factor", (x,), None))


def test_eig_gives_complex_pairs():
    w, v = ops.eig(square)
    assert w.dtype == "complex128" and w.shape == (2, 4) and v.shape == (2, 4, 4)
    np.testing.assert_allclose(square @ v.numpy(), v.numpy() * w.numpy()[:, None], atol=1e-12)
    symbolic, _ = ops.eig(ckeras.Input((4, 4)))
    assert symbolic.shape == (None, 4) and symbolic.dtype == "complex64"


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_compute_in_float32(name):
    x = ops.cast(definite, name)
    assert ops.inv(x).dtype == ops.cholesky(x).dtype == name
    want = ops.cast(ops.inv(ops.cast(x, "float32")), name)
    np.testing.assert_array_equal(ops.inv(x).numpy(), want.numpy())


def test_equal_singular_values_have_a_derivative():
    g = ckeras.grad(lambda x: ops.sum(ops.svd(x)[1]))(ops.eye(3))
    np.testing.assert_allclose(g.numpy(), np.eye(3), atol=1e-6)


SQUARE = ("cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "logdet", "slogdet")


@pytest.mark.parametrize("name", [*SQUARE, "lu_factor", "matrix_rank", "pinv", "qr", "svd"])
def test_shapes_that_do_not_fit(name):
    op = getattr(ops, name)
    for bad in (3.0, np.ones(3, "float32"), *([np.ones((2, 3), "float32")] if name in SQUARE else [])):
        with pytest.raises(ValueError, match=rf"\[{name}|\[slogdet"):
            op(bad)


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: ops.inv(np.zeros((2, 2))), r"\[inv\] a matrix is singular"),
        (lambda: ops.solve(np.zeros((2, 2)), np.ones(2)), r"\[solve\] a matrix is singular"),
        (lambda: ops.cholesky(-np.eye(2)), r"\[cholesky\] a matrix is not positive definite"),
        (lambda: ops.svd(np.full((2, 2), np.nan)), r"\[svd\].*NaN"),
        (lambda: ops.solve(np.eye(3), np.ones((2, 1))), r"\[solve\] b must be"),
        (lambda: ops.solve(np.ones((2, 3, 3)), np.ones((4, 3, 1))), r"\[solve\] batch"),
        (lambda: ops.lstsq(np.ones((2, 3, 3)), np.ones(3)), r"\[lstsq\]"),
        (lambda: ops.qr(np.eye(2), mode="raw"), r"\[qr\] mode"),
        (lambda: ops.norm(np.eye(2), ord="fro2", axis=(0, 1)), r"\[norm\]"),
        (lambda: ckeras.grad(lambda x: ops.sum(ops.svd(x)[0]))(tall[0]), "full_matrices=False"),
        (lambda: ckeras.grad(lambda x: ops.sum(ops.qr(x, "complete")[0]))(tall[0]), "reduced"),
        (lambda: ckeras.grad(lambda x: ops.sum(ops.lu_factor(x)[0]))(tall[0]), r"\[lu_factor\] the derivative"),
        (lambda: ckeras.grad(lambda x: ops.sum(ops.eig(x)[0].re))(square[0]), r"\[eig\] has no derivative"),
    ],
)
def test_refusals(call, word):
    with pytest.raises(ValueError, match=word):
        call()


# ---- programs that call NumPy back


@pytest.fixture
def hosted():
    made = []

    def make(compute, spec=lambda x: (x.shape, x.dtype)):
        made.append(f"hosted_for_a_test_{len(made)}")
        return Hosted(made[-1], spec, compute)

    yield make
    for name in made:
        del PRIMITIVES[name]


def test_an_error_ends_the_run_before_its_writes():
    v = ckeras.Variable(np.ones(2, "float32"))

    @ckeras.function
    def step(x):
        y = ops.inv(x)
        v.assign_add(ops.sum(y, 0))
        return y

    step(ops.eye(2))
    with pytest.raises(DataError, match="singular"):
        step(ops.zeros((2, 2)))
    np.testing.assert_array_equal(v.numpy(), [2, 2])
    step(ops.eye(2))
    np.testing.assert_array_equal(v.numpy(), [3, 3])


def test_denormals_are_kept_alike(hosted):
    tiny = np.array([1e-40], "float32")
    p = hosted(lambda x: x * np.float32(0.5))
    eager = p.bind(ops.convert_to_tensor(tiny)).numpy()
    traced = ckeras.function(lambda x: p.bind(x))(ops.convert_to_tensor(tiny)).numpy()
    assert eager[0] != 0 and eager[0] == traced[0]


def test_results_of_another_shape_are_refused(hosted):
    p = hosted(lambda x: x[:1])
    for call in (p.bind, ckeras.function(lambda x: p.bind(x))):
        with pytest.raises(RuntimeError, match=r"computed shape \(1,\)"):
            call(ops.ones(3))


def test_bfloat16_arguments(hosted):
    p = hosted(lambda x: x + 1)
    x = ops.cast([1.5], "bfloat16")
    assert float(p.bind(x)[0]) == float(ckeras.function(lambda x: p.bind(x))(x)[0]) == 2.5


def test_a_signal_in_a_callback_ends_the_run(hosted):
    p = hosted(lambda x: (signal.raise_signal(signal.SIGINT), x)[1])
    f = ckeras.function(lambda x: p.bind(x))
    with pytest.raises(KeyboardInterrupt):
        f(ops.ones(2))


def test_threads_share_a_program():
    f = ckeras.function(lambda x: ops.inv(x) @ x)
    f(ops.eye(3))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(f(ops.convert_to_tensor(square[0, :3, :3])).numpy()))
        for _ in range(4)
    ]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for a in found:
        np.testing.assert_array_equal(a, found[0])
    assert len(found) == 4


def test_training_through_a_decomposition():
    class Whiten(ckeras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3, 3), initializer="identity")

        def call(self, x):
            return x @ ops.inv(self.w @ ops.transpose(self.w) + ops.eye(3))

    ckeras.utils.set_random_seed(0)
    model = ckeras.Sequential([ckeras.Input((3,)), Whiten()])
    model.compile(ckeras.optimizers.SGD(0.5), "mse")
    x = rng.normal(size=(32, 3)).astype("float32")
    losses = model.fit(x, x, epochs=5, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] * 0.9
