"""Loss: the base class, reductions and sample weights."""

from ckeras import ops
from ckeras._core import dtypes, nest
from ckeras._core.symbolic import snake_case
from ckeras._masks import get_mask
from ckeras.dtype_policies import get as get_policy

REDUCTIONS = ("sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight")


class Loss:
    """Base of losses: `loss(y_true, y_pred, sample_weight=None)` calls `call` and reduces its per-sample values.

    `reduction`: `"sum_over_batch_size"` or `"mean"` (the mean), `"sum"`, `"mean_with_sample_weight"` (divided by
    the sum of the weights), `None` or `"none"` (the values themselves). A mask that `y_pred` carries drops the masked
    entries.
    Raises `ValueError` for an unknown reduction.

    >>> class Absolute(ckeras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ckeras.ops.absolute(y_true - y_pred)
    >>> float(Absolute()([1.0, 2.0], [0.0, 0.0]))
    1.5
    """

    integer_targets = False  # targets that are integers stay integers: they are class numbers

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or snake_case(type(self).__name__)
        self.reduction = standardize_reduction(reduction, self.name)
        self._dtype_policy = get_policy(dtype or dtypes.floatx())
        self._dtype = self._dtype_policy.compute_dtype

    @property
    def dtype(self):
        return self._dtype

    def __call__(self, y_true, y_pred, sample_weight=None):
        in_mask = None if nest.is_nested(y_pred) else get_mask(y_pred)
        dtype = self._dtype
        if nest.is_nested(y_pred):
            y_pred = nest.map_leaves(lambda x: ops.convert_to_tensor(x, dtype), y_pred)
        else:
            y_pred = ops.convert_to_tensor(y_pred, dtype)
        if nest.is_nested(y_true) and nest.is_nested(y_pred):
            y_true = nest.map_leaves(self._target, y_true)
        else:
            y_true = self._target(y_true)
        losses = self.call(y_true, y_pred)
        out_mask = get_mask(losses)
        if in_mask is not None and out_mask is not None:
            in_mask = ops.logical_and(in_mask, out_mask)
        return reduce_weighted(losses, sample_weight, out_mask if in_mask is None else in_mask, self.reduction, dtype)

    def _target(self, y):
        y = ops.convert_to_tensor(y)
        if y.dtype == self._dtype or (self.integer_targets and dtypes.is_integer(y.dtype)):
            return y
        return ops.cast(y, self._dtype)

    def call(self, y_true, y_pred):
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred)")

    def get_config(self):
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def standardize_reduction(reduction, where="Loss"):
    if reduction not in REDUCTIONS:
        raise ValueError(f"[{where}] reduction must be one of {REDUCTIONS}, got {reduction!r}")
    return reduction


def same_rank(x1, x2, expand_rank_1=True):
    """Brings ranks that differ by one last dimension of size 1 together, by dropping it or (for vectors) adding it."""
    r1, r2 = len(x1.shape), len(x2.shape)
    if r1 == r2 + 1 and x1.shape[-1] == 1:
        if r2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if r2 == r1 + 1 and x2.shape[-1] == 1:
        if r1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def divide_no_nan(a, b):
    """`a / b`, and 0 where `b` is 0."""
    none = ops.equal(b, 0)
    return ops.where(none, 0.0, ops.divide(a, ops.where(none, 1.0, b)))


def apply_mask(sample_weight, mask, dtype, reduction):
    """Sample weights with a mask put into them; a mean counts the entries that are left."""
    if mask is None:
        return sample_weight
    weight = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        kept = ops.sum(weight)
        weight = ops.multiply(weight, divide_no_nan(ops.cast(float(mask.size), dtype), kept))
    if sample_weight is None:
        return weight
    weight, sample_weight = same_rank(weight, ops.cast(sample_weight, dtype))
    return ops.multiply(sample_weight, weight)


def reduce_weighted(values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None):
    """Per-sample loss values times their weights, reduced."""
    values = ops.convert_to_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, values.dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        values, sample_weight = same_rank(values, sample_weight)
        values = _weigh(values, sample_weight)
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    return ops.mean(values) if values.size else ops.zeros((), values.dtype)


def _weigh(values, sample_weight):
    try:
        return ops.multiply(values, sample_weight)
    except ValueError:
        raise ValueError(
            f"[loss] sample_weight of shape {sample_weight.shape} does not fit the loss values of "
            f"shape {values.shape}: "
            "one weight per sample, or per sample and step, is expected"
        ) from None
