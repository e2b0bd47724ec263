"""Systems of linear equations, inverses and determinants.

Kernels of csrc/ops/linalg compute them; their derivatives are compositions of themselves (M. B. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation", 2008). Leading dimensions are
batches.
"""

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ShapeError
from ckeras._core.host import Hosted, Native
from ckeras._core.primitive import broadcast_shapes
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, float_operand, promote
from ckeras.ops.create import eye
from ckeras.ops.diagonals import tril, triu
from ckeras.ops.linalg import matmul
from ckeras.ops.shape import swapaxes, to_shape, widen

__all__ = [
    "cholesky_inverse",
    "det",
    "inv",
    "logdet",
    "lstsq",
    "lu_factor",
    "pinv",
    "slogdet",
    "solve",
    "solve_triangular",
]


def matrices(op, x, square=False, name="x"):
    """`x` as float matrices, halves in float32 (kernels have none), and the dtype of the results."""
    x = float_operand(x)
    if x.ndim < 2:
        raise ShapeError(f"[{op}] {name} must have rank 2 or more, [..., rows, columns]; got shape {x.shape}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"[{op}] {name} must hold square matrices, got shape {x.shape}")
    return as_dtype(x, "float32" if dtypes.SIZES[x.dtype] == 2 else x.dtype), x.dtype


def turned(x):
    """The transposed matrices."""
    return swapaxes(x, -1, -2)


def identity_like(x):
    """The identity matrix of the size and dtype of square matrices."""
    return eye(x.shape[-1], dtype=x.dtype)


def scaled(g, x):
    """Matrices `x` times one number each."""
    return to_shape(g, (*g.shape, 1, 1)) * x


# ---- solving


def _solve_vjp(ctx, g):
    a, _ = ctx.inputs
    gb = solve_p.bind(turned(a), g, op=ctx.attrs["op"])
    return -matmul(gb, turned(ctx.outputs[0])) if ctx.needs[0] else None, gb


solve_p = Native(
    "solve",
    lambda a, b, op: (b.shape, b.dtype),
    _solve_vjp,
    "x of a[..., n, n] x = b[..., n, k]",
    failure=lambda op: f"[{op}] a matrix is singular; ops.pinv and ops.lstsq take such matrices too",
)


def _triangle(a, lower):
    return tril(a) if lower else triu(a)


def _solve_triangular_vjp(ctx, g):
    (a, _), lower = ctx.inputs, ctx.attrs["lower"]
    gb = solve_triangular_p.bind(turned(a), g, lower=not lower)
    ga = _triangle(-matmul(gb, turned(ctx.outputs[0])), lower) if ctx.needs[0] else None
    return ga, gb


solve_triangular_p = Native(
    "solve_triangular",
    lambda a, b, lower: (b.shape, b.dtype),
    _solve_triangular_vjp,
    "x of a[..., n, n] x = b[..., n, k], a one triangle; a zero on the diagonal gives infinities or NaN",
    ints=lambda lower: (int(lower),),
)


def _system(op, a, b, run):
    """`run` on matrices of one batch shape; `b` of one dimension less holds vectors."""
    a, b = promote(a, b)
    (a, dtype), b = matrices(op, a, True, "a"), float_operand(b)
    vectors = b.ndim == a.ndim - 1
    n = a.shape[-1]
    if b.ndim < 1 or b.shape[-1 if vectors else -2] != n:
        raise ShapeError(
            f"[{op}] b must be [..., {n}, columns], or [..., {n}] with one dimension less than a, for a of shape "
            f"{a.shape}; got shape {b.shape}"
        )
    b = as_dtype(to_shape(b, (*b.shape, 1)) if vectors else b, a.dtype)
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ShapeError as e:
        raise ShapeError(f"[{op}] batch dimensions of a and b: {e}") from None
    out = run(widen(a, (*batch, n, n)), widen(b, (*batch, *b.shape[-2:])))
    return as_dtype(to_shape(out, out.shape[:-1]) if vectors else out, dtype)


@public_op
def solve(a, b):
    """The `x` of `a x = b`: `a` is `[..., n, n]`, `b` is `[..., n, k]`, or `[..., n]` with one dimension less than `a`.

    Raises `DataError` for a singular matrix.

    >>> ops.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0]).numpy()
    array([1. , 0.5], dtype=float32)
    """
    return _system("solve", a, b, lambda a, b: solve_p.bind(a, b, op="solve"))


@public_op
def solve_triangular(a, b, lower=False):
    """`ops.solve` of the upper, or `lower`, triangle of `a`; the other one is not read.

    A zero on the diagonal gives infinities or NaN.
    """
    return _system("solve_triangular", a, b, lambda a, b: solve_triangular_p.bind(a, b, lower=bool(lower)))


@public_op
def inv(x):
    """The inverses of square matrices `[..., n, n]`. Raises `DataError` for a singular one.

    >>> ops.inv([[2.0, 0.0], [0.0, 4.0]]).numpy()
    array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    x, dtype = matrices("inv", x, True)
    return as_dtype(_inverse(x, "inv"), dtype)


def _inverse(x, op):
    return solve_p.bind(x, widen(identity_like(x), x.shape), op=op)


@public_op
def cholesky_inverse(x, upper=False):
    """The inverse of the matrix whose Cholesky factor is `x`, lower or `upper`: `[..., n, n]`."""
    x, dtype = matrices("cholesky_inverse", x, True)
    root = solve_triangular_p.bind(x, widen(identity_like(x), x.shape), lower=not upper)
    return as_dtype(matmul(root, turned(root)) if upper else matmul(turned(root), root), dtype)


# ---- determinants


def _det_vjp(ctx, g):
    (x,) = ctx.inputs
    return (scaled(g * ctx.outputs[0], turned(_inverse(x, "the derivative of det"))),)


det_p = Native("det", lambda x: (x.shape[:-2], x.dtype), _det_vjp, "the determinant of x[..., n, n]")
slogdet_p = Native(
    "slogdet",
    lambda x: [(x.shape[:-2], x.dtype)] * 2,
    lambda ctx, g_sign, g: (scaled(g, turned(_inverse(ctx.inputs[0], "the derivative of slogdet"))),),
    "the sign and the logarithm of the size of the determinant of x[..., n, n]",
    multi=True,
)


@public_op
def det(x):
    """The determinants of square matrices `[..., n, n]`; the derivative at a singular one raises `DataError`."""
    x, dtype = matrices("det", x, True)
    return as_dtype(det_p.bind(x), dtype)


@public_op
def slogdet(x):
    """The signs, and the logarithms of the absolute values, of the determinants of `[..., n, n]`: a pair.

    A singular matrix gives 0 and minus infinity.
    """
    x, dtype = matrices("slogdet", x, True)
    return tuple([as_dtype(y, dtype) for y in slogdet_p.bind(x)])


@public_op
def logdet(x):
    """The logarithms of the absolute values of the determinants of square matrices `[..., n, n]`."""
    return slogdet(x)[1]


# ---- least squares


def _cutoff(x):
    """Singular values below this share of the largest count as zero, where no `rcond` is given."""
    return 10 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)


def _pinv_vjp(ctx, g):
    # G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses", 1973, for a rank that stays.
    (a,), p = ctx.inputs, ctx.outputs[0]
    at, pt, gt = turned(a), turned(p), turned(g)
    left = identity_like(matmul(a, at)) - matmul(a, p)
    right = identity_like(matmul(at, a)) - matmul(p, a)
    return (
        matmul(matmul(left, gt), matmul(p, pt)) + matmul(matmul(pt, p), matmul(gt, right)) - matmul(matmul(pt, g), pt),
    )


pinv_p = Native(
    "pinv",
    lambda x, rcond: ((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype),
    _pinv_vjp,
    "the pseudo-inverse of x[..., m, n]",
    floats=lambda rcond: (rcond,),
    failure=lambda rcond: "[pinv] the singular values were not found; are there NaN or infinities in x?",
)


@public_op
def pinv(x, rcond=None):
    """The Moore-Penrose inverses of matrices `[..., m, n]`: `[..., n, m]`.

    Singular values of at most `rcond` times the largest count as zero; by default 10 max(m, n) roundoffs.
    """
    x, dtype = matrices("pinv", x)
    return as_dtype(pinv_p.bind(x, rcond=_cutoff(x) if rcond is None else float(rcond)), dtype)


@public_op
def lstsq(a, b, rcond=None):
    """The `x` that makes the squares of `a x - b` least, the shortest one of several: `a` is `[m, n]`, `b` `[m]` or
    `[m, k]`.

    Singular values of `a` of at most `rcond` times the largest count as zero; by default max(m, n) roundoffs.
    """
    a, b = promote(a, b)
    (a, dtype), b = matrices("lstsq", a, name="a"), float_operand(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise ShapeError(f"[lstsq] expected a [m, n] and b [m] or [m, k], got shapes {a.shape} and {b.shape}")
    rcond = _cutoff(a) / 10 if rcond is None else float(rcond)
    return as_dtype(matmul(pinv_p.bind(a, rcond=rcond), as_dtype(b, a.dtype)), dtype)


# ---- LU


def _permutation(pivots, n):
    """The matrices that undo the exchanges of rows."""
    flat = pivots.reshape(-1, pivots.shape[-1])
    out = np.zeros((len(flat), n, n), "float64")
    for matrix, row in zip(out, flat):
        order = np.arange(n)
        for k, p in enumerate(row):
            order[[k, p]] = order[[p, k]]
        matrix[order, np.arange(n)] = 1
    return out.reshape(*pivots.shape[:-1], n, n)


permutation_p = Hosted(
    "permutation",
    lambda pivots, n: ((*pivots.shape[:-1], n, n), "float64"),
    _permutation,
    doc="P of the pivots of x = P L U",
)


def _lu_vjp(ctx, g, _):
    (x,), (lu, pivots) = ctx.inputs, ctx.outputs
    n = x.shape[-1]
    if x.shape[-2] != n:
        raise ShapeError(f"[lu_factor] the derivative needs square matrices, got shape {x.shape}")
    lower, upper = tril(lu, -1) + identity_like(x), triu(lu)
    inner = tril(matmul(turned(lower), g), -1) + triu(matmul(g, turned(upper)))
    left = solve_triangular_p.bind(turned(lower), inner, lower=False)
    both = turned(solve_triangular_p.bind(upper, turned(left), lower=False))
    return (matmul(as_dtype(permutation_p.bind(pivots, n=n), x.dtype), both),)


lu_factor_p = Native(
    "lu_factor",
    lambda x: [(x.shape, x.dtype), ((*x.shape[:-2], min(x.shape[-2:])), "int32")],
    _lu_vjp,
    "x[..., m, n] = P L U: L (ones on its diagonal) and U in one, and the exchanges of rows",
    multi=True,
)


@public_op
def lu_factor(x):
    """The LU decomposition of matrices `[..., m, n]` with exchanges of rows: a pair.

    The first holds U and, below its diagonal, L, whose diagonal is ones; the second says which row each one was
    exchanged with, int32 `[..., min(m, n)]`. A derivative needs square matrices.
    """
    x, dtype = matrices("lu_factor", x)
    lu, pivots = lu_factor_p.bind(x)
    return as_dtype(lu, dtype), pivots
