"""Matrix products."""

import math

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras.kernels._call import check_out, check_shape, operands, run_kernel
from ckeras.ops.linalg import ACTIVATIONS

__all__ = ["matmul"]


def activation_code(op, activation):
    """The number that the kernels know an activation by."""
    try:
        return ACTIVATIONS[activation]
    except (KeyError, TypeError):
        names = ", ".join(repr(k) for k in ACTIVATIONS)
        raise ArgumentError(f"[kernels.{op}] activation must be one of {names}, got {activation!r}") from None


def matmul(a, b, bias=None, activation=None, transpose_a=False, transpose_b=False, residual=None, out=None):
    """`activation(a @ b + bias) + residual`.

    `a` [..., M, K] and `b` [..., K, N], of two or more dimensions, the leading ones equal or broadcast; with
    `transpose_a` it is [..., K, M], with `transpose_b` [..., N, K]. `bias` [N]. `activation`: None, "relu", "relu6",
    "sigmoid" or "tanh". `residual` is shaped as the result; halves are rounded once, after it. float16, bfloat16,
    float32, float64, all operands alike. Gives [..., M, N], in `out` where given.
    Raises `ShapeError`, `DTypeError` or `ArgumentError` (each a `ValueError` or `TypeError`) for others.

    >>> kernels.matmul(np.ones((2, 3)), np.ones((3, 4)), activation="tanh").shape
    (2, 4)
    """
    a, b, bias, residual = operands("matmul", a=a, b=b, bias=bias, residual=residual)
    if a.ndim < 2 or b.ndim < 2:
        raise ShapeError(f"[kernels.matmul] a and b need two or more dimensions, got shapes {a.shape} and {b.shape}")
    *batch, m, k = a.shape
    *b_batch, k_b, n = b.shape
    if transpose_a:
        m, k = k, m
    if transpose_b:
        k_b, n = n, k_b
    if k != k_b:
        raise ShapeError(f"[kernels.matmul] a of shape {a.shape} has {k} columns and b of shape {b.shape} {k_b} rows")
    if bias is not None:
        check_shape("matmul", "bias", bias, (n,))
    if not batch and not b_batch:
        a_used, b_used, shape = a, b, None
    elif not b_batch and not transpose_a:
        a_used, b_used, shape = a.reshape(-1, k) if a.size else np.empty((_size(batch) * m, k), a.dtype), b, None
    else:
        if batch != b_batch:
            try:
                batch = np.broadcast_shapes(tuple(batch), tuple(b_batch))
            except ValueError:
                raise ShapeError(
                    f"[kernels.matmul] leading dimensions of a {a.shape} and b {b.shape} do not broadcast"
                ) from None
        a_used, b_used = (_batched(x, batch) for x in (a, b))
        shape = (_size(batch), m, n)
    code = activation_code("matmul", activation)
    ints = (1 if transpose_a else 0, 1 if transpose_b else 0, code, 0 if residual is None else 1)
    inputs = (a_used, b_used) if bias is None else (a_used, b_used, bias)
    result = (*batch, m, n)
    if residual is not None:
        check_shape("matmul", "residual", residual, result)
        inputs = (*inputs, np.ascontiguousarray(residual).reshape(shape or (_size(batch) * m, n)))
    if result == shape or (shape is None and not batch):
        return run_kernel("matmul", "matmul", inputs, result, ints, out=out)
    # The kernel sees the leading dimensions as one.
    shape = shape or (_size(batch) * m, n)
    if out is None:
        return run_kernel("matmul", "matmul", inputs, shape, ints).reshape(result)
    check_out("matmul", out, result, a.dtype)
    flat = out.reshape(shape)
    if np.shares_memory(flat, out):
        run_kernel("matmul", "matmul", inputs, shape, ints, out=flat)
    else:
        out[...] = run_kernel("matmul", "matmul", inputs, shape, ints).reshape(result)
    return out


def _size(shape):
    return math.prod(shape)


def _batched(x, batch):
    """[B, rows, columns] of an operand that broadcasts to these leading dimensions."""
    full = x if x.shape[:-2] == tuple(batch) else np.broadcast_to(x, (*batch, *x.shape[-2:]))
    return full if full.ndim == 3 else np.ascontiguousarray(full).reshape(_size(batch), *x.shape[-2:])
