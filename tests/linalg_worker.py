"""Run by tests/test_decompositions.py in a process of its own: one digest of the bits of every op of linear algebra.

Inputs are quotients of small integers, so that they are the same everywhere.
"""

import hashlib
import json
import sys

import numpy as np

from ckeras import initializers, ops

SHAPES = [(1, 1), (3, 3), (17, 17), (70, 70), (40, 9), (9, 40), (200, 65), (65, 200), (5, 33, 33), (300, 300)]


def matrix(shape, dtype):
    """Numbers in [-1, 1], every one another."""
    i = np.arange(np.prod(shape), dtype="int64")
    return (((i * i * 7919 + i * 104729 + 12345) % 65537 - 32768) / 32768).astype(dtype).reshape(shape)


def definite(shape, dtype):
    """Symmetric; large on the diagonal."""
    x = matrix(shape, dtype)
    return (x + np.swapaxes(x, -1, -2)) / 2 + 2 * shape[-1] * np.eye(shape[-1], dtype=dtype)


def right(x):
    return matrix((*x.shape[:-1], 5), x.dtype)


SQUARE = {
    "cholesky": lambda x: ops.cholesky(definite(x.shape, x.dtype)),
    "det": ops.det,
    "eigh": ops.eigh,
    "inv": ops.inv,
    "slogdet": ops.slogdet,
    "solve": lambda x: ops.solve(x, right(x)),
    "solve_triangular": lambda x: ops.solve_triangular(definite(x.shape, x.dtype), right(x), lower=True),
}
ANY = {
    "lu_factor": ops.lu_factor,
    "pinv": ops.pinv,
    "qr": ops.qr,
    "qr complete": lambda x: ops.qr(x, mode="complete"),
    "svd": ops.svd,
    "svd reduced": lambda x: ops.svd(x, full_matrices=False),
    "singular values": lambda x: ops.svd(x, compute_uv=False),
}


def digest(values):
    h = hashlib.sha256()
    for value in values:
        for out in value if isinstance(value, (tuple, list)) else (value,):
            h.update(np.ascontiguousarray(out).tobytes())
    return h.hexdigest()


def digests():
    found = {}
    for name, op in {**SQUARE, **ANY}.items():
        shapes = [s for s in SHAPES if name in ANY or s[-1] == s[-2]]
        found[name] = digest(op(matrix(s, dtype)) for s in shapes for dtype in ("float32", "float64"))
    shapes = [(3, 3), (64, 16), (16, 64), (3, 3, 8, 16), (128, 512)]
    found["Orthogonal"] = digest(initializers.Orthogonal(gain=1.5, seed=7)(s) for s in shapes)
    return found


if __name__ == "__main__":
    json.dump(digests(), sys.stdout, indent=1)
