"""Metrics that are the mean of a function of targets and predictions."""

from ckeras import ops
from ckeras.losses import functions as losses
from ckeras.losses.loss import same_rank
from ckeras.metrics import functions
from ckeras.metrics.metric import Mean, MeanMetricWrapper


class _Wrapped(MeanMetricWrapper):
    """A `MeanMetricWrapper` whose function is the class's: it is no part of the config."""

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _plain(class_name, fn, name, doc):
    """A metric class without options."""

    def __init__(self, name=name, dtype=None):
        _Wrapped.__init__(self, fn, name=name, dtype=dtype)

    __init__.__qualname__ = f"{class_name}.__init__"
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__, "__qualname__": class_name}
    return type(class_name, (_Wrapped,), body)


Accuracy = _plain("Accuracy", functions.accuracy, "accuracy", "How often predictions equal labels.")
CategoricalAccuracy = _plain(
    "CategoricalAccuracy",
    functions.categorical_accuracy,
    "categorical_accuracy",
    "How often predictions match one-hot labels.",
)
SparseCategoricalAccuracy = _plain(
    "SparseCategoricalAccuracy",
    functions.sparse_categorical_accuracy,
    "sparse_categorical_accuracy",
    "How often predictions match class numbers.",
)
MeanSquaredError = _plain(
    "MeanSquaredError", losses.mean_squared_error, "mean_squared_error", "The mean squared error."
)
MeanAbsoluteError = _plain(
    "MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error", "The mean absolute error."
)
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    losses.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
    "The mean absolute error as a percentage of the target.",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    losses.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
    "The mean squared difference of `log(1 + value)`.",
)
Hinge = _plain("Hinge", losses.hinge, "hinge", "`mean(max(1 - y_true * y_pred, 0))`, labels -1 and 1.")
SquaredHinge = _plain(
    "SquaredHinge", losses.squared_hinge, "squared_hinge", "`mean(max(1 - y_true * y_pred, 0)^2)`, labels -1 and 1."
)
CategoricalHinge = _plain(
    "CategoricalHinge", losses.categorical_hinge, "categorical_hinge", "`max(neg - pos + 1, 0)` per sample."
)
KLDivergence = _plain(
    "KLDivergence", losses.kl_divergence, "kl_divergence", "The Kullback-Leibler divergence of targets and predictions."
)
Poisson = _plain("Poisson", losses.poisson, "poisson", "The mean of `y_pred - y_true * log(y_pred)`.")
LogCoshError = _plain("LogCoshError", losses.log_cosh, "logcosh", "The mean of `log(cosh(error))`.")


class BinaryAccuracy(_Wrapped):
    """How often predictions above `threshold` match labels 0 and 1."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"[BinaryAccuracy] threshold must be between 0 and 1, got {threshold!r}")
        super().__init__(functions.binary_accuracy, name=name, dtype=dtype, threshold=threshold)


class BinaryCrossentropy(_Wrapped):
    """The mean cross-entropy of yes-or-no targets."""

    def __init__(self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name=name, dtype=dtype, **options)


class CategoricalCrossentropy(_Wrapped):
    """The mean cross-entropy of target distributions."""

    def __init__(self, name="categorical_crossentropy", dtype=None, from_logits=False, label_smoothing=0, axis=-1):
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(losses.categorical_crossentropy, name=name, dtype=dtype, **options)


class SparseCategoricalCrossentropy(_Wrapped):
    """The mean cross-entropy of class numbers."""

    def __init__(
        self, name="sparse_categorical_crossentropy", dtype=None, from_logits=False, ignore_class=None, axis=-1
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name=name, dtype=dtype, **options)


class TopKCategoricalAccuracy(_Wrapped):
    """How often the class of the one-hot row is among the `k` largest entries of the prediction."""

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        _check_k("TopKCategoricalAccuracy", k)
        super().__init__(functions.top_k_categorical_accuracy, name=name, dtype=dtype, k=k)


class SparseTopKCategoricalAccuracy(_Wrapped):
    """How often the class number is among the `k` largest entries of the prediction, or, with `from_sorted_ids`,
    among the first k of the class numbers predicted."""

    def __init__(self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False):
        _check_k("SparseTopKCategoricalAccuracy", k)
        options = {"k": k, "from_sorted_ids": from_sorted_ids}
        super().__init__(functions.sparse_top_k_categorical_accuracy, name=name, dtype=dtype, **options)


def _check_k(where, k):
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ValueError(f"[{where}] k must be a positive integer, got {k!r}")


class _AlongAxis(_Wrapped):
    """A `_Wrapped` function with an axis."""

    _function = None

    def __init__(self, name=None, dtype=None, axis=-1):
        super().__init__(type(self)._function, name=name, dtype=dtype, axis=axis)


class CosineSimilarity(_AlongAxis):
    """The mean cosine of the angle between targets and predictions along `axis`."""

    _function = staticmethod(functions.cosine_similarity)

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(name, dtype, axis)


class PearsonCorrelation(_AlongAxis):
    """The mean Pearson correlation of targets and predictions along `axis`."""

    _function = staticmethod(functions.pearson_correlation)

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(name, dtype, axis)


class ConcordanceCorrelation(_AlongAxis):
    """The mean concordance correlation of targets and predictions along `axis`."""

    _function = staticmethod(functions.concordance_correlation)

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(name, dtype, axis)


class RootMeanSquaredError(Mean):
    """The root of the mean squared error.

    >>> float(ckeras.metrics.RootMeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]))
    0.5
    """

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; `sample_weight` weighs its samples."""
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), self.dtype)
        y_true, y_pred = same_rank(ops.cast(ops.convert_to_tensor(y_true), self.dtype), y_pred)
        super().update_state(ops.square(ops.subtract(y_pred, y_true)), sample_weight=sample_weight)

    def result(self):
        return ops.sqrt(super().result())
