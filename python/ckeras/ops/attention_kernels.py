"""Records of attention and attention_grad: softmax(scores) value in one kernel each way, without the scores in memory.

All of them take q [B, T, N, H], k and v [B, S, K, H], and a bias and a mask of rank 4. Beside halves the bias, what is
kept of the rows, and the gradient of all scores are float32.
"""

from ckeras._core import hooks
from ckeras._core.dtypes import computing
from ckeras._core.primitive import Primitive
from ckeras._core.tape import GradientTape
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype
from ckeras.ops.create import constant
from ckeras.ops.diagonals import tril
from ckeras.ops.elementwise import choose, tanh
from ckeras.ops.linalg import matmul
from ckeras.ops.nn import softmax_p
from ckeras.ops.shape import broadcast_to, permute, repeat

__all__ = []


def composed(q, k, v, bias, mask, causal, scale, cap):
    """The same of other ops, through the scores: what `flash_attention=False` runs, and what second derivatives use."""
    if q.shape[2] != k.shape[2]:
        times = q.shape[2] // k.shape[2]
        k, v = repeat(k, times, axis=2), repeat(v, times, axis=2)
    q, k, v = permute(q, (0, 2, 1, 3)), permute(k, (0, 2, 3, 1)), permute(v, (0, 2, 1, 3))
    wide = computing(q.dtype)
    logits = as_dtype(matmul(q, k), wide) * scale
    if cap:
        logits = cap * tanh(logits / cap)
    if bias is not None:
        logits = logits + as_dtype(bias, wide)
    # So small that its share is 0 where nothing may be seen; finite, so that a row of them stays one.
    least = scalar(-0.7 * (1.7e308 if wide == "float64" else 3.4028234663852886e38), wide)
    if mask is not None:
        logits = choose(mask, logits, least)
    if causal:
        logits = choose(tril(constant(logits.shape[-2:], True, "bool")), logits, least)
    return permute(matmul(as_dtype(softmax_p.bind(logits, axis=logits.ndim - 1), q.dtype), v), (0, 2, 1, 3))


def _extras(args, bias, mask):
    """Bias and mask of what follows the other operands; `None` for one that is not there."""
    return (args[0] if bias else None), (args[-1] if mask else None)


def _spec(q, k, v, *extras, causal, bias, mask, scale, cap):
    rows = (q.shape[0], q.shape[2], q.shape[1])
    wide = computing(q.dtype)
    return [(q.shape, q.dtype), (rows, wide), (rows, wide)]


def _pack(*args, causal, bias, mask, scale, cap):
    return (int(causal), int(bias), int(mask)), (scale, cap)


def _vjp(ctx, g, *unused):
    """What is kept of the rows is there for this alone: it gets no gradient."""
    q, k, v, *extras = ctx.inputs
    wants_bias = ctx.attrs["bias"] and ctx.needs[3]
    dq, dk, dv, *more = attention_grad_p.bind(
        q, k, v, ctx.outputs[0], g, *ctx.outputs[1:], *extras, wants_bias=wants_bias, **ctx.attrs
    )
    dbias = (hooks.sum_to(more[0], extras[0].shape),) if wants_bias else (None,) * ctx.attrs["bias"]
    return (dq, dk, dv, *dbias, *(None,) * ctx.attrs["mask"])


def _grad_spec(q, k, v, *rest, causal, bias, mask, scale, cap, wants_bias):
    outs = [(x.shape, x.dtype) for x in (q, k, v)]
    scores = (q.shape[0], q.shape[2], q.shape[1], k.shape[1])
    return [*outs, (scores, computing(q.dtype))] if wants_bias else outs


def _grad_pack(*args, causal, bias, mask, scale, cap, wants_bias):
    return (int(causal), int(bias), int(mask), int(wants_bias)), (scale, cap)


def _grad_vjp(ctx, *grads):
    """A derivative of the composed form, which computes anew what is kept of the rows."""
    q, k, v, _, dy, _, _, *extras = ctx.inputs
    attrs = ctx.attrs
    bias, mask = _extras(extras, attrs["bias"], attrs["mask"])
    sources = [q, k, v, dy] + ([bias] if attrs["bias"] else [])
    with GradientTape() as outer:
        outer.watch(sources)
        inner_sources = [q, k, v]
        if attrs["wants_bias"]:
            bias = broadcast_to(bias, (q.shape[0], q.shape[2], q.shape[1], k.shape[1]))
            inner_sources.append(bias)
        with GradientTape() as inner:
            inner.watch(inner_sources)
            y = composed(q, k, v, bias, mask, attrs["causal"], attrs["scale"], attrs["cap"])
        firsts = inner.gradient(y, inner_sources, output_gradients=dy)
    dq, dk, dv, ddy, *dbias = outer.gradient(firsts, sources, output_gradients=list(grads))
    return (dq, dk, dv, None, ddy, None, None, *dbias, *(None,) * attrs["mask"])


attention_p = Primitive(
    "attention",
    _spec,
    _pack,
    _vjp,
    "q, k, v[, bias][, mask] -> y, and of each row of scores its maximum and sum, which are for the gradient",
    multi=True,
)
attention_grad_p = Primitive(
    "attention_grad",
    _grad_spec,
    _grad_pack,
    _grad_vjp,
    "q, k, v, y, dy, maxima, sums[, bias][, mask] -> dq, dk, dv and, with `wants_bias`, the gradient of all scores",
    multi=True,
)
