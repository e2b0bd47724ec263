"""Metrics as classes and as functions, and `get`, `serialize`, `deserialize` for them."""

from ckeras import _lazy
from ckeras._catalog import Catalog
from ckeras.losses import ALIASES as _LOSS_ALIASES
from ckeras.losses import huber, log_cosh
from ckeras.metrics.metric import Metric

_MODULES = {
    "ckeras.losses.functions": (
        "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy "
        "categorical_hinge hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_error mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge"
    ),
    "ckeras.metrics.auc": "AUC",
    "ckeras.metrics.confusion_metrics": (
        "FalseNegatives FalsePositives Precision PrecisionAtRecall Recall RecallAtPrecision "
        "SensitivityAtSpecificity SpecificityAtSensitivity TrueNegatives TruePositives"
    ),
    "ckeras.metrics.f_score": "F1Score FBetaScore",
    "ckeras.metrics.functions": (
        "binary_accuracy categorical_accuracy concordance_correlation pearson_correlation "
        "sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy"
    ),
    "ckeras.metrics.iou": "BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU",
    "ckeras.metrics.metric": "Mean MeanMetricWrapper Sum",
    "ckeras.metrics.metrics": (
        "Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy CategoricalHinge "
        "ConcordanceCorrelation CosineSimilarity Hinge KLDivergence LogCoshError MeanAbsoluteError "
        "MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError PearsonCorrelation Poisson "
        "RootMeanSquaredError SparseCategoricalAccuracy SparseCategoricalCrossentropy "
        "SparseTopKCategoricalAccuracy SquaredHinge TopKCategoricalAccuracy"
    ),
    "ckeras.metrics.r2_score": "R2Score",
}
_names = _lazy.Names(globals(), _MODULES, also="Metric deserialize get serialize")
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all

# A name that is a class's, in any spelling, is the class; functions without one serve under their own names.
_catalog = Catalog("metric", "metrics", Metric, functions=(huber, log_cosh), aliases=_LOSS_ALIASES, lazy=_names)


def get(identifier):
    """A metric of `None`, a name, a config, a class or a callable. Unknown names raise `ValueError`."""
    return _catalog.get(identifier)


def serialize(metric):
    """The config that `deserialize` makes an equal metric of."""
    return _catalog.serialize(metric)


def deserialize(config, custom_objects=None):
    """A metric of its config or name."""
    return _catalog.deserialize(config, custom_objects)
