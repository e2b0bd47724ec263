"""Cross-entropies. From logits they run as one kernel; from probabilities as clipped logarithms."""

import math

from ckeras._core.errors import ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.settings import epsilon
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, axis_index, cast_p, float_operand, operand
from ckeras.ops.create import constant
from ckeras.ops.elementwise import clip, log, not_equal, softplus
from ckeras.ops.nn import log_softmax, softmax_p
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import permute, to_shape

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
]

NO_LABEL = -(2**31)  # the `ignored label` that ignores none


def _pack(*args, ignore):
    return (ignore,), ()


def _rows(v):
    return to_shape(v, (*v.shape, 1))


def _cross_entropy_vjp(ctx, g):
    return softmax_cross_entropy_grad_p.bind(*ctx.inputs, g, ignore=ctx.attrs["ignore"]), None


def _cross_entropy_grad_vjp(ctx, u):
    """Of G = g * (softmax(logits) - one_hot(labels)), rows with the ignored label 0."""
    logits, labels, g = ctx.inputs
    ignore = ctx.attrs["ignore"]
    dlogits = dg = None
    if ctx.needs[0]:
        p = softmax_p.bind(logits, axis=logits.ndim - 1)
        pu = p * u
        counted = cast_p.bind(not_equal(labels, scalar(ignore, labels.dtype)), dtype=g.dtype)
        dlogits = (pu - p * reduce(sum_p, pu, (1,), True)) * _rows(g * counted)
    if ctx.needs[2]:
        unit = softmax_cross_entropy_grad_p.bind(logits, labels, constant(g.shape, 1, g.dtype), ignore=ignore)
        dg = reduce(sum_p, u * unit, (1,), False)
    return dlogits, None, dg


softmax_cross_entropy_p = Primitive(
    "softmax_cross_entropy",
    lambda logits, labels, ignore: (labels.shape, logits.dtype),
    _pack,
    _cross_entropy_vjp,
    "logits [R,C], labels [R] -> -log softmax(logits)[label] [R]; 0 for the ignored label.",
)
softmax_cross_entropy_grad_p = Primitive(
    "softmax_cross_entropy_grad",
    lambda logits, labels, g, ignore: (logits.shape, logits.dtype),
    _pack,
    _cross_entropy_grad_vjp,
    "g[:, None] * (softmax(logits) - one_hot(labels)); 0 in rows of the ignored label.",
)


def _last(x, axis):
    """`x` with `axis` moved to the end."""
    return permute(x, tuple([i for i in range(x.ndim) if i != axis] + [axis]))


def _label_like(op, target, output, axis):
    """Integer labels of the shape of `output` without `axis`; a last dimension of 1 is dropped."""
    target = operand(target)
    wanted = output.shape[:axis] + output.shape[axis + 1 :]
    if target.shape != wanted and target.shape and target.shape[-1] == 1:
        target = to_shape(target, target.shape[:-1])
    if target.shape != wanted:
        advice = "for one-hot targets use categorical_crossentropy"
        if len(wanted) > max(target.ndim, 1):
            advice = "for one label a sample put Flatten or a global pooling before the last layer"
        raise ShapeError(
            f"[{op}] target: expected integer labels of shape {wanted} (output {output.shape} without axis {axis}), "
            f"got {target.shape}; {advice}"
        )
    return target if target.dtype in ("int32", "int64") else as_dtype(target, "int64")


@public_op
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """`-log p[target]` for integer labels `target` and probabilities (or logits) `output` over `axis`.

    `target` has the shape of `output` without `axis`. Probabilities are normalised and clipped to [1e-7, 1 - 1e-7].
    A label outside the classes raises `DataError`.

    >>> float(ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]])[0])
    0.6931471824645996
    """
    output = float_operand(output)
    if output.ndim < 1:
        raise ShapeError("[sparse_categorical_crossentropy] output needs at least one dimension, got shape ()")
    axis = axis_index("sparse_categorical_crossentropy", axis, output.ndim)
    target = _label_like("sparse_categorical_crossentropy", target, output, axis)
    # The logarithms of probabilities that sum to 1 are logits whose softmax is those probabilities.
    logits = _last(output if from_logits else log(_probabilities(output, axis)), axis)
    rows = math.prod(target.shape)
    loss = softmax_cross_entropy_p.bind(
        to_shape(logits, (rows, logits.shape[-1])), to_shape(target, (rows,)), ignore=NO_LABEL
    )
    return to_shape(loss, target.shape)


def _probabilities(output, axis):
    """Normalised over `axis` and held away from 0 and 1."""
    return clip(output / reduce(sum_p, output, (axis,), True), epsilon(), 1.0 - epsilon())


@public_op
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """`-sum(target * log p)` over `axis` for a distribution `target` and probabilities (or logits) `output`.

    Both have one shape. Probabilities are normalised and clipped to [1e-7, 1 - 1e-7].
    """
    output = float_operand(output)
    target = as_dtype(operand(target), output.dtype)
    if target.shape != output.shape:
        raise ShapeError(
            f"[categorical_crossentropy] target and output must have one shape, got {target.shape} and {output.shape}; "
            "for integer labels use sparse_categorical_crossentropy"
        )
    if output.ndim < 1:
        raise ShapeError("[categorical_crossentropy] output needs at least one dimension, got shape ()")
    axis = axis_index("categorical_crossentropy", axis, output.ndim)
    logs = log_softmax(output, axis) if from_logits else log(_probabilities(output, axis))
    return -reduce(sum_p, target * logs, (axis,), False)


@public_op
def binary_crossentropy(target, output, from_logits=False):
    """`-target * log p - (1 - target) * log(1 - p)` elementwise, for probabilities (or logits) `output`.

    Probabilities are clipped to [1e-7, 1 - 1e-7].
    """
    output = float_operand(output)
    target = as_dtype(operand(target), output.dtype)
    if target.shape != output.shape:
        raise ShapeError(
            f"[binary_crossentropy] target and output must have one shape, got {target.shape} and {output.shape}"
        )
    if from_logits:
        return softplus(output) - output * target
    p = clip(output, epsilon(), 1.0 - epsilon())
    return -(target * log(p) + (1 - target) * log(1 - p))
