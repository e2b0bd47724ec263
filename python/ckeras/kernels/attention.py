"""Scaled dot-product attention."""

import numpy as np

from ckeras import ops
from ckeras._core.errors import ShapeError
from ckeras.kernels._call import check_rank, operands, run_function

__all__ = ["attention"]


def attention(query, key, value, bias=None, mask=None, scale=None, is_causal=False, out=None):
    """`softmax(query key^T * scale + bias) value` for each head (Vaswani et al., 2017).

    `query` [batch, queries, heads, depth], `key` and `value` [batch, keys, heads, depth]; `key` and `value` may have
    fewer heads, each of which then serves several of `query`. `bias` and the bool `mask` (True: attend) broadcast to
    [batch, heads, queries, keys]; `is_causal` lets no query see later keys; `scale` is `1 / sqrt(depth)` by default.
    float16, bfloat16, float32 or float64, all operands alike. Gives the shape of `query`, in `out` where given. Raises
    `ValueError` or `TypeError` for arguments that do not fit.

    >>> kernels.attention(np.ones((2, 5, 4, 8)), np.ones((2, 7, 4, 8)), np.ones((2, 7, 4, 8))).shape
    (2, 5, 4, 8)
    """
    query, key, value, bias = operands("attention", query=query, key=key, value=value, bias=bias)
    for name, a in (("query", query), ("key", key), ("value", value)):
        check_rank("attention", name, a, f"batch {name} heads depth")
    full = (query.shape[0], query.shape[2], query.shape[1], key.shape[1])
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool:
            raise ShapeError(f"[kernels.attention] mask must be bool, got {mask.dtype}")
    for name, a in (("bias", bias), ("mask", mask)):
        if a is not None and not _broadcasts(a.shape, full):
            raise ShapeError(f"[kernels.attention] {name} of shape {a.shape} does not broadcast to {full}")
    scale = None if scale is None else float(scale)
    arrays = [query, key, value, bias, mask]
    return run_function("attention", ops.dot_product_attention, arrays, out, scale=scale, is_causal=bool(is_causal))


def _broadcasts(shape, full):
    try:
        return np.broadcast_shapes(shape, full) == full
    except ValueError:
        return False
