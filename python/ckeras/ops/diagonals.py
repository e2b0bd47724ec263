"""Diagonals and triangles of matrices."""

import functools

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops._common import axis_index, operand
from ckeras.ops.elementwise import choose, greater_equal, less_equal
from ckeras.ops.reduce import sum_p, summand
from ckeras.ops.shape import pad_p, slice_p, to_shape, transpose_p, zero

__all__ = ["diag", "diagflat", "diagonal", "trace", "tril", "triu", "vander"]


@public_op
def diagonal(x, offset=0, axis1=0, axis2=1):
    """The elements whose places along `axis1` and `axis2` differ by `offset`, as a new last dimension.

    >>> ops.diagonal([[1, 2], [3, 4]]).numpy()
    array([1, 4], dtype=int32)
    """
    x = operand(x)
    if x.ndim < 2:
        raise ShapeError(f"[diagonal] x must have at least 2 dimensions, got shape {x.shape}")
    a, b = axis_index("diagonal", axis1, x.ndim, "axis1"), axis_index("diagonal", axis2, x.ndim, "axis2")
    if a == b:
        raise ArgumentError(f"[diagonal] axis1 and axis2 must be two different ones, got {axis1} and {axis2}")
    perm, flat, line, last = _line(x.shape, int(offset), a, b)
    cut = slice_p.bind(to_shape(x if perm is None else transpose_p.bind(x, perm=perm), flat), **line)
    return cut if last is None else transpose_p.bind(cut, perm=last)


@functools.lru_cache(1024, typed=True)
def _line(shape, offset, a, b):
    """How a diagonal lies in memory: the permutation that makes its plane's dimensions neighbours, the shape with them
    as one, what to cut of that, and the permutation that makes the diagonal the last dimension; `None`: no change."""
    if a > b:
        a, b, offset = b, a, -offset
    rank, rows, columns = len(shape), shape[a], shape[b]
    perm = None if b == a + 1 else (*[i for i in range(rank) if i not in (a, b)], a, b)
    first = a if perm is None else rank - 2
    shape = shape if perm is None else tuple([shape[i] for i in perm])
    lead, trail = shape[:first], shape[first + 2 :]
    start = -offset * columns if offset < 0 else offset
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    line = {
        "starts": (*[0] * len(lead), start if n else 0, *[0] * len(trail)),
        "steps": (*[1] * len(lead), columns + 1, *[1] * len(trail)),
        "shape": (*lead, n, *trail),
    }
    last = (*range(first), *range(first + 1, rank - 1), first) if trail else None
    return perm, (*lead, rows * columns, *trail), line, last


def _on_diagonal(x, k):
    """The square matrix with the vector `x` on diagonal `k`: its numbers, zeros between and around, read as rows."""
    n = x.shape[0]
    rows = n + abs(k)
    low = max(k, 0) + max(-k, 0) * rows
    high = rows * rows - low - (n and (n - 1) * (rows + 1) + 1)
    flat = pad_p.bind(x, zero(x.dtype), lows=(low,), highs=(high,), interiors=(rows,))
    return to_shape(flat, (rows, rows))


@public_op
def diag(x, k=0):
    """Of a vector, the square matrix with it on diagonal `k`; of a matrix, its diagonal `k`."""
    x = operand(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"[diag] x must be a vector or a matrix, got shape {x.shape}")
    return _on_diagonal(x, int(k)) if x.ndim == 1 else diagonal(x, int(k))


@public_op
def diagflat(x, k=0):
    """The square matrix with the raveled `x` on diagonal `k`."""
    x = operand(x)
    return _on_diagonal(to_shape(x, (x.size,)), int(k))


@public_op
def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of the diagonal `offset` of the planes of `axis1` and `axis2`.

    >>> int(ops.trace([[1, 2], [3, 4]]))
    5
    """
    line = summand(diagonal(x, offset, axis1, axis2))
    return sum_p.bind(line, axes=(line.ndim - 1,))


def _triangle(op, x, k, keep):
    """Zeros but where `keep` holds of a row's number and k, and a column's."""
    x = operand(x)
    if x.ndim < 2:
        raise ShapeError(f"[{op}] x must have at least 2 dimensions, got shape {x.shape}")
    m, n = x.shape[-2:]
    k = max(min(int(k), n), -m - 1)
    rows, columns = [np.arange(d, dtype="int32" if m + n < 2**30 else "int64") for d in (m, n)]
    return choose(keep(from_numpy(rows[:, None] + rows.dtype.type(k)), from_numpy(columns)), x, zero(x.dtype))


@public_op
def tril(x, k=0):
    """`x` with zeros above diagonal `k` of its last two dimensions."""
    return _triangle("tril", x, k, greater_equal)


@public_op
def triu(x, k=0):
    """`x` with zeros below diagonal `k` of its last two dimensions."""
    return _triangle("triu", x, k, less_equal)


@public_op
def vander(x, N=None, increasing=False):
    """The powers `N - 1` to 0 (0 to `N - 1` with `increasing`) of each element of the vector `x`: [n, N]; N is n by
    default.

    >>> ops.vander([2, 3], 3).numpy()
    array([[4, 2, 1],
           [9, 3, 1]], dtype=int32)
    """
    x = operand(x)
    if x.ndim != 1:
        raise ShapeError(f"[vander] x must be a vector, got shape {x.shape}")
    n = x.size if N is None else int(N)
    if n < 0:
        raise ArgumentError(f"[vander] N must not be negative, got {N}")
    powers = np.arange(n) if increasing else np.arange(n)[::-1]
    return to_shape(x, (x.size, 1)) ** from_numpy(powers.astype("int32"))
