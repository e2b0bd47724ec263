"""Attention: in one kernel, or made of matrix products and a softmax."""

import math

from ckeras._core.dtypes import computing
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import is_flash_attention_enabled
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, check_float, operand, promote
from ckeras.ops.attention_kernels import attention_p, composed
from ckeras.ops.shape import to_shape

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

    By default, and with `flash_attention=True`, one kernel does it in memory that grows with T and S, not with T * S
    (Dao et al., 2022; a gradient of `bias` still takes T * S); it computes halves in float32. With
    `flash_attention=False`, or after `config.disable_flash_attention()`, the scores are formed. Raises `ShapeError`
    when the shapes do not fit.

    >>> x = ops.ones((2, 5, 4, 8))
    >>> ops.dot_product_attention(x, x, x, is_causal=True).shape
    (2, 5, 4, 8)
    """
    op = "dot_product_attention"
    q, k, v = promote(query, key, value)
    check_float(op, q, "query")
    if not (q.ndim == k.ndim == v.ndim == 4) or k.shape != v.shape[:3] + k.shape[3:]:
        raise ShapeError(
            f"[{op}] expected query [B, T, N, H], key and value [B, S, K, H]; got {q.shape}, {k.shape}, {v.shape}"
        )
    batch, queries, heads, depth = q.shape
    if k.shape[0] != batch or k.shape[3] != depth or not k.shape[2] or heads % k.shape[2]:
        raise ShapeError(f"[{op}] key of shape {k.shape} does not fit query of shape {q.shape}")
    scores = (batch, heads, queries, k.shape[1])
    bias = None if bias is None else _spread(op, "bias", operand(bias), scores)
    mask = None if mask is None else _spread(op, "mask", as_dtype(operand(mask), "bool"), scores)
    cap = attn_logits_soft_cap
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, (int, float)) or not 0 < cap < math.inf):
        raise ArgumentError(f"[{op}] attn_logits_soft_cap must be None or a positive number, got {cap!r}")
    cap = float(cap or 0)
    if scale is None:
        scale = 1 / math.sqrt(depth) if depth else 1.0
    elif not isinstance(scale, (int, float)):
        q, scale = q * as_dtype(operand(scale), q.dtype), 1.0
    flash = is_flash_attention_enabled() if flash_attention is None else flash_attention
    if flash is False or not math.prod(scores) * depth:
        return composed(q, k, v, bias, mask, bool(is_causal), scale, cap)
    return _in_one_kernel(q, k, v, bias, mask, bool(is_causal), float(scale), cap)


def _spread(op, name, t, scores):
    """A bias or mask in rank 4; `ShapeError` when it does not broadcast to the scores."""
    if t.ndim > 4 or any(d not in (1, n) for d, n in zip(t.shape[::-1], scores[::-1])):
        raise ShapeError(f"[{op}] {name} of shape {t.shape} does not broadcast to {scores}, the shape of the scores")
    return t if t.ndim == 4 else to_shape(t, (1,) * (4 - t.ndim) + t.shape)


def _in_one_kernel(q, k, v, bias, mask, causal, scale, cap):
    extras = ([] if bias is None else [as_dtype(bias, computing(q.dtype))]) + ([] if mask is None else [mask])
    flags = {"causal": causal, "bias": bias is not None, "mask": mask is not None}
    return attention_p.bind(q, k, v, *extras, **flags, scale=scale, cap=cap)[0]
