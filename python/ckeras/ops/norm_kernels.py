"""Records of layer_norm and layer_norm_grad: rows by their own moments, in one kernel each way."""

from ckeras._core.dtypes import computing
from ckeras._core.primitive import Primitive
from ckeras._core.tape import GradientTape
from ckeras.ops._common import as_dtype, widened
from ckeras.ops.elementwise import rsqrt, square
from ckeras.ops.reduce import mean, sum

__all__ = []


def _spec(x, *weights, rms, gamma, beta, epsilon):
    return [(x.shape, x.dtype), (x.shape[:1], computing(x.dtype)), (x.shape[:1], computing(x.dtype))]


def _pack(*args, rms, gamma, beta, epsilon):
    return (int(rms), int(gamma), int(beta)), (float(epsilon),)


def _vjp(ctx, g, *unused):
    """Mean and rstd are there for this alone: they get no gradient."""
    x, weights = ctx.inputs[0], ctx.inputs[1:]
    _, middle, factor = ctx.outputs
    gamma = weights[:1] if ctx.attrs["gamma"] else ()
    return layer_norm_grad_p.bind(x, g, middle, factor, *gamma, **ctx.attrs)


def _grad_spec(x, dy, *rest, rms, gamma, beta, epsilon):
    return [(x.shape, x.dtype)] + [((x.shape[1],), computing(x.dtype))] * (int(gamma) + int(beta))


def _grad_pack(*args, rms, gamma, beta, epsilon):
    return (int(rms), int(gamma), int(beta)), ()


def _composed_grad(x, dy, weights, rms, gamma, beta, epsilon):
    """What layer_norm_grad gives, of other ops; the moments come from x."""
    dtype = x.dtype
    x, dy = widened(x), widened(dy)
    centered = x if rms else x - mean(x, 1, True)
    factor = rsqrt(mean(square(centered), 1, True) + epsilon)
    h = centered * factor
    g = dy * weights[0] if gamma else dy
    out = (g if rms else g - mean(g, 1, True)) - h * mean(g * h, 1, True)
    return [as_dtype(factor * out, dtype)] + ([sum(dy * h, 0)] if gamma else []) + ([sum(dy, 0)] if beta else [])


def _grad_vjp(ctx, *grads):
    x, dy, _, _, *weights = ctx.inputs
    sources = [x, dy, *weights]
    with GradientTape() as tape:
        tape.watch(sources)
        outs = _composed_grad(x, dy, weights, **ctx.attrs)
    dx, ddy, *rest = tape.gradient(outs, sources, output_gradients=list(grads))
    return (dx, ddy, None, None, *rest)


layer_norm_p = Primitive(
    "layer_norm",
    _spec,
    _pack,
    _vjp,
    "x [R, C][, gamma [C]][, beta [C]] -> y, mean [R], rstd [R]; the last two are for the gradient; halves: x, y alone",
    multi=True,
)
layer_norm_grad_p = Primitive(
    "layer_norm_grad",
    _grad_spec,
    _grad_pack,
    _grad_vjp,
    "x, dy, mean, rstd[, gamma] -> dx[, dgamma][, dbeta]; a derivative recomputes mean and rstd of x",
    multi=True,
)
