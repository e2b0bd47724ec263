"""Losses of overlap and of pairs as functions: Dice, Tversky, circle."""

from ckeras import ops
from ckeras._core.settings import epsilon
from ckeras._masks import set_mask
from ckeras.losses.loss import same_rank


def _masses(name, y_true, y_pred, axis):
    """`(overlap, missed, false)` summed over `axis`, or over everything."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"[{name}] y_true and y_pred must have one shape; got y_true of shape {y_true.shape} and y_pred of shape "
            f"{y_pred.shape}"
        )
    parts = (
        ops.multiply(y_true, y_pred),
        ops.multiply(y_true, ops.subtract(1.0, y_pred)),
        ops.multiply(ops.subtract(1.0, y_true), y_pred),
    )
    axis = tuple(axis) if isinstance(axis, list) else axis
    return [ops.sum(part, axis=axis) for part in parts]


def dice(y_true, y_pred, axis=None):
    """`1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))` over `axis`, or over everything (Dice, 1945).

    >>> float(ckeras.losses.dice([[1.0, 0.0]], [[0.5, 0.5]]))
    0.5
    """
    overlap, missed, false = _masses("dice", y_true, y_pred, axis)
    twice = ops.multiply(overlap, 2.0)
    total = ops.add(ops.add(twice, missed), false)
    return ops.subtract(1.0, ops.divide(twice, ops.add(total, epsilon())))


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """`1 - overlap / (overlap + alpha * missed + beta * false)` over `axis`, or over everything (Salehi et al., 2017).

    `alpha` weighs what is there and not predicted, `beta` what is predicted and not there.
    """
    overlap, missed, false = _masses("tversky", y_true, y_pred, axis)
    wrong = ops.add(ops.multiply(missed, alpha), ops.multiply(false, beta))
    return ops.subtract(1.0, ops.divide(overlap, ops.add(ops.add(overlap, wrong), epsilon())))


def circle(y_true, y_pred, ref_labels=None, ref_embeddings=None, remove_diagonal=True, gamma=80, margin=0.4):
    """The circle loss of embeddings of length 1 and their class numbers, one value per sample (Sun et al., 2020).

    A sample is compared with each of `ref_embeddings` of the classes `ref_labels`, by default the batch itself without
    the sample (`remove_diagonal`); one that has none of its class there counts nothing. `gamma` scales the loss,
    `margin` relaxes it.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels = _class_numbers(y_true)
    others = y_pred if ref_embeddings is None else ops.convert_to_tensor(ref_embeddings, y_pred.dtype)
    other_labels = labels if ref_labels is None else _class_numbers(ref_labels)
    if len(y_pred.shape) != 2 or labels.shape != y_pred.shape[:1] or other_labels.shape != others.shape[:1]:
        raise ValueError(
            "[circle] expected embeddings [batch, size] and one class number each; got labels of shape "
            f"{labels.shape} for {y_pred.shape}, and ref_labels of shape {other_labels.shape} for {others.shape}"
        )
    near = ops.matmul(y_pred, ops.transpose(others))
    alike = ops.equal(ops.expand_dims(labels, 1), ops.expand_dims(other_labels, 0))
    unlike = ops.logical_not(alike)
    if remove_diagonal:
        rows = ops.expand_dims(ops.arange(near.shape[0]), 1)
        alike = ops.logical_and(alike, ops.not_equal(rows, ops.expand_dims(ops.arange(near.shape[1]), 0)))
    pull = ops.maximum(ops.subtract(1.0 + margin, near), 0.0)
    push = ops.maximum(ops.add(near, margin), 0.0)
    pull = ops.multiply(ops.multiply(pull, ops.subtract(1.0 - margin, near)), float(gamma))
    push = ops.multiply(ops.multiply(push, ops.subtract(near, margin)), float(gamma))
    far = [ops.logsumexp(ops.where(m, x, -1e9), axis=1) for m, x in ((alike, pull), (unlike, push))]
    values = ops.softplus(ops.add(*far))
    set_mask(values, ops.any(alike, axis=1))
    return values


def _class_numbers(labels):
    labels = ops.cast(ops.convert_to_tensor(labels), "int32")
    return ops.squeeze(labels, -1) if len(labels.shape) == 2 and labels.shape[-1] == 1 else labels
