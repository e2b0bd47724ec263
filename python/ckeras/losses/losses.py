"""Losses as classes: each wraps a function of `functions.py` with its options."""

from ckeras._core import nest
from ckeras.losses import functions, overlap
from ckeras.losses.loss import Loss, same_rank
from ckeras.saving import registry


class LossFunctionWrapper(Loss):
    """A loss of a function `fn(y_true, y_pred, **options)` that gives one value per sample."""

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        if not nest.is_nested(y_true) and not nest.is_nested(y_pred):  # targets [batch] of outputs [batch, 1]
            y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self):
        config = {**super().get_config(), **self._fn_kwargs}
        if type(self) is LossFunctionWrapper:
            config["fn"] = registry.serialize_keras_object(self.fn)
        return config

    def __repr__(self):
        return f"<{type(self).__name__}({self.fn.__name__}, options={self._fn_kwargs})>"


def _plain(class_name, fn, name, doc):
    """A loss class without options."""

    def __init__(self, reduction="sum_over_batch_size", name=name, dtype=None):
        LossFunctionWrapper.__init__(self, fn, reduction=reduction, name=name, dtype=dtype)

    __init__.__qualname__ = f"{class_name}.__init__"
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__, "__qualname__": class_name}
    return type(class_name, (LossFunctionWrapper,), body)


MeanSquaredError = _plain(
    "MeanSquaredError", functions.mean_squared_error, "mean_squared_error", "The mean of squared errors."
)
MeanAbsoluteError = _plain(
    "MeanAbsoluteError", functions.mean_absolute_error, "mean_absolute_error", "The mean of absolute errors."
)
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    functions.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
    "The mean of absolute errors as a percentage of the target.",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    functions.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
    "The mean of squared differences of `log(1 + value)`.",
)
LogCosh = _plain("LogCosh", functions.log_cosh, "log_cosh", "The mean of `log(cosh(error))`.")
Poisson = _plain("Poisson", functions.poisson, "poisson", "`mean(y_pred - y_true * log(y_pred))`.")
KLDivergence = _plain(
    "KLDivergence",
    functions.kl_divergence,
    "kl_divergence",
    "The Kullback-Leibler divergence of `y_true` from `y_pred`.",
)
Hinge = _plain("Hinge", functions.hinge, "hinge", "`mean(max(1 - y_true * y_pred, 0))`, labels -1 and 1.")
SquaredHinge = _plain(
    "SquaredHinge", functions.squared_hinge, "squared_hinge", "`mean(max(1 - y_true * y_pred, 0)^2)`, labels -1 and 1."
)
CategoricalHinge = _plain(
    "CategoricalHinge", functions.categorical_hinge, "categorical_hinge", "`max(neg - pos + 1, 0)` per sample."
)


class Huber(LossFunctionWrapper):
    """Quadratic for errors up to `delta`, linear beyond."""

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(functions.huber, reduction=reduction, name=name, dtype=dtype, delta=delta)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine similarity along `axis`."""

    def __init__(self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None):
        super().__init__(functions.cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)


class BinaryCrossentropy(LossFunctionWrapper):
    """The cross-entropy of yes-or-no targets.

    `from_logits`: predictions are logits, which is exact and faster; otherwise probabilities, clipped away from 0
    and 1.

    >>> float(ckeras.losses.BinaryCrossentropy(from_logits=True)([[1.0]], [[0.0]]))
    0.6931471824645996
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        _check_smoothing("BinaryCrossentropy", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(functions.binary_crossentropy, reduction=reduction, name=name, dtype=dtype, **options)


class CategoricalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of target distributions (one-hot rows) and predicted probabilities, or logits."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        _check_smoothing("CategoricalCrossentropy", label_smoothing)
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(functions.categorical_crossentropy, reduction=reduction, name=name, dtype=dtype, **options)


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of class numbers and predicted probabilities, or logits. `ignore_class` counts nothing."""

    integer_targets = True

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(
            functions.sparse_categorical_crossentropy, reduction=reduction, name=name, dtype=dtype, **options
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of yes-or-no targets, less for samples that are predicted well already.

    `gamma`: how much less. `apply_class_balancing` weighs positives by `alpha`, negatives by `1 - alpha`.
    """

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        _check_smoothing("BinaryFocalCrossentropy", label_smoothing)
        options = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
        }
        super().__init__(functions.binary_focal_crossentropy, reduction=reduction, name=name, dtype=dtype, **options)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """The cross-entropy of one-hot targets, less for samples that are predicted well already.

    `gamma`: how much less; `alpha`: a weight, or one per class.
    """

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        _check_smoothing("CategoricalFocalCrossentropy", label_smoothing)
        options = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
            "alpha": alpha,
            "gamma": gamma,
        }
        fn = functions.categorical_focal_crossentropy
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype, **options)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """`(1 - p^q) / q` of the true class's probability p, robust to wrong labels; `q` in (0, 1)."""

    integer_targets = True

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"[CategoricalGeneralizedCrossEntropy] q must be in (0, 1), got {q!r}")
        fn = functions.categorical_generalized_cross_entropy
        super().__init__(fn, reduction=reduction, name=name, dtype=dtype, q=q)


class CTC(LossFunctionWrapper):
    """The connectionist temporal classification loss of label sequences and logits; see `ckeras.losses.ctc`."""

    integer_targets = True

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(functions.ctc, reduction=reduction, name=name, dtype=dtype)


class Dice(LossFunctionWrapper):
    """One minus twice the overlap over the sum of both masses, over `axis` or over everything."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(overlap.dice, reduction=reduction, name=name, dtype=dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """One minus the overlap over itself and what is missed (times `alpha`) and false (times `beta`)."""

    def __init__(self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name="tversky", axis=None, dtype=None):
        options = {"alpha": alpha, "beta": beta, "axis": axis}
        super().__init__(overlap.tversky, reduction=reduction, name=name, dtype=dtype, **options)


class Circle(LossFunctionWrapper):
    """The circle loss of a batch of embeddings of length 1 and their class numbers; see `ckeras.losses.circle`."""

    integer_targets = True

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        options = {"gamma": gamma, "margin": margin, "remove_diagonal": remove_diagonal}
        super().__init__(overlap.circle, reduction=reduction, name=name, dtype=dtype, **options)


def _check_smoothing(where, value):
    if not 0 <= value <= 1:
        raise ValueError(f"[{where}] label_smoothing must be in [0, 1], got {value!r}")
