"""Activation functions, softmax, one-hot."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ArgumentError
from ckeras._core.primitive import Elementwise, Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, from_numpy, scalar
from ckeras.ops import namespaces
from ckeras.ops._common import as_dtype, axis_index, float_operand, operand
from ckeras.ops.elementwise import (
    absolute,
    choose,
    clip,
    equal,
    erf,
    exp,
    expm1,
    greater,
    less,
    logical_and,
    maximum,
    minimum,
    sigmoid,
    softplus,
    square,
    tanh,
    unary,
    zero_like,
)
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import permute, to_shape

__all__ = [
    "celu",
    "elu",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "one_hot",
    "relu",
    "relu6",
    "selu",
    "silu",
    "softmax",
    "softsign",
    "tanh_shrink",
]


@public_op
def relu(x):
    """`max(x, 0)`; slope 0 at 0.

    >>> ops.relu([-1.0, 2.0]).numpy()
    array([0., 2.], dtype=float32)
    """
    x = operand(x)
    if x.dtype == "bool":
        x = as_dtype(x, "int32")
    return maximum.primitive.bind(x, scalar(0, x.dtype))


@fused_op
def relu6(x):
    """`min(max(x, 0), 6)`."""
    return minimum(maximum(float_operand(x), 0), 6)


def _leaky_relu_vjp(ctx, g):
    x, slope = ctx.inputs
    # With a slope known not to be negative the result says as much as x, which then need not be kept.
    known = slope.__class__ is Tensor and slope.shape == () and slope.item() >= 0
    positive = greater(ctx.outputs[0] if known else x, 0)
    return choose(positive, g, g * slope), choose(positive, zero_like(g), g * x) if ctx.needs[1] else None


leaky_relu_p = Elementwise("leaky_relu", _leaky_relu_vjp, doc="`x` where positive, `slope x` elsewhere.")


@public_op
def leaky_relu(x, negative_slope=0.2):
    """`x` where positive, `negative_slope * x` elsewhere."""
    x = float_operand(x)
    return leaky_relu_p.bind(x, as_dtype(operand(negative_slope), x.dtype))


def _negative_part(x):
    """`x` where it is below 0 and 0 elsewhere: exp of it is safe on the branch not taken. Its slope at 0 is 1."""
    return minimum(0, x)


@fused_op
def elu(x, alpha=1.0):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al., 2015)."""
    x = float_operand(x)
    return choose(greater(x, 0), x, alpha * expm1(_negative_part(x)))


@fused_op
def selu(x):
    """The scaled elu that keeps activations at mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


@fused_op
def celu(x, alpha=1.0):
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))` (Barron, 2017)."""
    x = float_operand(x)
    return maximum(x, 0) + alpha * expm1(_negative_part(x) / alpha)


def _gelu_vjp(ctx, g):
    x = ctx.inputs[0]
    below = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    return (g * (below + x * (exp(-0.5 * square(x)) * (1 / math.sqrt(2 * math.pi)))),)


def _gelu_tanh_vjp(ctx, g):
    x, y = ctx.inputs[0], ctx.outputs[0]
    rate, cubic = 2 * math.sqrt(2 / math.pi), 2 * math.sqrt(2 / math.pi) * 0.044715
    s = sigmoid(x * (rate + cubic * square(x)))
    return (g * (s + y * (1 - s) * (rate + 3 * cubic * square(x))),)


gelu_p = Elementwise("gelu", _gelu_vjp, doc="`x (1 + erf(x / sqrt(2))) / 2`.")
gelu_tanh_p = Elementwise("gelu_tanh", _gelu_tanh_vjp, doc="`x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`.")


@public_op
def gelu(x, approximate=True):
    """`x * P(N(0, 1) <= x)` (Hendrycks and Gimpel, 2016), by default its tanh approximation."""
    return (gelu_tanh_p if approximate else gelu_p).bind(float_operand(x))


@fused_op
def silu(x):
    """`x * sigmoid(x)`, also called swish."""
    x = float_operand(x)
    return x * sigmoid(x)  # no kernel of its own: its derivative would compute the sigmoid again


@fused_op
def softsign(x):
    """`x / (|x| + 1)`."""
    x = float_operand(x)
    return x / (absolute(x) + 1)


