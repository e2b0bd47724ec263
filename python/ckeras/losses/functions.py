"""Losses as functions: `fn(y_true, y_pred)` gives one value per sample (the mean over the last axis)."""

import math

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.settings import epsilon
from ckeras._masks import get_mask, set_mask
from ckeras.losses.loss import same_rank


def _pair(name, y_true, y_pred):
    """Targets and predictions as tensors of one dtype and shape."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    a, b = y_true.shape, y_pred.shape
    fits = len(a) == len(b) and all(m == n or 1 in (m, n) or None in (m, n) for m, n in zip(a, b))
    if not fits and a and b:
        raise ValueError(
            f"[{name}] y_true and y_pred must have one shape; got y_true of shape {a} and y_pred of shape {b}: give "
            f"the last layer {a[-1] if len(a) == len(b) else 1} unit(s), or for class numbers use "
            "sparse_categorical_crossentropy"
        )
    return y_true, y_pred


def mean_squared_error(y_true, y_pred):
    """`mean((y_true - y_pred)^2, axis=-1)`.

    >>> ckeras.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).numpy()
    array([2.5], dtype=float32)
    """
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return _mean(ops.square(ops.subtract(y_true, y_pred)))


def mean_absolute_error(y_true, y_pred):
    """`mean(|y_true - y_pred|, axis=-1)`."""
    y_true, y_pred = _pair("mean_absolute_error", y_true, y_pred)
    return _mean(ops.absolute(ops.subtract(y_true, y_pred)))


def mean_absolute_percentage_error(y_true, y_pred):
    """`100 * mean(|y_true - y_pred| / max(|y_true|, epsilon), axis=-1)`."""
    y_true, y_pred = _pair("mean_absolute_percentage_error", y_true, y_pred)
    ratio = ops.divide(ops.subtract(y_true, y_pred), ops.maximum(ops.absolute(y_true), epsilon()))
    return ops.multiply(_mean(ops.absolute(ratio)), 100.0)


def mean_squared_logarithmic_error(y_true, y_pred):
    """`mean((log(1 + y_true) - log(1 + y_pred))^2, axis=-1)`, both raised to at least epsilon."""
    y_true, y_pred = _pair("mean_squared_logarithmic_error", y_true, y_pred)
    a = ops.log(ops.add(ops.maximum(y_pred, epsilon()), 1.0))
    b = ops.log(ops.add(ops.maximum(y_true, epsilon()), 1.0))
    return _mean(ops.square(ops.subtract(a, b)))


def huber(y_true, y_pred, delta=1.0):
    """Quadratic for errors up to `delta`, linear beyond (Huber, 1964)."""
    y_true, y_pred = _pair("huber", y_true, y_pred)
    error = ops.absolute(ops.subtract(y_true, y_pred))
    small = ops.multiply(ops.square(error), 0.5)
    large = ops.subtract(ops.multiply(error, delta), 0.5 * delta * delta)
    return _mean(ops.where(ops.less_equal(error, delta), small, large))


def log_cosh(y_true, y_pred):
    """`mean(log(cosh(y_pred - y_true)), axis=-1)`, in a form that does not overflow."""
    y_true, y_pred = _pair("log_cosh", y_true, y_pred)
    x = ops.absolute(ops.subtract(y_pred, y_true))
    return _mean(ops.subtract(ops.add(x, ops.log1p(ops.exp(ops.multiply(x, -2.0)))), math.log(2.0)))


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between targets and predictions: -1 for one direction, 0 for orthogonal ones."""
    y_true, y_pred = _pair("cosine_similarity", y_true, y_pred)
    dot = ops.sum(ops.multiply(_unit(y_true, axis), _unit(y_pred, axis)), axis=axis)
    return ops.negative(dot)


def _unit(x, axis):
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(square, 1e-12)))


def poisson(y_true, y_pred):
    """`mean(y_pred - y_true * log(y_pred + epsilon), axis=-1)`."""
    y_true, y_pred = _pair("poisson", y_true, y_pred)
    return _mean(ops.subtract(y_pred, ops.multiply(y_true, ops.log(ops.add(y_pred, epsilon())))))


def kl_divergence(y_true, y_pred):
    """`sum(y_true * log(y_true / y_pred), axis=-1)`, both clipped to [epsilon, 1]."""
    y_true, y_pred = _pair("kl_divergence", y_true, y_pred)
    y_true, y_pred = ops.clip(y_true, epsilon(), 1.0), ops.clip(y_pred, epsilon(), 1.0)
    return ops.sum(ops.multiply(y_true, ops.log(ops.divide(y_true, y_pred))), axis=-1)


def _signed(y_true):
    """Labels of 0 and 1 as -1 and 1; others as they are."""
    is_binary = ops.all(ops.logical_or(ops.equal(y_true, 0.0), ops.equal(y_true, 1.0)))
    return ops.where(is_binary, ops.subtract(ops.multiply(y_true, 2.0), 1.0), y_true)


def hinge(y_true, y_pred):
    """`mean(max(1 - y_true * y_pred, 0), axis=-1)` for labels -1 and 1 (0 and 1 are converted)."""
    y_true, y_pred = _pair("hinge", y_true, y_pred)
    return _mean(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(y_true), y_pred)), 0.0))


def squared_hinge(y_true, y_pred):
    """`mean(max(1 - y_true * y_pred, 0)^2, axis=-1)` for labels -1 and 1 (0 and 1 are converted)."""
    y_true, y_pred = _pair("squared_hinge", y_true, y_pred)
    return _mean(ops.square(ops.maximum(ops.subtract(1.0, ops.multiply(_signed(y_true), y_pred)), 0.0)))


