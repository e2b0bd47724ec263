"""What callbacks that watch a metric share: which way is better, and what to say when the metric is missing."""

import warnings

from ckeras.callbacks.callback import Callback

# Words in names of logs that no metric of `compile` stands for.
_WORDS = ("acc", "accuracy", "auc", "precision", "recall", "fmeasure", "iou", "f1", "score", "r2")

_UP = (
    *("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "TopKCategoricalAccuracy"),
    *("SparseTopKCategoricalAccuracy", "Precision", "Recall", "PrecisionAtRecall", "RecallAtPrecision", "AUC"),
    *("SensitivityAtSpecificity", "SpecificityAtSensitivity", "FBetaScore", "IoU", "R2Score", "CosineSimilarity"),
    *("PearsonCorrelation", "ConcordanceCorrelation"),
)
_DOWN = (
    *("Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson", "LogCoshError", "BinaryCrossentropy"),
    *("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "MeanSquaredError", "RootMeanSquaredError"),
    *("MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"),
)


def _compiled(model):
    """`(metric, name in logs)` of the metrics that the model was compiled with."""
    rows = getattr(getattr(getattr(model, "_trainer", None), "compile_metrics", None), "rows", None)
    return [(row[2], row[3]) for row in rows or ()]


def _direction(metric):
    """ "up", "down", or `None` for a metric of which nobody says what is better."""
    if hasattr(metric, "_direction"):
        return metric._direction
    kinds = {kind.__name__ for kind in type(metric).__mro__}
    if kinds.intersection(_UP):
        return "up"
    of_a_loss = getattr(getattr(metric, "_fn", None), "__module__", "").startswith("ckeras.losses")
    return "down" if of_a_loss or kinds.intersection(_DOWN) else None


class MonitorCallback(Callback):
    """Base of callbacks that compare `monitor` with its best value so far.

    `mode`: "min", "max", or "auto", which knows of losses and of the metrics of `compile` which way they go. A change
    smaller than `min_delta` is no improvement. Raises `ValueError` for another mode, and in `fit` for "auto" where the
    way is not known.
    """

    def __init__(self, monitor="val_loss", mode="auto", best=None, min_delta=0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"[{type(self).__name__}] mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.best = best
        self.min_delta = abs(min_delta)

    @property
    def _upwards(self):
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        for metric, label in _compiled(self.model):
            found = _direction(metric) if name in (label, metric.name) else None
            if found is not None:
                return found == "up"
        if name.endswith("accuracy") or any(
            name == word or name.endswith("_" + word) or name.startswith(word + "_") for word in _WORDS
        ):
            return True
        raise ValueError(
            f"[{type(self).__name__}] whether {self.monitor!r} should rise or fall is not known: pass mode='max' or "
            "mode='min'"
        )

    def _improves(self, value, reference):
        """Whether `value` is better than `reference` by more than `min_delta`."""
        if reference is None:
            return True
        if self._upwards:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _monitored(self, logs):
        """The monitored value, or `None` with a warning that names what there is."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"[{type(self).__name__}] the metric {self.monitor!r} is not there; there are: "
                f"{', '.join(sorted(logs or {})) or 'none'}",
                stacklevel=3,
            )
        return value
