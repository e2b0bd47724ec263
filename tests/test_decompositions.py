"""Our own linear algebra: residuals, adversarial matrices, refusals, and bits that no machine changes."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ckeras import _engine, ops
from ckeras._core.errors import DataError

HERE = Path(__file__).parent
FLOATS = ("float32", "float64")
rng = np.random.default_rng(11)


def draw(*shape):
    return rng.normal(size=shape)


def orthonormal(m, n):
    return np.linalg.qr(draw(m, n))[0]


def with_values(m, n, values):
    """A matrix of these singular values."""
    k = min(m, n)
    return orthonormal(m, k) * np.asarray(values, "float64") @ orthonormal(n, k).T


def graded(m, n, ratio):
    return with_values(m, n, ratio ** np.arange(min(m, n)))


# Matrices that break careless methods. Names end up in test ids.
HARD = {
    "one": draw(1, 1),
    "two": draw(2, 2),
    "square": draw(37, 37),
    "block": draw(64, 64),
    "blocks": draw(130, 130),
    "tall": draw(90, 33),
    "very tall": draw(700, 5),
    "wide": draw(33, 90),
    "column": draw(40, 1),
    "row": draw(1, 40),
    "identity": np.eye(20),
    "zeros": np.zeros((20, 12)),
    "ones": np.ones((35, 20)),
    "zero columns": draw(30, 24) * (np.arange(24) % 3 > 0),
    "graded": graded(50, 40, 0.5),
    "graded upwards": graded(50, 40, 0.5)[::-1, ::-1],
    "graded rows": draw(40, 40) * 0.3 ** np.arange(40)[:, None],
    "graded columns": draw(40, 40) * 0.3 ** np.arange(40),
    "graded columns upwards": draw(40, 40) * 0.3 ** np.arange(40)[::-1],
    "equal values": with_values(40, 30, [3.0] * 10 + [2.0] * 10 + [1.0] * 10),
    "rank 3": draw(45, 3) @ draw(3, 36),
    "equal values, larger": with_values(120, 110, np.arange(110) // 40),
    "graded, larger": graded(90, 130, 0.7),
    "glued": np.kron(np.eye(7), np.diag(np.abs(np.arange(20) - 9.0)) + np.eye(20, k=1)),
    # What is left of their columns falls by a roundoff a step, to the least numbers that there are.
    "integers of rank 1": np.stack([np.outer(np.arange(40) % n - n // 2, np.arange(33.0) % 7 - 3) for n in (5, 9)]),
    "ill conditioned": with_values(40, 40, np.logspace(0, -14, 40)),
    "hilbert": 1 / (np.arange(24)[:, None] + np.arange(24) + 1.0),
    "triangle": np.triu(draw(34, 34)),
    "bidiagonal of ones": np.eye(48) + np.eye(48, k=1),
    "nilpotent": np.eye(40, k=1),
    "tiny": draw(36, 30) * 1e-30,
    "huge": draw(36, 30) * 1e30,
    "tiny and huge": draw(36, 36) * np.logspace(-25, 25, 36),
    "batch": draw(3, 20, 14),
    "batches": draw(2, 3, 5, 5),
    "many": draw(300, 4, 4),
    "none": np.zeros((0, 3, 3)),
    "no rows": np.zeros((0, 4)),
    "no columns": np.zeros((4, 0)),
    "empty": np.zeros((2, 0, 0)),
}
CASES = [pytest.param(x, dtype, id=f"{name}-{dtype}") for name, x in HARD.items() for dtype in FLOATS]


def t(x):
    return np.swapaxes(x, -1, -2)


def given(x, dtype):
    """The matrix in `dtype`, and what that is in float64."""
    x = x.astype(dtype)
    return x, x.astype("float64")


def numbers(*tensors):
    return [np.asarray(x).astype("float64") for x in tensors]


def near(got, want, dtype, scale, factor=1.0):
    """Agreement within a few roundoffs of `scale` for each element of a row or column."""
    if not want.size:
        assert got.shape == want.shape
        return
    size = max(want.shape[-2:]) if want.ndim > 1 else want.shape[-1]
    bound = factor * 2 * (size + 8) * np.finfo(dtype).eps * scale + np.finfo(dtype).tiny * 1e3
    assert np.max(np.abs(got - want)) <= np.max(bound), np.max(np.abs(got - want) / bound)


def orthogonal(q, dtype):
    near(t(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], q.shape[-1], q.shape[-1])), dtype, 1.0)


def size(x):
    return np.max(np.abs(x), initial=0)


# ---- QR


@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("x, dtype", CASES)
def test_qr(x, dtype, mode):
    x, exact = given(x, dtype)
    q, r = ops.qr(x, mode=mode)
    assert q.dtype == r.dtype == dtype
    q, r = numbers(q, r)
    orthogonal(q, dtype)
    np.testing.assert_array_equal(r, np.triu(r))
    # Column by column: tiny columns are as right as huge ones.
    bound = np.linalg.norm(exact, axis=-2, keepdims=True) if x.size else 1.0
    near(q @ r, exact, dtype, bound)
    if x.shape[-2] and x.shape[-1]:
        off = np.abs(q @ r - exact) - 4 * (max(x.shape[-2:]) + 8) * np.finfo(dtype).eps * bound
        assert np.all(off <= np.finfo(dtype).tiny * 1e3)


def test_qr_is_the_usual_one():
    zeros = np.eye(6, k=-1) + np.diag(np.arange(6) % 2)  # below and on the diagonal
    for x in (draw(5, 3), draw(3, 5), draw(70, 40), draw(2, 6, 6), np.eye(5)[::-1], zeros):
        for got, want in zip(ops.qr(x), np.linalg.qr(x)):
            np.testing.assert_allclose(got.numpy(), want, atol=1e-12)


# ---- Cholesky


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 31, 32, 33, 64, 100, 200])
def test_cholesky(n, dtype):
    x = draw(n, n + 3)
    x, exact = given(x @ x.T, dtype)
    (root,) = numbers(ops.cholesky(x))
    np.testing.assert_array_equal(root, np.tril(root))
    near(root @ root.T, (exact + exact.T) / 2, dtype, size(exact))


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_decomposed_is_the_mean_with_the_transpose(dtype):
    x = np.diag(np.arange(2.0, 42.0)).astype(dtype)
    other = x + (np.tri(40, k=-1) - np.tri(40, k=-1).T).astype(dtype)
    np.testing.assert_array_equal(ops.cholesky(other), ops.cholesky(x))
    for got, want in zip(ops.eigh(other), ops.eigh(x)):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_cholesky_of_small_and_large_numbers(scale):
    x = draw(40, 50)
    x = (x @ x.T * scale).astype("float32")
    (root,) = numbers(ops.cholesky(x))
    near(root @ root.T / scale, x.astype("float64") / scale, "float32", size(x) / scale)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((3, 3)),
        -np.eye(40),
        np.diag([1.0] * 50 + [-1.0] + [1.0] * 9),
        np.full((4, 4), np.nan),
        np.stack([np.eye(3), -np.eye(3), np.eye(3)]),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.diag([1.0, np.nan]),
    ],
    ids=range(7),
)
def test_cholesky_refuses(x):
    with pytest.raises(DataError, match="not positive definite"):
        ops.cholesky(x)


# ---- LU: solving and determinants


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n, k", [(0, 2), (1, 1), (2, 3), (5, 1), (32, 8), (33, 0), (65, 20), (150, 1), (150, 260)])
def test_solve(n, k, dtype):
    (a, exact), (b, right) = given(draw(n, n), dtype), given(draw(n, k), dtype)
    (x,) = numbers(ops.solve(a, b))
    assert x.shape == (n, k)
    if n and k:
        residual = np.linalg.norm(exact @ x - right, axis=0)
        backward = residual / (np.linalg.norm(exact) * np.linalg.norm(x, axis=0))
        assert np.max(backward) <= 4 * np.finfo(dtype).eps
    if n:
        (y,) = numbers(ops.inv(a))
        assert np.linalg.norm(exact @ y - np.eye(n)) <= n * np.finfo(dtype).eps * np.linalg.cond(exact)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("n, k", [(1, 1), (6, 2), (32, 5), (33, 1), (100, 70)])
def test_solve_triangular(n, k, lower, dtype):
    a, b = draw(n, n) + n * np.eye(n), draw(n, k)
    a[np.tril_indices(n, -1) if not lower else np.triu_indices(n, 1)] = np.nan  # not read
    (a, exact), (b, right) = given(a, dtype), given(b, dtype)
    exact = np.tril(exact) if lower else np.triu(exact)
    (x,) = numbers(ops.solve_triangular(a, b, lower=lower))
    near(exact @ x, right, dtype, size(exact) * size(x))


def test_a_zero_on_the_diagonal_of_a_triangle():
    assert np.isinf(ops.solve_triangular(np.diag([1.0, 0.0]), np.ones((2, 1))).numpy()[1, 0])
    assert np.isnan(ops.solve_triangular(np.diag([1.0, 0.0]), np.zeros((2, 1))).numpy()[1, 0])


@pytest.mark.parametrize("x, dtype", CASES)
def test_lu_factor(x, dtype):
    x, exact = given(x, dtype)
    lu, pivots = ops.lu_factor(x)
    (lu,), pivots = numbers(lu), pivots.numpy()
    m, n = x.shape[-2:]
    k = min(m, n)
    low = (np.tril(lu, -1) + np.eye(m, n))[..., :k]
    assert np.all(np.abs(low) <= 1)
    if not x.size:
        assert pivots.shape == (*x.shape[:-2], k)
        return
    made = (low @ np.triu(lu)[..., :k, :]).reshape(-1, m, n)
    for matrix, row in zip(made, pivots.reshape(-1, k)):
        for i in range(k - 1, -1, -1):
            assert i <= row[i] < m
            matrix[[i, row[i]]] = matrix[[row[i], i]]
    near(made, exact.reshape(-1, m, n), dtype, size(exact) * 8)


def test_pivots_are_the_largest_the_first_and_not_a_number_before_all():
    assert ops.lu_factor(np.array([[1.0, 0], [-3, 1], [3, 2]]))[1].numpy().tolist() == [1, 2]
    assert ops.lu_factor(np.array([[1.0, 0], [3, 1], [np.nan, 2]]))[1].numpy()[0] == 2


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 2, 7, 33, 80])
def test_determinants(n, dtype):
    x, exact = given(draw(3, n, n) / max(1, n) ** 0.5, dtype)
    want = np.linalg.det(exact)
    bound = 50 * (n + 1) * np.finfo(dtype).eps * (1 + np.max(np.linalg.cond(exact) if n else 0))
    np.testing.assert_allclose(ops.det(x).numpy(), want, rtol=bound)
    sign, logs = numbers(*ops.slogdet(x))
    np.testing.assert_array_equal(sign, np.sign(want))
    np.testing.assert_allclose(logs, np.log(np.abs(want)), atol=bound)


def test_determinants_beyond_the_range_of_their_factors():
    x = np.diag([1e200, 1e200, -1e-200, 1e-200, 3.0])
    np.testing.assert_allclose(ops.det(x).numpy(), -3.0, rtol=1e-14)
    assert ops.det(np.eye(30) * 1e-30).numpy() == 0 and ops.det(np.eye(30) * 1e30).numpy() == np.inf
    sign, logs = ops.slogdet(np.eye(100, dtype="float32") * np.float32(1e-30))
    assert sign.numpy() == 1
    np.testing.assert_allclose(logs.numpy(), 100 * np.log(1e-30), rtol=1e-6)


def test_singular_matrices():
    x = np.ones((3, 3))
    assert ops.det(x).numpy() == 0
    assert [y.numpy().tolist() for y in ops.slogdet(x)] == [0, -np.inf]
    for singular in (x, np.zeros((50, 50)), np.stack([np.eye(4), np.diag([1.0, 1, 0, 1])])):
        with pytest.raises(DataError, match=r"\[inv\] a matrix is singular"):
            ops.inv(singular)


def test_what_is_not_a_number_goes_through():
    x = np.array([[1.0, np.nan], [0.0, 2.0]])
    assert np.isnan(ops.det(x).numpy()) and np.isnan(ops.inv(x).numpy()).any()
    assert all(np.isnan(y.numpy()) for y in ops.slogdet(x))
    assert all(np.isnan(y.numpy()).any() for y in ops.qr(np.full((40, 20), np.nan)))
    for op in (ops.qr, ops.lu_factor, ops.inv):  # and nothing hangs
        op(np.diag([np.inf] * 3 + [1.0] * 40))


# ---- eigenvalues


def positive_at_the_largest(columns):
    if columns.size:
        at = np.argmax(np.abs(columns), axis=-2)
        assert np.all(np.take_along_axis(columns, at[..., None, :], -2) > 0)


GLUE = np.where(np.arange(1, 147) % 21, 1.0, 1e-9)  # between matrices of Wilkinson's
SYMMETRIC = {name: (x + t(x)) / 2 for name, x in HARD.items() if x.shape[-1] == x.shape[-2]}
SYMMETRIC |= {
    "equal": orthonormal(40, 40) @ np.diag([1.0] * 20 + [2.0] * 20) @ np.eye(40),
    "outer": np.outer(np.arange(50.0), np.arange(50.0)),
    "wilkinson": np.diag(np.abs(np.arange(-30.0, 31))) + np.eye(61, k=1) + np.eye(61, k=-1),
    "glued": np.diag(np.abs(np.arange(147) % 21 - 10.0)) + sum(np.diag(GLUE, k) for k in (-1, 1)),
    "many equal": (lambda q: q * (np.arange(110) // 40 - 1.0) @ q.T)(orthonormal(110, 110)),
    "zero": np.zeros((70, 70)),
    "halves": np.kron(np.eye(2), np.ones((40, 40))),
    "falling": np.outer(0.7 ** np.arange(150), 0.7 ** np.arange(150)) * draw(150, 150),
    "laplace": 2 * np.eye(90) - np.eye(90, k=1) - np.eye(90, k=-1),
    "diagonal": np.diag(rng.permutation(45) - 20.0),
    "all scales": np.diag(np.logspace(-30, 30, 40)),
    "border": np.diag([0.0] * 39 + [1e-20]) + np.eye(40, k=1) * 1e-12 + np.eye(40, k=-1) * 1e-12,
    "largest": np.full((9, 9), 3e38),
}


@pytest.mark.parametrize("name, dtype", [(n, d) for n in SYMMETRIC for d in FLOATS])
def test_eigh(name, dtype):
    x, exact = given(SYMMETRIC[name], dtype)
    assert np.isfinite(x).all()
    exact = (exact + t(exact)) / 2
    w, v = numbers(*ops.eigh(x))
    with np.errstate(over="ignore"):
        assert np.all(w[..., 1:] >= w[..., :-1])
    orthogonal(v, dtype)
    positive_at_the_largest(v)
    top = size(exact)
    if top:
        w, exact = np.where(np.isfinite(w), w / top, w), exact / top
        if np.isfinite(w).all():
            near(v * w[..., None, :] @ t(v), exact, dtype, 1.0, 4)
            near(w, np.linalg.eigvalsh(exact), dtype, 1.0, 4)


def test_equal_values_keep_their_order():
    x = np.diag([2.0, 1.0, 2.0, 1.0, 2.0])
    places = np.argsort(np.diag(x), kind="stable")
    np.testing.assert_array_equal(ops.eigh(x)[1], np.eye(5)[:, places])
    places = np.argsort(-np.diag(x), kind="stable")
    u, _, vt = ops.svd(x)
    np.testing.assert_array_equal(u, np.eye(5)[:, places])
    np.testing.assert_array_equal(vt, np.eye(5)[places])


# ---- singular values


@pytest.mark.parametrize("x, dtype", CASES)
def test_svd(x, dtype):
    x, exact = given(x, dtype)
    m, n = x.shape[-2:]
    k, top = min(m, n), size(exact)
    for full in (False, True):
        u, s, vt = numbers(*ops.svd(x, full_matrices=full))
        assert u.shape[-2:] == (m, m if full else k) and vt.shape[-2:] == (n if full else k, n)
        orthogonal(u, dtype)
        orthogonal(t(vt), dtype)
        positive_at_the_largest(u)
        assert np.all(s >= 0) and np.all(s[..., 1:] <= s[..., :-1])
        near((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], exact, dtype, top, 4)
    (alone,) = numbers(ops.svd(x, compute_uv=False))
    for values in (s, alone):
        near(values, np.linalg.svd(exact, compute_uv=False) if x.size else np.zeros(s.shape), dtype, top, 4)


@pytest.mark.parametrize("x, dtype", CASES)
def test_pinv(x, dtype):
    x, exact = given(x, dtype)
    (p,) = numbers(ops.pinv(x, rcond=1e-3))
    assert p.shape == t(exact).shape
    if size(exact) and np.linalg.norm(exact) < 1e20 and np.linalg.norm(exact) > 1e-20:
        want = np.linalg.pinv(exact, 1e-3)
        s = np.linalg.svd(exact, compute_uv=False)
        share = s / s[..., :1]
        if not np.any((share > 5e-4) & (share < 2e-3)):
            np.testing.assert_allclose(p, want, atol=2e4 * np.finfo(dtype).eps * size(want))


def test_pinv_of_zeros():
    for x in (np.zeros((3, 4)), np.zeros((4, 3), "float32")):
        np.testing.assert_array_equal(ops.pinv(x, rcond=0.0), t(x))


def test_rank():
    assert ops.matrix_rank(HARD["rank 3"]).numpy() == 3
    assert ops.matrix_rank(HARD["zeros"]).numpy() == 0
    assert ops.matrix_rank(HARD["batch"]).numpy().tolist() == [14] * 3
    assert ops.matrix_rank(np.zeros((0, 4))).numpy() == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n", [1, 3, 50])
def test_no_values_of_what_is_not_a_number(n, bad):
    x = np.eye(n)
    x[n // 2, n // 2] = bad
    for op in (ops.svd, ops.eigh, ops.pinv, ops.matrix_rank, lambda x: ops.svd(x, compute_uv=False)):
        with pytest.raises(DataError, match="NaN or infinities"):
            op(x)


# ---- bits


@functools.cache
def digests(isa=None, threads=1):
    """What tests/linalg_worker.py prints; None where the set of instructions is missing."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CKERAS_NUM_THREADS": str(threads)}
    env.pop("CKERAS_ISA", None)
    if isa:
        env["CKERAS_ISA"] = isa
    run = subprocess.run(
        [sys.executable, HERE / "linalg_worker.py"], env=env, capture_output=True, text=True, timeout=60
    )
    if run.returncode and isa and "CKERAS_ISA" in run.stderr:
        return None
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@pytest.mark.parametrize("isa, threads", [(None, 1), (None, 3), ("avx2", 2), ("avx512", 2), ("neon", 2)])
def test_bits(isa, threads):
    if _engine.isa() not in ("avx2", "avx512", "neon"):
        pytest.skip(f"{_engine.isa()} has no fused multiply-add")
    found = digests(isa, threads)
    if found is None:
        pytest.skip(f"this machine has no {isa}")
    assert found == json.loads((HERE / "golden" / "linalg.json").read_text())
