"""Stochastic gradient descent."""

from ckeras.ops.updates import sgd_update_p
from ckeras.optimizers.arguments import takes
from ckeras.optimizers.ruled import RuleOptimizer


@takes(learning_rate=0.01, momentum=0.0, nesterov=False)
class SGD(RuleOptimizer):
    """Gradient descent, with momentum (Polyak, 1964) or Nesterov's.

    Without momentum `w -= learning_rate * g`; with it `m = momentum * m - learning_rate * g`, then `w += m`, or with
    `nesterov` `w += momentum * m - learning_rate * g`. Raises `ValueError` for a momentum outside [0, 1].

    >>> w = ckeras.Variable([1.0])
    >>> ckeras.optimizers.SGD(0.1).apply([ckeras.ops.convert_to_tensor([2.0])], [w])
    >>> w.numpy()
    array([0.8], dtype=float32)
    """

    def _check(self):
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"[SGD] momentum must be in [0, 1], got {self.momentum!r}")

    def _slot_names(self):
        return [("momentum",)] if self.momentum else []

    def _rule(self, learning_rate):
        flags = {"has_momentum": bool(self.momentum), "nesterov": bool(self.nesterov)}
        return sgd_update_p, [learning_rate], {**flags, "momentum": self.momentum}

    def build(self, variables):
        """Makes the slots for `variables`."""
        super().build(variables)
