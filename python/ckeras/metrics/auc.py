"""AUC: the area under the ROC, precision-recall or precision-recall-gain curve."""

import numpy as np

from ckeras import ops
from ckeras.losses.loss import divide_no_nan
from ckeras.metrics import confusion as counts
from ckeras.metrics.confusion_metrics import _KINDS, _Counts

_CURVES = ("ROC", "PR", "PRGAIN")
_HEIGHTS = {
    "interpolation": lambda a, b: ops.multiply(ops.add(a, b), 0.5),
    "minoring": ops.minimum,
    "majoring": ops.maximum,
}


class AUC(_Counts):
    """The area under a curve of a classifier of positives and negatives, summed over `num_thresholds` thresholds.

    `curve`: "ROC" (recall over the share of false alarms), "PR" (precision over recall; with "interpolation" between
    the points as Davis and Goadrich, 2006) or "PRGAIN" (Flach and Kull, 2015). `summation_method`: the height of a
    step, "interpolation" (the middle), "minoring" (the lower end) or "majoring" (the upper). `thresholds`: those
    inside [0, 1] instead of even ones. `multi_label`: the mean of one area per entry of the last axis, `num_labels`
    of them, weighted by `label_weights`; without it these weigh the predictions. `from_logits`: predictions are
    logits. Raises `ValueError` for unknown names and thresholds outside [0, 1].

    >>> m = ckeras.metrics.AUC(num_thresholds=3)
    >>> float(m([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _one_of("curve", curve, _CURVES)
        self.summation_method = _one_of("summation_method", summation_method, tuple(_HEIGHTS))
        if num_labels is not None and not multi_label:
            raise ValueError("[AUC] num_labels is for multi_label=True alone")
        self._init_thresholds = thresholds
        if thresholds is None:
            if isinstance(num_thresholds, bool) or not isinstance(num_thresholds, int) or num_thresholds < 2:
                raise ValueError(f"[AUC] num_thresholds must be an integer of at least 2, got {num_thresholds!r}")
            self._limits = counts.spread(num_thresholds)
        else:
            ends = counts.spread(2)
            self._limits = [ends[0], *sorted(counts.check_thresholds("AUC", thresholds)), ends[1]]
        self.num_thresholds = len(self._limits)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None if label_weights is None else np.asarray(label_weights, "float64")
        if self.label_weights is not None and (self.label_weights < 0).any():
            raise ValueError(f"[AUC] label_weights must not be negative, got {label_weights!r}")
        self._from_logits = from_logits
        self._built = False
        if not multi_label:
            self._build(None)
        elif num_labels is not None:
            self._build(num_labels)

    def _build(self, columns):
        if self.multi_label and self.label_weights is not None and self.label_weights.shape != (columns,):
            raise ValueError(
                f"[AUC] label_weights must hold one number per label: got {self.label_weights.shape[0]} for {columns}"
            )
        self._make(self._limits, columns)
        self._built = True

    @property
    def thresholds(self):
        """The thresholds, with one below 0 and one above 1 at the ends."""
        return list(self._limits)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its samples."""
        y_pred = ops.convert_to_tensor(y_pred)
        if self.multi_label:
            if len(y_pred.shape) != 2:
                raise ValueError(f"[AUC] multi_label=True expects predictions [batch, labels], got {y_pred.shape}")
            if not self._built:
                self._build(y_pred.shape[1])
            if y_pred.shape[1] != self.true_positives.shape[1]:
                raise ValueError(
                    f"[AUC] expected predictions of {self.true_positives.shape[1]} labels, got shape {y_pred.shape}"
                )
        if self._from_logits:
            y_pred = ops.sigmoid(ops.cast(y_pred, self.dtype))
        weights = None if self.multi_label else self.label_weights
        self._count(y_true, y_pred, sample_weight, label_weights=weights, multi_label=self.multi_label)

    def result(self):
        if not self._built:
            return ops.zeros((), self.dtype)
        tp, fp, tn, fn = (getattr(self, kind).value for kind in _KINDS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        recall = divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, ops.add(fp, tn)), recall
        elif self.curve == "PR":
            x, y = recall, divide_no_nan(tp, ops.add(tp, fp))
        else:
            odds = divide_no_nan(ops.add(tp, fn), ops.add(fp, tn))  # of a positive
            gain = ops.subtract(1.0, ops.multiply(odds, divide_no_nan(fn, tp)))
            x = ops.where(ops.greater(tp, 0.0), ops.maximum(gain, 0.0), 0.0)
            y = ops.subtract(1.0, ops.multiply(odds, divide_no_nan(fp, tp)))
        height = _HEIGHTS[self.summation_method](y[:-1], y[1:])
        return self._over_labels(ops.sum(ops.multiply(ops.subtract(x[:-1], x[1:]), height), axis=0))

    def interpolate_pr_auc(self):
        """The area under the precision-recall curve with true positives linear in positives between two points."""
        tp, fp, fn = self.true_positives.value, self.false_positives.value, self.false_negatives.value
        predicted = ops.add(tp, fp)
        upper, lower = predicted[:-1], predicted[1:]
        gained = ops.subtract(tp[:-1], tp[1:])
        slope = divide_no_nan(gained, ops.maximum(ops.subtract(upper, lower), 0.0))
        offset = ops.subtract(tp[1:], ops.multiply(slope, lower))
        both = ops.logical_and(ops.greater(upper, 0.0), ops.greater(lower, 0.0))
        ratio = ops.where(both, divide_no_nan(upper, ops.maximum(lower, 0.0)), 1.0)
        step = ops.multiply(slope, ops.add(gained, ops.multiply(offset, ops.log(ratio))))
        share = divide_no_nan(step, ops.maximum(ops.add(tp[1:], fn[1:]), 0.0))
        return self._over_labels(ops.sum(share, axis=0))

    def _over_labels(self, areas):
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.convert_to_tensor(self.label_weights, self.dtype)
        return divide_no_nan(ops.sum(ops.multiply(areas, weights)), ops.sum(weights))

    def get_config(self):
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }
        if self._init_thresholds is not None:
            config["thresholds"] = self._limits[1:-1]
        return config


def _one_of(name, value, known):
    for k in known:
        if isinstance(value, str) and value.lower() == k.lower():
            return k
    raise ValueError(f"[AUC] {name} must be one of {known}, got {value!r}")
