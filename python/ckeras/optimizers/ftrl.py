"""FTRL."""

from ckeras import initializers, ops
from ckeras.ops.updates import ftrl_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(
    learning_rate=0.001,
    learning_rate_power=-0.5,
    initial_accumulator_value=0.1,
    l1_regularization_strength=0.0,
    l2_regularization_strength=0.0,
    l2_shrinkage_regularization_strength=0.0,
    beta=0.0,
)
class Ftrl(RuleOptimizer):
    """Follow the regularised leader (McMahan et al., 2013), for sparse linear models.

    With `N = n + g^2`, `z += g + 2 * shrinkage * w - (N^-power - n^-power) / learning_rate * w` and `n = N`:
    `w = (clip(z, -l1, l1) - z) / (n^-power / learning_rate + 2 * l2 + beta / learning_rate)`.
    Raises `ValueError` for a negative strength, a negative initial value, or a power above 0.
    """

    def _check(self):
        for name in (
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"[Ftrl] {name} must be at least 0, got {getattr(self, name)!r}")
        if self.learning_rate_power > 0:
            raise ValueError(f"[Ftrl] learning_rate_power must be at most 0, got {self.learning_rate_power!r}")

    def _slot_names(self):
        return [("accumulator", "linear")]

    def _slot_initializers(self, group):
        return [initializers.Constant(self.initial_accumulator_value), "zeros"]

    def _rule(self, learning_rate):
        ridge = ops.add(ops.divide(float(self.beta), learning_rate), 2.0 * self.l2_regularization_strength)
        attributes = {
            "power": self.learning_rate_power,
            "l1": self.l1_regularization_strength,
            "twice_shrinkage": 2.0 * self.l2_shrinkage_regularization_strength,
        }
        return ftrl_update_p, [learning_rate, ridge], attributes
