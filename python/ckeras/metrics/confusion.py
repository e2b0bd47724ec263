"""Weighted counts of true and false decisions at thresholds: what precision, recall and AUC are made of.

A prediction is positive at a threshold that it exceeds. Few thresholds are compared with every prediction; many that
lie evenly in [0, 1] are counted by interval, once a prediction, and summed from above.
"""

import numpy as np

from ckeras import ops
from ckeras._core.settings import epsilon

_COMPARED = 4  # up to so many thresholds are compared one by one


def spread(count, margin=None):
    """`count` thresholds at equal distances over [0, 1], the ends `margin` (epsilon) outside it."""
    margin = epsilon() if margin is None else margin
    inner = [i / (count - 1) for i in range(1, count - 1)]
    return [-margin, *inner, 1.0 + margin]


def is_even(thresholds):
    """Whether these are thresholds that `spread` gives, in rounding."""
    return len(thresholds) > 2 and bool(np.allclose(thresholds, spread(len(thresholds), 0.0), atol=1e-6))


def check_thresholds(where, thresholds, default=None):
    """The thresholds as a list: a number is one, `None` the default. Raises `ValueError` outside [0, 1]."""
    if thresholds is None:
        return [default]
    found = [thresholds] if not isinstance(thresholds, (list, tuple, np.ndarray)) else list(thresholds)
    wrong = [t for t in found if isinstance(t, (bool, str)) or not hasattr(t, "__float__") or not 0 <= t <= 1]
    if wrong or not found:
        raise ValueError(f"[{where}] thresholds must be numbers in [0, 1], got {wrong or thresholds!r}")
    return [float(t) for t in found]


def confusion(
    where,
    y_true,
    y_pred,
    thresholds,
    sample_weight=None,
    label_weights=None,
    class_id=None,
    top_k=None,
    multi_label=False,
    dtype="float32",
):
    """True positives, false positives, true negatives, false negatives: `[thresholds]`, with `multi_label`
    `[thresholds, labels]`.

    `class_id` looks at one entry of the last axis, `top_k` at the k largest. `sample_weight` fits the first dims of
    `y_pred`, `label_weights` the last. Predictions that are not a number count as 0.
    Raises `ValueError` when shapes do not fit.
    """
    y_true, y_pred = aligned(where, y_true, y_pred, dtype)
    if top_k is not None:
        y_pred = _of_top_k(where, y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = _of_class(where, y_true, y_pred, class_id)
    weight = fitting_weights(where, sample_weight, y_pred.shape, dtype)
    if label_weights is not None:
        row = fitting_labels(where, label_weights, y_pred.shape, dtype)
        weight = row if weight is None else ops.multiply(weight, row)
    columns = y_pred.shape[-1] if multi_label else 1
    positive = ops.cast(ops.not_equal(y_true, 0.0), dtype)
    negative = ops.subtract(1.0, positive)
    if weight is not None:
        positive, negative = ops.multiply(positive, weight), ops.multiply(negative, weight)
    positive, negative, y_pred = (ops.reshape(t, (-1, columns)) for t in (positive, negative, y_pred))
    count = _by_interval if len(thresholds) > _COMPARED and is_even(thresholds) else _by_comparison
    tp, fp = count(y_pred, positive, negative, thresholds, dtype)
    tn = ops.subtract(ops.sum(negative, axis=0), fp)
    fn = ops.subtract(ops.sum(positive, axis=0), tp)
    return [c if multi_label else ops.squeeze(c, -1) for c in (tp, fp, tn, fn)]


def _by_comparison(y_pred, positive, negative, thresholds, dtype):
    limits = ops.reshape(ops.convert_to_tensor(np.array(thresholds), dtype), (-1, 1, 1))
    above = ops.greater(ops.expand_dims(y_pred, 0), limits)
    return [ops.sum(ops.where(above, ops.expand_dims(w, 0), 0.0), axis=1) for w in (positive, negative)]


def _by_interval(y_pred, positive, negative, thresholds, dtype):
    """Interval i holds what exceeds the first i thresholds and no more."""
    count, columns = len(thresholds), y_pred.shape[1]
    least = 1.0 if thresholds[0] < 0 else 0.0
    at = ops.ceil(ops.multiply(ops.clip(y_pred, 0.0, 1.0), float(count - 1)))
    at = ops.cast(ops.where(ops.greater_equal(at, least), at, least), "int32")
    places = ops.add(ops.multiply(at, columns), np.arange(columns, dtype="int32"))
    both = ops.stack([ops.reshape(positive, (-1,)), ops.reshape(negative, (-1,))], axis=-1)
    held = ops.segment_sum(both, ops.reshape(places, (-1,)), num_segments=count * columns)
    above = ops.convert_to_tensor(np.triu(np.ones((count, count)), 1), dtype)
    sums = ops.reshape(ops.matmul(above, ops.reshape(held, (count, columns * 2))), (count, columns, 2))
    return sums[..., 0], sums[..., 1]


def aligned(where, y_true, y_pred, dtype):
    """Targets and predictions of one shape, in `dtype`: a last dim of 1 that one of them lacks is added."""
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    y_true = ops.cast(ops.convert_to_tensor(y_true), dtype)
    if len(y_true.shape) == len(y_pred.shape) + 1 and y_true.shape[-1] == 1:
        y_pred = ops.expand_dims(y_pred, -1)
    elif len(y_pred.shape) == len(y_true.shape) + 1 and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"[{where}] y_true and y_pred must have one shape; got y_true of shape {y_true.shape} and y_pred of "
            f"shape {y_pred.shape}"
        )
    return y_true, y_pred


