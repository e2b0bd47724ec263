"""RMSprop."""

from ckeras.ops.updates import rmsprop_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False)
class RMSprop(RuleOptimizer):
    """RMSprop (Tieleman and Hinton, 2012): steps divided by the root of a running mean of squared gradients.

    `v = rho * v + (1 - rho) * g^2`, then `w -= learning_rate * g / sqrt(v + epsilon)`; `centered` subtracts the
    squared running mean of g from v; with `momentum` the steps themselves are averaged.
    """

    def _slot_names(self):
        names = [("velocity",)]
        names += [("momentum",)] if self.momentum > 0 else []
        return names + ([("average_gradient",)] if self.centered else [])

    def _rule(self, learning_rate):
        flags = {"has_momentum": self.momentum > 0, "centered": bool(self.centered)}
        numbers = {"rho": self.rho, "one_minus_rho": 1 - self.rho, "momentum": self.momentum, "epsilon": self.epsilon}
        return rmsprop_update_p, [learning_rate], {**flags, **numbers}
