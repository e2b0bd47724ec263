"""Lion."""

from ckeras.ops.updates import lion_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.99)
class Lion(RuleOptimizer):
    """Lion (Chen et al., 2023): steps of one size, in the direction of a mixture of gradient and momentum.

    `w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g)`, then `m = beta_2 * m + (1 - beta_2) * g`.
    Raises `ValueError` for `beta_1` outside (0, 1].
    """

    def _check(self):
        if not 0 < self.beta_1 <= 1:
            raise ValueError(f"[Lion] beta_1 must be in (0, 1], got {self.beta_1!r}; for plain signs use SGD")

    def _slot_names(self):
        return [("momentum",)]

    def _rule(self, learning_rate):
        attributes = {
            "beta_1": self.beta_1,
            "one_minus_beta_1": 1.0 - self.beta_1,
            "beta_2": self.beta_2,
            "one_minus_beta_2": 1.0 - self.beta_2,
        }
        return lion_update_p, [learning_rate], attributes
