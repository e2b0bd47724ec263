"""Intersection over union of predicted and true classes, as image segmentation uses it."""

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.errors import DataError
from ckeras._core.settings import epsilon
from ckeras.metrics.confusion import fitting_weights
from ckeras.metrics.metric import Metric


class IoU(Metric):
    """The mean over `target_class_ids` of `tp / (tp + fp + fn)`, classes that never occur left out.

    `sparse_y_true`, `sparse_y_pred`: class numbers; `False` for scores along `axis`, of which the largest counts.
    `ignore_class`: entries of that true class count nothing. The confusion matrix is held in `dtype` where that is a
    float, else in the default float, so that fractions of a weight count.
    Raises `ValueError` for target classes out of range and for class numbers outside `[0, num_classes)`.

    >>> m = ckeras.metrics.IoU(num_classes=2, target_class_ids=[0])
    >>> float(m([0, 0, 1, 1], [0, 1, 0, 1]))
    0.3333333134651184
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        where = type(self).__name__
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(f"[{where}] num_classes must be a positive integer, got {num_classes!r}")
        target_class_ids = list(target_class_ids)
        for i in target_class_ids:
            if not 0 <= i < num_classes:
                raise ValueError(f"[{where}] target_class_ids must be in [0, {num_classes}), got {i!r}")
        self.num_classes = num_classes
        self.target_class_ids = target_class_ids
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        held = self.dtype if dtypes.is_float(self.dtype) else dtypes.floatx()
        self.total_confusion_matrix = self.add_variable(
            (num_classes, num_classes), "zeros", dtype=held, name="total_confusion_matrix"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its entries."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis)
        self._count(y_true, y_pred, sample_weight)

    def _count(self, y_true, y_pred, sample_weight):
        where, n, held = type(self).__name__, self.num_classes, self.total_confusion_matrix.dtype
        if y_true.size != y_pred.size:
            raise ValueError(
                f"[{where}] y_true and y_pred must have one class per entry each; got shapes {y_true.shape} and "
                f"{y_pred.shape}"
            )
        weight = fitting_weights(where, sample_weight, y_true.shape, held)
        weight = ops.ones((y_true.size,), held) if weight is None else ops.reshape(weight, (-1,))
        y_true, y_pred = (ops.reshape(ops.cast(y, "int32"), (-1,)) for y in (y_true, y_pred))
        if self.ignore_class is not None:
            kept = ops.not_equal(y_true, self.ignore_class)
            y_true, y_pred = ops.where(kept, y_true, 0), ops.where(kept, y_pred, 0)
            weight = ops.where(kept, weight, 0.0)
        inside = ops.logical_and(_within(y_true, n), _within(y_pred, n))
        places = ops.where(inside, ops.add(ops.multiply(y_true, n), y_pred), n * n)  # n * n is refused, whatever it is
        try:
            counted = ops.scatter(ops.expand_dims(places, -1), weight, (n * n,))
        except DataError:
            raise DataError(
                f"[{where}] a class in y_true or y_pred is out of range: num_classes={n} takes 0 to {n - 1}"
            ) from None
        self.total_confusion_matrix.assign_add(ops.reshape(counted, (n, n)))

    def result(self):
        matrix = self.total_confusion_matrix.value
        right = ops.diagonal(matrix)
        union = ops.subtract(ops.add(ops.sum(matrix, axis=0), ops.sum(matrix, axis=1)), right)
        right, union = (ops.take(t, self.target_class_ids, axis=0) for t in (right, union))
        occurs = ops.greater(union, 0.0)
        share = ops.where(occurs, ops.divide(right, ops.add(union, epsilon())), 0.0)
        some = ops.sum(ops.cast(occurs, share.dtype))
        return ops.divide(ops.sum(share), ops.maximum(some, 1.0))

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }

    def _config_without(self, *names):
        return {k: v for k, v in IoU.get_config(self).items() if k not in names}


def _within(x, n):
    return ops.logical_and(ops.greater_equal(x, 0), ops.less(x, n))


class BinaryIoU(IoU):
    """The `IoU` of two classes, of probabilities: class 1 at `threshold` and above. `threshold=None` takes
    predictions of 0 and 1."""

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch; `sample_weight` weighs its entries."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if self.threshold is not None:
            y_pred = ops.cast(ops.greater_equal(y_pred, self.threshold), "int32")
        self._count(y_true, y_pred, sample_weight)

    def get_config(self):
        hidden = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**self._config_without(*hidden), "threshold": self.threshold}


class MeanIoU(IoU):
    """The `IoU` of all classes."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        options = (name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        super().__init__(num_classes, range(num_classes), *options)

    def get_config(self):
        return self._config_without("target_class_ids")


class OneHotIoU(IoU):
    """The `IoU` of one-hot targets, and predictions that are scores unless `sparse_y_pred`."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("sparse_y_true")


class OneHotMeanIoU(MeanIoU):
    """The `MeanIoU` of one-hot targets, and predictions that are scores unless `sparse_y_pred`."""

    def __init__(self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self):
        return self._config_without("target_class_ids", "sparse_y_true")
