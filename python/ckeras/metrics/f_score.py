"""FBetaScore and F1Score: the weighted harmonic mean of precision and recall."""

from ckeras import ops
from ckeras.losses.loss import divide_no_nan
from ckeras.metrics.confusion import aligned, fitting_weights
from ckeras.metrics.metric import Metric

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """`(1 + beta^2) * precision * recall / (beta^2 * precision + recall)` per class, of `[batch, classes]`.

    `average`: `None` (one number per class), "micro" (of all counts together), "macro" (the mean), "weighted" (the
    mean weighted by the classes' positives). `threshold`: predictions above it are positive; `None` takes each row's
    largest. Raises `ValueError` for other arguments and for inputs that are not of rank 2.

    >>> m = ckeras.metrics.FBetaScore(beta=2.0, threshold=0.5)
    >>> m([[1, 1], [1, 0]], [[0.6, 0.4], [0.7, 0.2]]).numpy()
    array([1., 0.], dtype=float32)
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        where = type(self).__name__
        if average not in _AVERAGES:
            raise ValueError(f"[{where}] average must be one of {_AVERAGES}, got {average!r}")
        if not isinstance(beta, float) or not beta > 0:
            raise ValueError(f"[{where}] beta must be a positive float, got {beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(f"[{where}] threshold must be None or a float in (0, 1], got {threshold!r}")
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, classes):
        shape = () if self.average == "micro" else (classes,)
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, "zeros", name=name))
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its samples."""
        where = type(self).__name__
        y_true, y_pred = aligned(where, y_true, y_pred, self.dtype)
        if len(y_pred.shape) != 2:
            raise ValueError(f"[{where}] expects inputs [batch, classes], got shape {y_pred.shape}")
        if not self._built:
            self._build(y_pred.shape[1])
        if self.threshold is None:
            top = ops.max(y_pred, axis=-1, keepdims=True)
            chosen = ops.logical_and(ops.equal(y_pred, top), ops.greater(ops.absolute(y_pred), 1e-9))
        else:
            chosen = ops.greater(y_pred, self.threshold)
        chosen = ops.cast(chosen, self.dtype)
        weight = fitting_weights(where, sample_weight, y_pred.shape, self.dtype)
        axis = None if self.average == "micro" else 0

        def total(x):
            return ops.sum(x if weight is None else ops.multiply(x, weight), axis=axis)

        missed, false = ops.subtract(1.0, chosen), ops.subtract(1.0, y_true)
        self.true_positives.assign_add(total(ops.multiply(chosen, y_true)))
        self.false_positives.assign_add(total(ops.multiply(chosen, false)))
        self.false_negatives.assign_add(total(ops.multiply(missed, y_true)))
        self.intermediate_weights.assign_add(total(y_true))

    def result(self):
        if not self._built:
            return ops.zeros((), self.dtype)
        tp = self.true_positives.value
        precision = divide_no_nan(tp, ops.add(tp, self.false_positives))
        recall = divide_no_nan(tp, ops.add(tp, self.false_negatives))
        square = self.beta**2
        below = ops.add(ops.multiply(precision, square), recall)
        score = divide_no_nan(ops.multiply(ops.multiply(precision, recall), 1 + square), below)
        if self.average == "weighted":
            weights = divide_no_nan(self.intermediate_weights, ops.sum(self.intermediate_weights))
            return ops.sum(ops.multiply(weights, score))
        return score if self.average is None else ops.mean(score)

    def get_config(self):
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """`2 * precision * recall / (precision + recall)`: `FBetaScore` with `beta=1`."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self):
        config = super().get_config()
        del config["beta"]
        return config
