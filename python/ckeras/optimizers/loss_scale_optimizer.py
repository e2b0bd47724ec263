"""LossScaleOptimizer."""

from ckeras import initializers, ops
from ckeras.optimizers.arguments import COMMON
from ckeras.optimizers.optimizer import Optimizer, kept_where
from ckeras.saving import registry


class LossScaleOptimizer(Optimizer):
    """An optimizer for float16: the loss is multiplied by a scale, so that small gradients do not vanish, and the
    gradients are divided by it (Micikevicius et al., 2018).

    Where a gradient is not finite the step is left out and the scale halved; after `dynamic_growth_steps` steps in a
    row with finite ones it is doubled, from `initial_scale` on. `inner_optimizer` makes the steps; `compile` wraps an
    optimizer by itself where the policy is "mixed_float16". Raises `ValueError` for arguments that belong to the inner
    optimizer, and for an inner optimizer that scales the loss itself.

    >>> ckeras.optimizers.LossScaleOptimizer(ckeras.optimizers.Adam()).initial_scale
    32768.0
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs):
        if isinstance(inner_optimizer, LossScaleOptimizer):
            raise ValueError("[LossScaleOptimizer] inner_optimizer is a LossScaleOptimizer already")
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"[LossScaleOptimizer] inner_optimizer must be an optimizer, got {inner_optimizer!r}")
        if not initial_scale > 0 or not dynamic_growth_steps >= 1:
            raise ValueError(
                "[LossScaleOptimizer] initial_scale and dynamic_growth_steps must be positive, got "
                f"{initial_scale!r}, {dynamic_growth_steps!r}"
            )
        # Older files hold the defaults of all optimizers.
        if wrong := [k for k, v in kwargs.items() if k not in COMMON or v != COMMON[k]]:
            raise ValueError(f"[LossScaleOptimizer] unexpected arguments {wrong}: give them to inner_optimizer")
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None
        self.step_counter = self.add_variable((), "zeros", dtype="int32", name="step_counter")
        # Here, not in `build`: the first step scales its loss before it has gradients to build for.
        start = initializers.Constant(initial_scale)
        self.dynamic_scale = self.add_variable((), start, dtype="float32", name="dynamic_scale")

    def build(self, var_list):
        """Makes the inner optimizer's slots for `var_list`."""
        if self.built:
            return
        self.inner_optimizer.build(var_list)
        super().build(var_list)

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        """The steps that were made; those left out do not count."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        """The loss times the present scale."""
        return ops.multiply(loss, ops.cast(self.dynamic_scale.value, loss.dtype))

    def apply(self, grads, trainable_variables=None):
        """As `Optimizer.apply`, with gradients of the scaled loss."""
        grads = list(grads)
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not self.built:
            self.build(variables)
        finite = self.check_finite(grads)
        scale, count = self.dynamic_scale.value, self.step_counter.value
        unscaled = [None if g is None else ops.divide(g, ops.cast(scale, g.dtype)) for g in grads]
        touched = [*variables, *self.inner_optimizer.variables]
        kept_where(finite, touched, lambda: self.inner_optimizer.apply(unscaled, variables))
        grows = ops.logical_and(finite, ops.equal(count, self.dynamic_growth_steps - 1))
        stays = ops.logical_and(finite, ops.logical_not(grows))
        self.step_counter.assign(ops.where(stays, ops.add(count, 1), ops.zeros_like(count)))
        factor = ops.where(finite, ops.where(grows, 2.0, 1.0), 0.5)
        self.dynamic_scale.assign(ops.multiply(scale, factor))

    def check_finite(self, grads):
        """Whether all numbers in all gradients are finite, as a scalar tensor."""
        finite = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        return ops.all(ops.stack(finite)) if finite else ops.convert_to_tensor(True)

    def finalize_variable_values(self, var_list):
        """The inner optimizer's."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        return {
            "name": self.name,
            "inner_optimizer": registry.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """An optimizer of its config."""
        inner = registry.deserialize_keras_object(config["inner_optimizer"], custom_objects=custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
