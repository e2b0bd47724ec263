"""Matrix decompositions: Cholesky, QR, singular values, eigenvalues.

Kernels of csrc/ops/linalg compute them; of matrices that are not symmetric, eigenvalues are LAPACK's, through NumPy. A
derivative that a decomposition does not have (equal singular values, equal eigenvalues) counts as zero, which is right
for what does not depend on the choice of vectors. Leading dimensions are batches.
"""

import numpy as np

from ckeras._core.errors import ArgumentError, DataError, GradientError
from ckeras._core.host import Hosted, Native
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype
from ckeras.ops.complex import Complex
from ckeras.ops.diagonals import tril
from ckeras.ops.elementwise import choose, equal
from ckeras.ops.linalg import matmul
from ckeras.ops.shape import concatenate, cut, to_shape
from ckeras.ops.systems import identity_like, matrices, solve_triangular_p, turned

__all__ = ["cholesky", "eig", "eigh", "matrix_rank", "qr", "svd"]


def _rows(v):
    return to_shape(v, (*v.shape[:-1], 1, v.shape[-1]))


def _columns(v):
    return to_shape(v, (*v.shape, 1))


def _halved_sum(x):
    return (x + turned(x)) * 0.5


def _gaps(v):
    """1 / (v[j] - v[i]) at row i and column j, 0 where they are equal."""
    gap = _rows(v) - _columns(v)
    zero = scalar(0, v.dtype)
    same = equal(gap, zero)
    return choose(same, zero, 1.0 / choose(same, scalar(1, v.dtype), gap))


def _no_values(**attrs):
    return "[svd] the singular values were not found; are there NaN or infinities in x?"


# ---- Cholesky


def _cholesky_vjp(ctx, g):
    # I. Murray, "Differentiation of the Cholesky decomposition", 2016.
    root = ctx.outputs[0]
    inner = tril(matmul(turned(root), g))
    inner = inner - inner * identity_like(inner) * 0.5
    left = solve_triangular_p.bind(turned(root), inner, lower=False)
    return (_halved_sum(turned(solve_triangular_p.bind(turned(root), turned(left), lower=False))),)


cholesky_p = Native(
    "cholesky",
    lambda x: (x.shape, x.dtype),
    _cholesky_vjp,
    "L, lower, of the mean L L^T of x[..., n, n] and its transpose",
    failure=lambda: "[cholesky] a matrix is not positive definite",
)


@public_op
def cholesky(x, upper=False):
    """The lower triangular `L` of `x = L L^T`, or the `upper` one of `x = U^T U`, for `[..., n, n]`.

    `x` counts as symmetric: the mean of it and its transpose is taken. Raises `DataError` when it is not positive
    definite.

    >>> ops.cholesky([[4.0, 0.0], [0.0, 9.0]]).numpy()
    array([[2., 0.],
           [0., 3.]], dtype=float32)
    """
    x, dtype = matrices("cholesky", x, True)
    root = cholesky_p.bind(x)
    return as_dtype(turned(root) if upper else root, dtype)


# ---- eigenvalues


def _eigh_vjp(ctx, gw, gv):
    # M. B. Giles, 2008, section 3.1
    w, v = ctx.outputs
    inner = matmul(turned(v), gv) * _gaps(w) + _columns(gw) * identity_like(v)
    return (_halved_sum(matmul(matmul(v, inner), turned(v))),)


eigh_p = Native(
    "eigh",
    lambda x: [(x.shape[:-1], x.dtype), (x.shape, x.dtype)],
    _eigh_vjp,
    "eigenvalues, ascending, and eigenvectors of the mean of x[..., n, n] and its transpose",
    multi=True,
    failure=lambda: "[eigh] the eigenvalues were not found; are there NaN or infinities in x?",
)


@public_op
def eigh(x):
    """The eigenvalues, ascending, and the eigenvectors, as columns, of symmetric matrices `[..., n, n]`: a pair.

    The mean of `x` and its transpose is taken. Of each vector the largest component, of equals the first, is positive.
    Raises `DataError` when there are NaN or infinities.
    """
    x, dtype = matrices("eigh", x, True)
    w, v = eigh_p.bind(x)
    return as_dtype(w, dtype), as_dtype(v, dtype)


def _eig(x):
    try:
        w, v = np.linalg.eig(x)
    except np.linalg.LinAlgError as e:
        raise DataError(f"[eig] {e}; are there NaN or infinities in x?") from None
    return w.real, w.imag, v.real, v.imag


eig_p = Hosted(
    "eig",
    lambda x: [(x.shape[:-1], x.dtype)] * 2 + [(x.shape, x.dtype)] * 2,
    _eig,
    doc="eigenvalues and eigenvectors of x[..., n, n], real and imaginary parts",
    multi=True,
)


@public_op
def eig(x):
    """The eigenvalues and the eigenvectors, as columns, of square matrices `[..., n, n]`: a pair of complex tensors.

    It has no derivative; `ops.eigh` of symmetric matrices has one.
    """
    x, _ = matrices("eig", x, True)
    wr, wi, vr, vi = eig_p.bind(x)
    return Complex(wr, wi), Complex(vr, vi)


# ---- QR


def _qr_spec(x, mode):
    m, n = x.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    return [((*x.shape[:-2], m, k), x.dtype), ((*x.shape[:-2], k, n), x.dtype)]


