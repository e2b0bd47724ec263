"""Metrics of counts at thresholds: the counts themselves, precision, recall, and one at a given value of another."""

from ckeras import ops
from ckeras.losses.loss import divide_no_nan
from ckeras.metrics import confusion as counts
from ckeras.metrics.metric import Metric

_KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class _Counts(Metric):
    """Sums `kinds`, some of the four counts, at `_limits`, in variables of their names."""

    kinds = _KINDS

    def _make(self, limits, columns=None):
        self._limits = limits
        shape = (len(limits),) if columns is None else (len(limits), columns)
        for kind in self.kinds:
            setattr(self, kind, self.add_variable(shape, "zeros", name=kind))

    def _count(self, y_true, y_pred, sample_weight, **options):
        where = type(self).__name__
        found = counts.confusion(where, y_true, y_pred, self._limits, sample_weight, dtype=self.dtype, **options)
        for kind, value in zip(_KINDS, found):
            if kind in self.kinds:
                getattr(self, kind).assign_add(value)


def _scalar_if_one(x):
    return x[0] if x.shape[0] == 1 else ops.convert_to_tensor(x)


class _OneCount(Metric):
    """One of the counts, at one threshold or several (then one number each)."""

    _place = None  # in what `confusion` gives

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = counts.check_thresholds(type(self).__name__, thresholds, 0.5)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its samples."""
        where = type(self).__name__
        found = counts.confusion(where, y_true, y_pred, self.thresholds, sample_weight, dtype=self.dtype)
        self.accumulator.assign_add(found[self._place])

    def result(self):
        return _scalar_if_one(self.accumulator.value)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_OneCount):
    """How many positives are predicted as such: above the threshold, 0.5 by default.

    >>> m = ckeras.metrics.TruePositives()
    >>> float(m([0, 1, 1, 1], [1, 0, 1, 1]))
    2.0
    """

    _place = 0


class FalsePositives(_OneCount):
    """How many negatives are predicted as positives."""

    _place = 1


class TrueNegatives(_OneCount):
    """How many negatives are predicted as such."""

    _place = 2


class FalseNegatives(_OneCount):
    """How many positives are predicted as negatives."""

    _place = 3


class _Share(_Counts):
    """True positives divided by all that the two counts hold."""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        where = type(self).__name__
        for label, value, least in (("top_k", top_k, 1), ("class_id", class_id, 0)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError(f"[{where}] {label} must be an integer of at least {least}, got {value!r}")
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = counts.check_thresholds(where, thresholds, 0.5 if top_k is None else counts.BELOW_ALL)
        self._make(self.thresholds)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its samples."""
        self._count(y_true, y_pred, sample_weight, class_id=self.class_id, top_k=self.top_k)

    def result(self):
        right, other = (getattr(self, kind).value for kind in self.kinds)
        return _scalar_if_one(divide_no_nan(right, ops.add(right, other)))

    def get_config(self):
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Share):
    """The share of positive predictions that are right: `tp / (tp + fp)`, 0 where there are none.

    `thresholds`: a number or a list (then one result each), 0.5 by default. `top_k`: only the k largest entries of
    the last axis count as positive. `class_id`: only that entry is looked at.
    Raises `ValueError` for thresholds outside [0, 1].

    >>> m = ckeras.metrics.Precision()
    >>> float(m([0, 1, 1, 1], [1, 0, 1, 1]))
    0.6666666865348816
    """

    kinds = ("true_positives", "false_positives")


class Recall(_Share):
    """The share of positives that are found: `tp / (tp + fn)`, 0 where there are none. Arguments as `Precision`."""

    kinds = ("true_positives", "false_negatives")


class _BestUnder(_Counts):
    """The largest of one share over the thresholds at which another reaches a given value."""

    _value = None  # the argument's name

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        where = type(self).__name__
        if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or not 0 <= value <= 1:
            raise ValueError(f"[{where}] {self._value} must be in [0, 1], got {value!r}")
        if isinstance(num_thresholds, bool) or not isinstance(num_thresholds, int) or num_thresholds < 1:
            raise ValueError(f"[{where}] num_thresholds must be a positive integer, got {num_thresholds!r}")
        setattr(self, self._value, value)
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = [0.5] if num_thresholds == 1 else counts.spread(num_thresholds, 0.0)
        self._make(self.thresholds)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its samples."""
        self._count(y_true, y_pred, sample_weight, class_id=self.class_id)

    def result(self):
        tp, fp, tn, fn = (getattr(self, kind).value for kind in _KINDS)
        held, wanted = self._shares(tp, fp, tn, fn)
        fits = ops.greater_equal(held, float(getattr(self, self._value)))
        return ops.max(ops.where(fits, wanted, 0.0))

    def get_config(self):
        own = {self._value: getattr(self, self._value), "num_thresholds": self.num_thresholds}
        return {**super().get_config(), **own, "class_id": self.class_id}


def _of(part, rest):
    return divide_no_nan(part, ops.add(part, rest))


class SensitivityAtSpecificity(_BestUnder):
    """The best sensitivity `tp / (tp + fn)` at a specificity `tn / (tn + fp)` of at least `specificity`.

    The thresholds are `num_thresholds` even steps over [0, 1]. Raises `ValueError` for a value outside [0, 1].
    """

    _value = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)

    def _shares(self, tp, fp, tn, fn):
        return _of(tn, fp), _of(tp, fn)


class SpecificityAtSensitivity(_BestUnder):
    """The best specificity at a sensitivity of at least `sensitivity`; as `SensitivityAtSpecificity`."""

    _value = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)

    def _shares(self, tp, fp, tn, fn):
        return _of(tp, fn), _of(tn, fp)


class PrecisionAtRecall(_BestUnder):
    """The best precision `tp / (tp + fp)` at a recall of at least `recall`; as `SensitivityAtSpecificity`."""

    _value = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)

    def _shares(self, tp, fp, tn, fn):
        return _of(tp, fn), _of(tp, fp)


class RecallAtPrecision(_BestUnder):
    """The best recall at a precision of at least `precision`; as `SensitivityAtSpecificity`."""

    _value = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)

    def _shares(self, tp, fp, tn, fn):
        return _of(tp, fp), _of(tp, fn)
