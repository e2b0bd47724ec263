"""What callbacks that watch a metric share: which way is better, and what to say when the metric is missing."""

import warnings

from ckeras.callbacks.callback import Callback

_UP = ("acc", "accuracy", "auc", "precision", "recall", "fmeasure", "iou", "f1", "score", "r2")


class MonitorCallback(Callback):
    """Base of callbacks that compare `monitor` with its best value so far.

    `mode`: "min", "max", or "auto", which goes up for accuracies and the like and down for all else. A change smaller
    than `min_delta` is no improvement. Raises `ValueError` for another mode.
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
        return any(name == word or name.endswith("_" + word) or name.startswith(word + "_") for word in _UP) or (
            name.endswith("accuracy")
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
