"""Attention made of matrix products and a softmax."""

import math

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import is_flash_attention_enabled
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, check_float, operand, promote
from ckeras.ops.create import constant
from ckeras.ops.diagonals import tril
from ckeras.ops.elementwise import choose, tanh
from ckeras.ops.linalg import matmul
from ckeras.ops.nn import softmax_p
from ckeras.ops.shape import permute, repeat

__all__ = ["dot_product_attention"]


@public_op
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """`softmax(query key^T * scale + bias) value` for each head (Vaswani et al., 2017).

    `query` [B, T, N, H], `key` and `value` [B, S, K, H]: K heads that serve N / K queries each. `bias` and the bool
    `mask` (True: attend) broadcast to [B, N, T, S]; `is_causal` lets no query see later keys. `scale` is `1 / sqrt(H)`
    by default, `attn_logits_soft_cap` c makes the logits `c tanh(logits / c)`. Gives [B, T, N, H].
    `flash_attention=True` raises `ArgumentError`: there is one implementation.
    """
    op = "dot_product_attention"
    if is_flash_attention_enabled() if flash_attention is None else flash_attention:
        raise ArgumentError(f"[{op}] flash_attention=True is not supported; leave it None")
    q, k, v = promote(query, key, value)
    check_float(op, q, "query")
    if not (q.ndim == k.ndim == v.ndim == 4) or k.shape != v.shape[:3] + k.shape[3:]:
        raise ShapeError(
            f"[{op}] expected query [B, T, N, H], key and value [B, S, K, H]; got {q.shape}, {k.shape}, {v.shape}"
        )
    batch, _, heads, depth = q.shape
    if k.shape[0] != batch or k.shape[3] != depth or not k.shape[2] or heads % k.shape[2]:
        raise ShapeError(f"[{op}] key of shape {k.shape} does not fit query of shape {q.shape}")
    if heads != k.shape[2]:
        k, v = repeat(k, heads // k.shape[2], axis=2), repeat(v, heads // v.shape[2], axis=2)
    q, k, v = permute(q, (0, 2, 1, 3)), permute(k, (0, 2, 3, 1)), permute(v, (0, 2, 1, 3))
    wide = "float32" if q.dtype in ("float16", "bfloat16") else q.dtype
    logits = as_dtype(matmul(q, k), wide) * (1 / math.sqrt(depth) if scale is None else scale)
    if attn_logits_soft_cap is not None:
        logits = attn_logits_soft_cap * tanh(logits / attn_logits_soft_cap)
    if bias is not None:
        logits = logits + as_dtype(operand(bias), wide)
    logits = _masked(logits, mask, is_causal)
    return permute(matmul(as_dtype(softmax_p.bind(logits), q.dtype), v), (0, 2, 1, 3))


def _masked(logits, mask, is_causal):
    """A number so small that its share is 0 where nothing may be seen; finite, so that a row of them stays one."""
    least = scalar(-0.7 * (3.4028234663852886e38 if logits.dtype == "float32" else 1.7e308), logits.dtype)
    if mask is not None:
        logits = choose(as_dtype(operand(mask), "bool"), logits, least)
    if is_causal:
        logits = choose(tril(constant(logits.shape[-2:], True, "bool")), logits, least)
    return logits
