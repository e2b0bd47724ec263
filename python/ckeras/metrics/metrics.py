"""Metrics that are the mean of a function of targets and predictions."""

from ckeras.losses import functions as losses
from ckeras.metrics import functions
from ckeras.metrics.metric import MeanMetricWrapper


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
