"""Products of matrices."""

import math

from ckeras import _engine
from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive, broadcast_shapes
from ckeras._core.symbolic import public_op
from ckeras.ops import namespaces
from ckeras.ops._common import as_dtype, axis_index, operand, pair, promote
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import permute, to_shape, widen

__all__ = [
    "dot",
    "matmul",
    "outer",
    "tensordot",
]

# ints of the kernel's activation attribute, by the elementwise primitive it replaces (passes/epilogue.py)
ACTIVATIONS = {None: 0, "relu": 1, "sigmoid": 2, "tanh": 3, "relu6": 4}


def _spec(a, b, *rest, transpose_a=False, transpose_b=False, activation=None, residual=False):
    m = a.shape[-1] if transpose_a else a.shape[-2]
    n = b.shape[-2] if transpose_b else b.shape[-1]
    return (*a.shape[:-2], m, n), a.dtype


def _pack(a, b, *rest, transpose_a=False, transpose_b=False, activation=None, residual=False):
    return (int(transpose_a), int(transpose_b), ACTIVATIONS[activation], int(residual)), ()


def _vjp(ctx, g):
    a, b, *rest = ctx.inputs  # passes alone give an activation, and after them nothing is derived
    ta, tb = ctx.attrs.get("transpose_a", False), ctx.attrs.get("transpose_b", False)
    da = db = None
    if ctx.needs[0]:
        da = _mm(b, g, tb, True) if ta else _mm(g, b, False, not tb)
    if ctx.needs[1]:
        db = _mm(g, a, True, ta) if tb else _mm(a, g, not ta, False)
    return da, db, *[g if x.ndim == g.ndim else _column_sums(g) for x in rest]


def _column_sums(g):
    return reduce(sum_p, g, tuple(range(g.ndim - 1)), False)


matmul_p = Primitive(
    "matmul",
    _spec,
    _pack,
    _vjp,
    "a [M,K] or [B,M,K] times b [K,N] or [B,K,N] of the same batch; a transposed operand is stored [K,M] / [N,K]. "
    "Passes may add a bias [N], an activation and, last, a residual shaped as the result.",
)


def _mm(a, b, transpose_a, transpose_b):
    return matmul_p.bind(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def _product(a, b):
    """matmul_p without transposes; integers, which have no kernel, by sums of products, and bools as integers."""
    if a.dtype in dtypes.FLOATS:
        return matmul_p.bind(a, b)
    if a.dtype == "bool":
        return as_dtype(_product(as_dtype(a, "int32"), as_dtype(b, "int32")), "bool")
    lead = a.shape[:-2]
    wide = to_shape(a, (*a.shape, 1)) * to_shape(b, (*lead, 1, *b.shape[-2:]))
    return reduce(sum_p, wide, (a.ndim - 1,), False)


def matmul(x1, x2):
    """The matrix product over the last two dimensions; leading ones broadcast. Vectors lose their added dimension.

    Shapes `[..., M, K]` and `[..., K, N]` give `[..., M, N]`; dtypes are promoted. Raises `ShapeError` when the inner
    dimensions differ.

    >>> ops.matmul(ops.ones((5, 2, 3)), ops.ones((3, 4))).shape
    (5, 2, 4)
    """
    a, b = pair(x1, x2)
    if len(a.shape) == len(b.shape) == 2 and a.shape[1] == b.shape[0] and a.dtype in dtypes.FLOATS:
        return matmul_p.bind(a, b)
    if a.dtype == "bool":
        return as_dtype(matmul(as_dtype(a, "int32"), as_dtype(b, "int32")), "bool")
    if a.dtype == "int8":  # products of int8 are summed in int32
        a, b = as_dtype(a, "int32"), as_dtype(b, "int32")
    if not a.shape or not b.shape:
        raise ShapeError(
            f"[matmul] operands need at least one dimension, got shapes {a.shape} and {b.shape}; use ops.multiply"
        )
    inner = a.shape[-1], b.shape[-2 if b.ndim > 1 else 0]
    if inner[0] != inner[1]:
        raise ShapeError(
            f"[matmul] inner dimensions differ: {inner[0]} of x1 with shape {a.shape}, {inner[1]} of x2 with shape "
            f"{b.shape}; expected [..., M, K] and [..., K, N]"
        )
    left = to_shape(a, (1, *a.shape)) if a.ndim == 1 else a
    right = to_shape(b, (*b.shape, 1)) if b.ndim == 1 else b
    out = _batched(left, right)
    shape = out.shape
    if a.ndim == 1:
        shape = (*shape[:-2], shape[-1])
    if b.ndim == 1:
        shape = shape[:-1]
    return to_shape(out, shape)


matmul = public_op(matmul, _engine.quick_matmul(matmul_p.op_id, matmul_p))


def _batched(a, b):
    (m, k), n = a.shape[-2:], b.shape[-1]
    if b.ndim == 2:  # one matrix for the whole batch: one product of many rows
        return to_shape(_product(to_shape(a, (math.prod(a.shape[:-1]), k)), b), (*a.shape[:-1], n))
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ShapeError as e:
        raise ShapeError(f"[matmul] batch dimensions: {e}. Operand shapes: {a.shape}, {b.shape}") from None
    count = math.prod(batch)
    out = _product(to_shape(widen(a, (*batch, m, k)), (count, m, k)), to_shape(widen(b, (*batch, k, n)), (count, k, n)))
    return to_shape(out, (*batch, m, n))


@public_op
def tensordot(x1, x2, axes=2):
    """The sum of products over `axes`: the last `axes` of `x1` with the first of `x2`, or a pair of lists of axes."""
    a, b = promote(x1, x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ArgumentError(f"[tensordot] axes={axes} does not fit shapes {a.shape} and {b.shape}")
        left, right = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        left, right = [
            [axis_index("tensordot", i, t.ndim, "axes") for i in (side if isinstance(side, (tuple, list)) else (side,))]
            for side, t in zip(axes, (a, b))
        ]
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ShapeError(f"[tensordot] axes {left} of shape {a.shape} and {right} of shape {b.shape} differ in size")
    keep_a = [i for i in range(a.ndim) if i not in left]
    keep_b = [i for i in range(b.ndim) if i not in right]
    k = math.prod([a.shape[i] for i in left])
    rows, columns = [a.shape[i] for i in keep_a], [b.shape[i] for i in keep_b]
    a = to_shape(permute(a, tuple(keep_a + left)), (math.prod(rows), k))
    b = to_shape(permute(b, tuple(right + keep_b)), (k, math.prod(columns)))
    return to_shape(_product(a, b), (*rows, *columns))


@public_op
def dot(x1, x2):
    """The sum of products over the last dimension of `x1` and the second to last (or only) one of `x2`."""
    a, b = operand(x1), operand(x2)
    if not a.shape or not b.shape:
        return a * b
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 2 if b.ndim > 1 else 0]))


@public_op
def outer(x1, x2):
    """All products of an element of `x1` with one of `x2`, both raveled: a matrix."""
    a, b = promote(x1, x2)
    return to_shape(a, (a.size, 1)) * to_shape(b, (1, b.size))


def __getattr__(name):
    return namespaces.find("linalg", name)


def __dir__():
    return sorted({*globals(), *namespaces.names("linalg")})
