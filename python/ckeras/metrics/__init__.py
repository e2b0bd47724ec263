"""Metrics as classes and as functions, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.losses import ALIASES as _LOSS_ALIASES
from ckeras.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ckeras.metrics.functions import binary_accuracy, categorical_accuracy, sparse_categorical_accuracy
from ckeras.metrics.metric import Mean, MeanMetricWrapper, Metric, Sum
from ckeras.metrics.metrics import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
)

# A name that is a class's is the class; the remaining functions serve under their own names.
_catalog = Catalog(
    "metric",
    "metrics",
    Metric,
    functions=(categorical_hinge, hinge, huber, kl_divergence, log_cosh, poisson, squared_hinge),
    classes=(
        Accuracy,
        BinaryAccuracy,
        BinaryCrossentropy,
        CategoricalAccuracy,
        CategoricalCrossentropy,
        Mean,
        MeanAbsoluteError,
        MeanAbsolutePercentageError,
        MeanMetricWrapper,
        MeanSquaredError,
        MeanSquaredLogarithmicError,
        SparseCategoricalAccuracy,
        SparseCategoricalCrossentropy,
        Sum,
    ),
    aliases=_LOSS_ALIASES,
)


def get(identifier):
    """A metric of `None`, a name, a config, a class or a callable. Unknown names raise `ValueError`."""
    return _catalog.get(identifier)


def serialize(metric):
    """The config that `deserialize` makes an equal metric of."""
    return _catalog.serialize(metric)


def deserialize(config, custom_objects=None):
    """A metric of its config or name."""
    return _catalog.deserialize(config, custom_objects)