def _within(y, low, high):
    return logical_and(greater(y, low), less(y, high))


def _hard_sigmoid_vjp(ctx, g):
    return (choose(_within(ctx.outputs[0], 0, 1), g * (1 / 6), zero_like(g)),)


def _hard_silu_vjp(ctx, g):
    x = ctx.inputs[0]
    return (g * hard_sigmoid(x) + choose(_within(x, -3, 3), g * x * (1 / 6), zero_like(g)),)


hard_sigmoid = unary("hard_sigmoid", "`relu6(x + 3) / 6`.", _hard_sigmoid_vjp)
hard_silu = unary("hard_silu", "`x * hard_sigmoid(x)`, also called hard swish.", _hard_silu_vjp)


@public_op
def hard_tanh(x):
    """`x` held within [-1, 1]."""
    return clip(x, -1, 1)


@fused_op
def tanh_shrink(x):
    """`x - tanh(x)`."""
    x = float_operand(x)
    return x - tanh(x)


@fused_op
def log_sigmoid(x):
    """`log(sigmoid(x))`, without overflow."""
    return -softplus(-float_operand(x))


# ---- softmax


def _same_spec(x, axis):
    return x.shape, x.dtype


def _axis_pack(x, axis):
    return (axis,), ()


def _softmax_vjp(ctx, g):
    y = ctx.outputs[0]
    gy = g * y
    return (gy - y * reduce(sum_p, gy, (ctx.attrs["axis"],), True),)


def _log_softmax_vjp(ctx, g):
    total = reduce(sum_p, g, (ctx.attrs["axis"],), True)
    return (g - exp(ctx.outputs[0]) * total,)


softmax_p = Primitive("softmax", _same_spec, _axis_pack, _softmax_vjp, "softmax along `axis`")
log_softmax_p = Primitive("log_softmax", _same_spec, _axis_pack, _log_softmax_vjp, "log of softmax along `axis`")


def _over_axes(op, primitive, x, axis):
    """A primitive of one axis, over any, several, or all of them (`None`)."""
    x = float_operand(x)
    if x.ndim == 0:
        return to_shape(primitive.bind(to_shape(x, (1,)), axis=0), ())
    if isinstance(axis, (tuple, list)):
        axes = tuple([axis_index(op, a, x.ndim) for a in axis])
    elif axis is None:
        axes = tuple(range(x.ndim))
    else:
        return primitive.bind(x, axis=axis_index(op, axis, x.ndim))
    kept = tuple([i for i in range(x.ndim) if i not in axes])
    perm = kept + axes
    moved = permute(x, perm)
    flat = to_shape(moved, (*[x.shape[i] for i in kept], math.prod([x.shape[i] for i in axes])))
    back = to_shape(primitive.bind(flat, axis=len(kept)), moved.shape)
    return permute(back, tuple([perm.index(i) for i in range(x.ndim)]))


@public_op
def softmax(x, axis=-1):
    """`exp(x) / sum(exp(x))` over `axis` (an integer, several, or all with None), without overflow.

    >>> ops.softmax([0.0, 0.0]).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    return _over_axes("softmax", softmax_p, x, axis)


@public_op
def log_softmax(x, axis=-1):
    """`log(softmax(x))` over `axis`, without overflow."""
    return _over_axes("log_softmax", log_softmax_p, x, axis)


@public_op
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """A 1 at position `x` along a new dimension `axis` of size `num_classes`; integers outside give zeros only.

    >>> ops.one_hot([0, 2], 3).numpy()
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    if sparse:
        raise ArgumentError("[one_hot] sparse=True: sparse tensors are not supported")
    x = operand(x)
    if x.dtype not in dtypes.INTS:
        x = as_dtype(x, "int32")
    axis = axis_index("one_hot", axis, x.ndim + 1)
    classes = from_numpy(np.arange(num_classes, dtype=dtypes.numpy_dtype(x.dtype)), copy=False)
    inner = x.shape[:axis] + (1,) + x.shape[axis:]
    hit = equal(to_shape(x, inner), to_shape(classes, (num_classes,) + (1,) * (x.ndim - axis)))
    return as_dtype(hit, dtypes.standardize(dtype))


def __getattr__(name):
    return namespaces.find("nn", name)


def __dir__():
    return sorted({*globals(), *namespaces.names("nn")})
