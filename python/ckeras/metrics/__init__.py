"""Metrics as classes and as functions, and `get`, `serialize`, `deserialize` for them."""

from ckeras._catalog import Catalog
from ckeras.losses import ALIASES as _LOSS_ALIASES
from ckeras.losses.functions import (
    binary_crossentropy as binary_crossentropy,
)
from ckeras.losses.functions import (
    categorical_crossentropy as categorical_crossentropy,
)
from ckeras.losses.functions import (
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    poisson,
    squared_hinge,
)
from ckeras.losses.functions import (
    mean_absolute_error as mean_absolute_error,
)
from ckeras.losses.functions import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from ckeras.losses.functions import (
    mean_squared_error as mean_squared_error,
)
from ckeras.losses.functions import (
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
)
from ckeras.losses.functions import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from ckeras.metrics.functions import (
    binary_accuracy as binary_accuracy,
)
from ckeras.metrics.functions import (
    categorical_accuracy as categorical_accuracy,
)
from ckeras.metrics.functions import (
    sparse_categorical_accuracy as sparse_categorical_accuracy,
)
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