def categorical_hinge(y_true, y_pred):
    """`max(neg - pos + 1, 0)`, where pos is the true class's score and neg the largest of the others."""
    y_true, y_pred = _pair("categorical_hinge", y_true, y_pred)
    pos = ops.sum(ops.multiply(y_true, y_pred), axis=-1)
    neg = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=-1)
    return ops.maximum(ops.add(ops.subtract(neg, pos), 1.0), 0.0)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The mean over `axis` of the cross-entropy of targets in [0, 1] and probabilities, or logits.

    `label_smoothing` moves the targets towards 0.5 by that share.
    """
    y_true, y_pred = _pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    return _mean(ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits), axis)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """The cross-entropy of target distributions (one-hot rows, say) and probabilities, or logits.

    `label_smoothing` gives that share of the probability to all classes alike.
    """
    _check_axis("categorical_crossentropy", axis)
    y_true, y_pred = _distributions("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        n = y_pred.shape[axis]
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), label_smoothing / n)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """The cross-entropy of class numbers and probabilities, or logits. Entries of `ignore_class` count nothing.

    Raises `ValueError` for class numbers outside [0, classes).

    >>> ckeras.losses.sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True).numpy()
    array([0.6931472], dtype=float32)
    """
    _check_axis("sparse_categorical_crossentropy", axis)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if not dtypes.is_integer(y_true.dtype):
        y_true = ops.cast(y_true, "int32")
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    kept = ops.not_equal(y_true, ignore_class)
    y_true = ops.where(kept, y_true, 0)
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(kept, values, 0.0)
    mask = get_mask(y_pred)
    set_mask(values, kept if mask is None else ops.logical_and(mask, kept))
    return values


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """The binary cross-entropy times `(1 - p)^gamma`, p the probability given to the truth (Lin et al., 2017).

    `apply_class_balancing` weighs positives by `alpha` and negatives by `1 - alpha`.
    """
    y_true, y_pred = _pair("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    values = ops.binary_crossentropy(y_true, p)
    truth = ops.add(ops.multiply(y_true, p), ops.multiply(ops.subtract(1.0, y_true), ops.subtract(1.0, p)))
    values = ops.multiply(ops.power(ops.subtract(1.0, truth), gamma), values)
    if apply_class_balancing:
        share = ops.add(ops.multiply(y_true, 2.0 * alpha - 1.0), 1.0 - alpha)
        values = ops.multiply(share, values)
    return _mean(values, axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """The sum over `axis` of `-alpha * (1 - p)^gamma * y_true * log(p)` (Lin et al., 2017).

    `alpha` is a number, or one per class. Raises `ValueError` for an axis that is no integer.
    """
    _check_axis("categorical_focal_crossentropy", axis)
    y_true, y_pred = _distributions("categorical_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), label_smoothing / y_pred.shape[-1])
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = ops.divide(p, ops.sum(p, axis=axis, keepdims=True))
    p = ops.clip(p, epsilon(), 1.0 - epsilon())
    focus = ops.multiply(ops.power(ops.subtract(1.0, p), gamma), alpha)
    return ops.sum(ops.multiply(ops.multiply(focus, ops.negative(ops.log(p))), y_true), axis=axis)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """`(1 - p^q) / q` of the probability p of the true class number, robust to wrong labels (Zhang and Sabuncu, 2018).

    `q` near 0 is the cross-entropy, 1 the absolute error. Raises `ValueError` for class numbers outside [0, classes).
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"[categorical_generalized_cross_entropy] expected one class number per sample, {y_pred.shape[:-1]}, for "
            f"y_pred of shape {y_pred.shape}; got y_true of shape {y_true.shape}. Of one-hot rows take argmax"
        )
    place = ops.expand_dims(ops.cast(y_true, "int32"), -1)
    p = ops.squeeze(ops.take_along_axis(y_pred, place, axis=-1), -1)
    p = ops.clip(p, epsilon(), 1.0 - epsilon())
    return ops.divide(ops.subtract(1.0, ops.power(p, q)), q)


def ctc(y_true, y_pred):
    """The connectionist temporal classification loss of label sequences and logits (Graves et al., 2006).

    `y_true`: class numbers `[batch, labels]`, 0 is padding and the blank. `y_pred`: logits `[batch, steps, classes]`.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3 or y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(
            "[ctc] expected y_true [batch, labels] and y_pred [batch, steps, classes]; got shapes "
            f"{y_true.shape} and {y_pred.shape}"
        )
    y_true = ops.cast(y_true, "int32")
    lengths = ops.sum(ops.cast(ops.not_equal(y_true, 0), "int32"), axis=-1)
    steps = ops.full((y_pred.shape[0],), y_pred.shape[1], "int32")
    return ops.ctc_loss(y_true, y_pred, lengths, steps, mask_index=0)


def _distributions(name, y_true, y_pred):
    """One-hot rows (or distributions) and predictions; class numbers are told apart."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    numbers = len(y_true.shape) < len(y_pred.shape) or (y_true.shape and y_true.shape[-1] == 1 != y_pred.shape[-1])
    if numbers:
        raise ValueError(
            f"[{name}] y_true has one number per sample (shape {y_true.shape}) and y_pred "
            f"{y_pred.shape[-1]} classes: use sparse_categorical_crossentropy for class numbers, or one-hot rows"
        )
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"[{name}] y_true and y_pred must have one shape; got y_true of shape {y_true.shape} and y_pred of shape "
            f"{y_pred.shape}"
        )
    return y_true, y_pred


def _mean(x, axis=-1):
    return ops.mean(x, axis=axis) if x.shape else x


def _check_axis(name, axis):
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"[{name}] axis must be an integer, got {axis!r}")
