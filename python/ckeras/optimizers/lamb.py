"""LAMB."""

from ckeras import ops
from ckeras.optimizers.arguments import check_betas, takes
from ckeras.optimizers.optimizer import Optimizer
from ckeras.optimizers.ruled import power


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
class Lamb(Optimizer):
    """LAMB (You et al., 2019), for large batches: Adam's step, scaled to the length of each variable.

    With Adam's corrected means `r = m / (sqrt(v) + epsilon)`, `w -= learning_rate * |w| / |r| * r`; the ratio is 1
    where a length is 0.
    """

    def _check(self):
        check_betas(self, "beta_1", "beta_2")

    def build(self, var_list):
        """Makes the slots for `var_list`."""
        if self.built:
            return
        super().build(var_list)
        self._means, self._squares = self.add_optimizer_variables(self._trainable_variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        i, t = self._index(variable), ops.cast(ops.add(self.iterations, 1), "float32")
        g, m, v = ops.cast(gradient, variable.dtype), self._means[i], self._squares[i]
        m.assign_add(ops.multiply(ops.subtract(g, m), 1.0 - self.beta_1))
        v.assign_add(ops.multiply(ops.subtract(ops.square(g), v), 1.0 - self.beta_2))
        corrections = [ops.cast(ops.subtract(1.0, power(b, t)), variable.dtype) for b in (self.beta_1, self.beta_2)]
        mean, square = ops.divide(m, corrections[0]), ops.divide(v, corrections[1])
        step = ops.divide(mean, ops.add(ops.sqrt(square), self.epsilon))
        length, stride = _length(variable), _length(step)
        both = ops.logical_and(ops.greater(length, 0.0), ops.greater(stride, 0.0))
        ratio = ops.where(both, ops.divide(length, ops.where(both, stride, 1.0)), 1.0)
        rate = ops.multiply(ops.cast(learning_rate, variable.dtype), ratio)
        variable.assign_sub(ops.multiply(step, rate))


def _length(x):
    return ops.sqrt(ops.sum(ops.square(x)))