def _qr_vjp(ctx, gq, gr):
    # H.-J. Liao, J.-G. Liu, L. Wang, T. Xiang, "Differentiable programming tensor networks", 2019, appendix B; for wide
    # matrices D. A. O. Roberts and L. R. Roberts, "QR and LQ decomposition matrix backpropagation algorithms", 2020.
    (x,), (q, r) = ctx.inputs, ctx.outputs
    m, n = x.shape[-2:]
    if ctx.attrs["mode"] == "complete" and m > n:
        raise GradientError("[qr] mode='complete' of a tall matrix has no derivative: use mode='reduced'")
    rest = None
    if m < n:
        last = x.ndim - 1
        tail, gr_tail = cut(x, last, m, n), cut(gr, last, m, n)
        gq = gq + matmul(tail, turned(gr_tail))
        rest = matmul(q, gr_tail)
        r, gr = cut(r, last, 0, m), cut(gr, last, 0, m)
    inner = matmul(r, turned(gr)) - matmul(turned(gq), q)
    both = gq + matmul(q, tril(inner) + turned(tril(inner, -1)))
    head = turned(solve_triangular_p.bind(r, turned(both), lower=False))
    return (head if rest is None else concatenate([head, rest], axis=-1),)


qr_p = Native(
    "qr",
    _qr_spec,
    _qr_vjp,
    "x[..., m, n] = Q R, Q of orthonormal columns, R upper triangular",
    multi=True,
)


@public_op
def qr(x, mode="reduced"):
    """The QR decomposition of matrices `[..., m, n]`: `Q [..., m, k]` and `R [..., k, n]`, a pair.

    `k` is min(m, n), or m with `mode="complete"`, whose derivative a tall matrix lacks.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"[qr] mode must be 'reduced' or 'complete', got {mode!r}")
    x, dtype = matrices("qr", x)
    return tuple([as_dtype(y, dtype) for y in qr_p.bind(x, mode=mode)])


# ---- singular values


def _svd_spec(x, full):
    m, n = x.shape[-2:]
    k, lead = min(m, n), x.shape[:-2]
    return [
        ((*lead, m, m if full else k), x.dtype),
        ((*lead, k), x.dtype),
        ((*lead, n if full else k, n), x.dtype),
    ]


def _svd_vjp(ctx, gu, gs, gvt):
    # M. B. Giles, 2008, section 3.3; J. Townsend, "Differentiating the singular value decomposition", 2016.
    u, s, vt = ctx.outputs
    m, n = ctx.inputs[0].shape[-2:]
    if ctx.attrs["full"] and m != n:
        raise GradientError(
            "[svd] the additional vectors of full_matrices=True have no derivative: pass full_matrices=False"
        )
    ut, v, gv = turned(u), turned(vt), turned(gvt)
    gaps = _gaps(s * s)
    of_u, of_v = matmul(ut, gu), matmul(vt, gv)
    inner = (
        gaps * (of_u - turned(of_u)) * _rows(s)
        + _columns(s) * (gaps * (of_v - turned(of_v)))
        + _columns(gs) * identity_like(of_u)
    )
    grad = matmul(matmul(u, inner), vt)
    if m > n:
        grad = grad + matmul((gu - matmul(u, of_u)) / _rows(s), vt)
    if n > m:
        grad = grad + matmul(u, turned((gv - matmul(v, of_v)) / _rows(s)))
    return (grad,)


svd_p = Native(
    "svd",
    _svd_spec,
    _svd_vjp,
    "x[..., m, n] = U S V^T: U, the singular values, descending, and V^T",
    multi=True,
    failure=_no_values,
)


def _singular_values_vjp(ctx, g):
    u, _, vt = svd_p.bind(ctx.inputs[0], full=False)
    return (matmul(u * _rows(g), vt),)


singular_values_p = Native(
    "singular_values",
    lambda x: ((*x.shape[:-2], min(x.shape[-2:])), x.dtype),
    _singular_values_vjp,
    "the singular values of x[..., m, n], descending",
    failure=_no_values,
)


@public_op
def svd(x, full_matrices=True, compute_uv=True):
    """The singular value decomposition of `[..., m, n]`: `U`, the singular values, descending, and `V^T`.

    `U` is `[..., m, m]` and `V^T` `[..., n, n]`, or `[..., m, k]` and `[..., k, n]` of k = min(m, n) without
    `full_matrices`; without `compute_uv` the singular values `[..., k]` alone. The vectors beyond k have no derivative.
    Of each column of `U` the largest component, of equals the first, is positive. Raises `DataError` when there are NaN
    or infinities.
    """
    x, dtype = matrices("svd", x)
    if not compute_uv:
        return as_dtype(singular_values_p.bind(x), dtype)
    return tuple([as_dtype(y, dtype) for y in svd_p.bind(x, full=bool(full_matrices))])


def _count_above(s, tol, share):
    return np.count_nonzero(s > (s.max(-1, keepdims=True, initial=0) * share if tol is None else tol), axis=-1)


matrix_rank_p = Hosted(
    "matrix_rank",
    lambda s, tol, share: (s.shape[:-1], "int32"),
    _count_above,
    doc="how many singular values s[..., k] are above tol, or a share of the largest",
)


@public_op
def matrix_rank(x, tol=None):
    """How many singular values of each matrix `[..., m, n]` are above `tol`, in int32.

    By default max(m, n) roundoffs of the largest singular value.
    """
    x, _ = matrices("matrix_rank", x)
    share = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    return matrix_rank_p.bind(singular_values_p.bind(x), tol=tol if tol is None else float(tol), share=share)
