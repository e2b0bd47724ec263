"""Adagrad and Adadelta."""

from ckeras import initializers
from ckeras.ops.updates import adadelta_update_p, adagrad_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7)
class Adagrad(RuleOptimizer):
    """Adagrad (Duchi et al., 2011): steps divided by the root of the sum of all squared gradients.

    `n += g^2` from `initial_accumulator_value` on, then `w -= learning_rate * g / sqrt(n + epsilon)`.
    Raises `ValueError` for a negative initial value.
    """

    def _check(self):
        if self.initial_accumulator_value < 0:
            raise ValueError(
                f"[Adagrad] initial_accumulator_value must be at least 0, got {self.initial_accumulator_value!r}"
            )

    def _slot_names(self):
        return [("accumulator",)]

    def _slot_initializers(self, group):
        return [initializers.Constant(self.initial_accumulator_value)]

    def _rule(self, learning_rate):
        return adagrad_update_p, [learning_rate], {"epsilon": self.epsilon}


@takes(learning_rate=0.001, rho=0.95, epsilon=1e-7)
class Adadelta(RuleOptimizer):
    """Adadelta (Zeiler, 2012): steps as large as the running mean of the steps before.

    `n = rho * n + (1 - rho) * g^2`, `d = g * sqrt(s + epsilon) / sqrt(n + epsilon)`,
    `s = rho * s + (1 - rho) * d^2`, `w -= learning_rate * d`.
    """

    def _slot_names(self):
        return [("accumulated_grad", "accumulated_delta_var")]

    def _rule(self, learning_rate):
        attributes = {"rho": self.rho, "one_minus_rho": 1 - self.rho, "epsilon": self.epsilon}
        return adadelta_update_p, [learning_rate], attributes

    def update_step(self, grad, variable, learning_rate):
        super().update_step(grad, variable, learning_rate)