def fitting_weights(where, sample_weight, shape, dtype):
    """Weights, one per sample or more, broadcast to `shape`; `None` for none."""
    if sample_weight is None:
        return None
    weight = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    given = weight.shape
    while len(weight.shape) > len(shape) and weight.shape[-1] == 1:
        weight = ops.squeeze(weight, -1)
    fits = len(weight.shape) <= len(shape) and all(a in (1, b) for a, b in zip(weight.shape, shape))
    if not fits:
        raise ValueError(
            f"[{where}] sample_weight of shape {given} does not fit values of shape {tuple(shape)}: one weight per "
            "sample is expected"
        )
    weight = ops.reshape(weight, weight.shape + (1,) * (len(shape) - len(weight.shape)))
    return ops.broadcast_to(weight, shape)


def fitting_labels(where, label_weights, shape, dtype):
    """Weights, one per entry of the last dim, broadcast to `shape`."""
    row = ops.cast(ops.convert_to_tensor(label_weights), dtype)
    if not shape or row.shape != (shape[-1],):
        raise ValueError(
            f"[{where}] label_weights must hold one number per label: got {row.shape} for predictions of shape {shape}"
        )
    return ops.broadcast_to(row, shape)


def _of_class(where, y_true, y_pred, class_id):
    if not y_pred.shape or not 0 <= class_id < y_pred.shape[-1]:
        raise ValueError(f"[{where}] class_id={class_id} is out of range for predictions of shape {y_pred.shape}")
    return y_true[..., class_id], y_pred[..., class_id]


def _of_top_k(where, y_pred, k):
    """Predictions with all but the k largest of the last axis below every threshold."""
    if not y_pred.shape or not 0 < k <= y_pred.shape[-1]:
        raise ValueError(f"[{where}] top_k={k} is out of range for predictions of shape {y_pred.shape}")
    _, places = ops.top_k(y_pred, k)
    chosen = ops.sum(ops.one_hot(places, y_pred.shape[-1], dtype="int32"), axis=-2)
    return ops.where(ops.greater(chosen, 0), y_pred, BELOW_ALL)


BELOW_ALL = -1e10
