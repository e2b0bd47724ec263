"""Metric: the base class, and the means and sums that most metrics are."""

from ckeras import initializers, ops
from ckeras._core import dtypes, scope
from ckeras._core.symbolic import snake_case
from ckeras._core.variable import Variable
from ckeras._masks import get_mask
from ckeras._stateless import swapped
from ckeras.dtype_policies import get as get_policy
from ckeras.losses.loss import apply_mask, divide_no_nan, same_rank
from ckeras.saving import registry


class Metric:
    """Base of metrics: state in variables, `update_state(...)`, `result()`, `reset_state()`.

    Subclasses make their state with `add_weight` in `__init__`. Metrics held as attributes of a metric or layer are
    tracked with it. `metric(*args)` updates and returns the result.
    """

    def __init__(self, dtype=None, name=None):
        self.name = name or scope.auto_name(snake_case(type(self).__name__))
        self._dtype_policy = get_policy(dtype or dtypes.floatx())
        self._dtype = self._dtype_policy.compute_dtype

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        object.__setattr__(self, "_variables", [])
        object.__setattr__(self, "_metrics", [])
        return self

    def __setattr__(self, name, value):
        if isinstance(value, Variable):
            if not any(v is value for v in self._variables):
                self._variables.append(value)
        elif isinstance(value, Metric):
            self._metrics.append(value)
        object.__setattr__(self, name, value)

    @property
    def dtype(self):
        return self._dtype

    @property
    def variables(self):
        """The state, that of inner metrics included."""
        found = list(self._variables)
        for metric in self._metrics:
            found.extend(metric.variables)
        return found

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """Makes a variable of the metric's state."""
        with scope.name_scope(self.name):
            v = Variable(
                initializers.get(initializer),
                shape=tuple(shape),
                dtype=dtype or self._dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._variables.append(v)
        return v

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """As `add_variable`, a scalar of zeros by default."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype=dtype, name=name)

    def reset_state(self):
        """Sets the state to zeros."""
        for v in self.variables:
            v.assign(ops.zeros(v.shape, v.dtype))

    def update_state(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self):
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The state after `update_state(*args)` on the given state."""
        with swapped(self.variables, metric_variables, f"{self.name}.stateless_update_state"):
            self.update_state(*args, **kwargs)
            return [v.value for v in self.variables]

    def stateless_result(self, metric_variables):
        """The result of the given state."""
        with swapped(self.variables, metric_variables, f"{self.name}.stateless_result"):
            return self.result()

    def stateless_reset_state(self):
        """The state that `reset_state` would leave."""
        return [ops.zeros(v.shape, v.dtype) for v in self.variables]

    def get_config(self):
        return {"name": self.name, "dtype": self._dtype_policy.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _weights(values, sample_weight, dtype):
    """`(values, sample_weight)` with the values' mask put into the weights and their ranks brought together."""
    mask = get_mask(values)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype)
    sample_weight = apply_mask(sample_weight, mask, dtype, "sum")
    if sample_weight is None:
        return values, None
    return same_rank(values, sample_weight)


def _over_samples(values, sample_weight, reduce):
    """One value and one weight per sample: dims past the weights' are reduced, then all but the first."""
    if len(values.shape) > len(sample_weight.shape):
        values = reduce(values, axis=tuple(range(len(sample_weight.shape), len(values.shape))))
    sample_weight = ops.broadcast_to(sample_weight, values.shape)
    values = ops.multiply(values, sample_weight)
    if len(values.shape) > 1:
        axes = tuple(range(1, len(values.shape)))
        values, sample_weight = reduce(values, axis=axes), reduce(sample_weight, axis=axes)
    return values, sample_weight


class Mean(Metric):
    """The weighted mean of all values seen. Values of rank above 1 count as one value per sample, their mean.

    >>> m = ckeras.metrics.Mean()
    >>> m.update_state([1.0, 3.0, 5.0, 7.0], sample_weight=[1, 1, 0, 0])
    >>> float(m.result())
    2.0
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    def update_state(self, values, sample_weight=None):
        values = values if get_mask(values) is not None else ops.convert_to_tensor(values)
        unweighted, sample_weight = _weights(values, sample_weight, self._dtype)
        values = ops.cast(unweighted, self._dtype)
        if sample_weight is None:
            samples = values.shape[0] if values.shape else 1
            total = ops.sum(values)
            if values.size != samples and values.size:
                total = ops.multiply(total, samples / values.size)
            self.total.assign_add(total)
            self.count.assign_add(float(samples))
        else:
            values, sample_weight = _over_samples(values, sample_weight, ops.mean)
            self.total.assign_add(ops.sum(values))
            self.count.assign_add(ops.sum(sample_weight))

    def result(self):
        return divide_no_nan(self.total, self.count)


class Sum(Metric):
    """The weighted sum of all values seen."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(dtype=dtype, name=name)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")

    def update_state(self, values, sample_weight=None):
        values = values if get_mask(values) is not None else ops.convert_to_tensor(values)
        values, sample_weight = _weights(values, sample_weight, self._dtype)
        values = ops.cast(values, self._dtype)
        if sample_weight is not None:
            values, _ = _over_samples(values, sample_weight, ops.sum)
        self.total.assign_add(ops.sum(values))

    def result(self):
        return self.total.value


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)` that gives one value per sample."""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = get_mask(y_pred)
        values = ops.convert_to_tensor(self._fn(y_true, y_pred, **self._fn_kwargs))
        if mask is not None and sample_weight is None:
            sample_weight = ops.cast(mask, self._dtype)
        elif mask is not None:
            sample_weight = apply_mask(ops.convert_to_tensor(sample_weight, self._dtype), mask, self._dtype, "sum")
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self):
        config = {**super().get_config(), **self._fn_kwargs}
        if type(self) is MeanMetricWrapper:
            config["fn"] = registry.serialize_keras_object(self._fn)
        return config

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": registry.deserialize_keras_object(config["fn"])}
        return cls(**config)
