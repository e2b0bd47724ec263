"""LAMB."""

from ckeras import ops
from ckeras.ops.updates import lamb_update_p
from ckeras.optimizers.arguments import check_betas, takes
from ckeras.optimizers.ruled import RuleOptimizer, power


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
class Lamb(RuleOptimizer):
    """LAMB (You et al., 2019), for large batches: Adam's step, scaled to the length of each variable.

    With Adam's corrected means `r = m / (sqrt(v) + epsilon)`, `w -= learning_rate * |w| / |r| * r`; the ratio is 1
    where a length is 0.
    """

    def _check(self):
        check_betas(self, "beta_1", "beta_2")

    def _slot_names(self):
        return [("momentum", "velocity")]

    def _rule(self, learning_rate):
        t = self._step()
        corrections = [ops.subtract(1.0, power(b, t)) for b in (self.beta_1, self.beta_2)]
        attributes = {
            "one_minus_beta_1": 1.0 - self.beta_1,
            "one_minus_beta_2": 1.0 - self.beta_2,
            "epsilon": self.epsilon,
        }
        return lamb_update_p, [learning_rate, *corrections], attributes
