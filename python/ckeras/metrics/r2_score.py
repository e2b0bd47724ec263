"""R2Score: the share of the targets' variance that predictions explain."""

import warnings

from ckeras import ops
from ckeras._core.scope import state as ambient
from ckeras.losses.loss import divide_no_nan
from ckeras.metrics.confusion import aligned, fitting_weights
from ckeras.metrics.metric import Metric

_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """`1 - sum((y_true - y_pred)^2) / sum((y_true - mean)^2)` per output of `[batch, outputs]`.

    `class_aggregation`: "uniform_average", "variance_weighted_average", or `None` for one number per output.
    `num_regressors` above 0 gives the adjusted score `1 - (1 - r2) * (n - 1) / (n - num_regressors - 1)`, n targets
    counted (samples times outputs). Raises `ValueError` for other arguments and for inputs that are not of rank 2.

    >>> m = ckeras.metrics.R2Score()
    >>> round(float(m([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 6)
    0.571429
    """

    def __init__(self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(f"[R2Score] class_aggregation must be one of {_AGGREGATIONS}, got {class_aggregation!r}")
        if isinstance(num_regressors, bool) or not isinstance(num_regressors, int) or num_regressors < 0:
            raise ValueError(f"[R2Score] num_regressors must be an integer of at least 0, got {num_regressors!r}")
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, outputs):
        self.squared_sum = self.add_variable((outputs,), "zeros", name="squared_sum")
        self.sum = self.add_variable((outputs,), "zeros", name="sum")
        self.total_mse = self.add_variable((outputs,), "zeros", name="residual")
        self.count = self.add_variable((outputs,), "zeros", name="count")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; `sample_weight` weighs its samples."""
        y_true, y_pred = aligned("R2Score", y_true, y_pred, self.dtype)
        if len(y_pred.shape) != 2:
            raise ValueError(f"[R2Score] expects inputs [batch, outputs], got shape {y_pred.shape}")
        if not self._built:
            self._build(y_pred.shape[1])
        weight = fitting_weights("R2Score", sample_weight, y_true.shape, self.dtype)
        weight = ops.ones(y_true.shape, self.dtype) if weight is None else weight
        weighted = ops.multiply(y_true, weight)
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(ops.multiply(y_true, weighted), axis=0))
        error = ops.square(ops.subtract(y_true, y_pred))
        self.total_mse.assign_add(ops.sum(ops.multiply(error, weight), axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(float(y_true.size))

    def result(self):
        if not self._built:
            return ops.zeros((), self.dtype)
        mean = divide_no_nan(self.sum, self.count)
        total = ops.subtract(self.squared_sum, ops.multiply(self.sum, mean))
        score = ops.subtract(1.0, ops.divide(self.total_mse, total))
        score = ops.where(ops.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = divide_no_nan(ops.sum(ops.multiply(score, total)), ops.sum(total))
        return self._adjusted(score) if self.num_regressors else score

    def _adjusted(self, score):
        free = ops.subtract(self.num_samples, self.num_regressors + 1.0)
        possible = ops.greater(free, 0.0)
        if ambient.trace is None and not bool(possible):
            warnings.warn(
                f"[R2Score] num_regressors={self.num_regressors} leaves no degree of freedom: the plain score is given",
                stacklevel=3,
            )
        scale = ops.divide(ops.subtract(self.num_samples, 1.0), ops.where(possible, free, 1.0))
        adjusted = ops.subtract(1.0, ops.multiply(ops.subtract(1.0, score), scale))
        return ops.where(possible, adjusted, score)

    def get_config(self):
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
