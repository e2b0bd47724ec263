"""Adam and its kin: AdamW, Adamax, Nadam, ScheduleFreeAdamW."""

from ckeras import ops
from ckeras._core import scope
from ckeras._core.short import short
from ckeras.ops.updates import adam_update_p, adamax_update_p, nadam_update_p, schedule_free_update_p
from ckeras.optimizers.arguments import check_betas, takes
from ckeras.optimizers.ruled import RuleOptimizer, power, step_number

# The rates of a step, from the steps before it: functions of their own, so that the short way learns them whole.


@short
def adam_rate(iterations, learning_rate, beta_1, beta_2):
    """`learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`."""
    t = step_number(iterations)
    correction = ops.sqrt(ops.subtract(1.0, power(beta_2, t)))
    return ops.divide(ops.multiply(learning_rate, correction), ops.subtract(1.0, power(beta_1, t)))


@short
def _adamax_rate(iterations, learning_rate, beta_1):
    return ops.divide(learning_rate, ops.subtract(1.0, power(beta_1, step_number(iterations))))


def _nadam_momentum(t, beta_1):
    return ops.multiply(ops.subtract(1.0, ops.multiply(power(0.96, t), 0.5)), beta_1)


@short
def _nadam_product(iterations, product, beta_1):
    """The product of all momenta, after the step."""
    return ops.multiply(product, _nadam_momentum(step_number(iterations), beta_1))


@short
def _nadam_rates(iterations, product, beta_1, beta_2):
    """What the means of gradients, the gradient, and the mean of squares are multiplied by."""
    t = step_number(iterations)
    now, later = _nadam_momentum(t, beta_1), _nadam_momentum(ops.add(t, 1.0), beta_1)
    product = ops.multiply(product, now)
    of_g = ops.divide(ops.subtract(1.0, now), ops.subtract(1.0, product))
    of_m = ops.divide(later, ops.subtract(1.0, ops.multiply(product, later)))
    of_v = ops.divide(1.0, ops.subtract(1.0, power(beta_2, t)))
    return of_m, of_g, of_v


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False)
class Adam(RuleOptimizer):
    """Adam (Kingma and Ba, 2014): steps scaled by running means of gradients and their squares.

    `m += (g - m) * (1 - beta_1)`, `v += (g^2 - v) * (1 - beta_2)`, then `w -= alpha * m / (sqrt(v) + epsilon)` with
    `alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`. `amsgrad` divides by the largest v so far
    (Reddi et al., 2018).
    """

    def _check(self):
        check_betas(self, "beta_1", "beta_2")

    def _slot_names(self):
        return [("momentum", "velocity"), *([("velocity_hat",)] if self.amsgrad else [])]

    def _rule(self, learning_rate):
        alpha = adam_rate(self.iterations, learning_rate, self.beta_1, self.beta_2)
        attributes = {
            "amsgrad": bool(self.amsgrad),
            "one_minus_beta_1": 1.0 - self.beta_1,
            "one_minus_beta_2": 1.0 - self.beta_2,
            "epsilon": self.epsilon,
        }
        return adam_update_p, [alpha], attributes


@takes(learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2017)."""

    def _check(self):
        super()._check()
        if self.weight_decay is None:
            raise ValueError("[AdamW] weight_decay must be a number; use Adam for none")


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
class Adamax(RuleOptimizer):
    """Adamax (Kingma and Ba, 2014): Adam with the largest decayed gradient in place of the root of the mean square.

    `m += (g - m) * (1 - beta_1)`, `u = max(beta_2 * u, |g|)`, then
    `w -= learning_rate / (1 - beta_1^t) * m / (u + epsilon)`.
    """

    def _check(self):
        check_betas(self, "beta_1", "beta_2")

    def _slot_names(self):
        return [("momentum", "norm")]

    def _rule(self, learning_rate):
        rate = _adamax_rate(self.iterations, learning_rate, self.beta_1)
        attributes = {"one_minus_beta_1": 1.0 - self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return adamax_update_p, [rate], attributes


@takes(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7)
class Nadam(RuleOptimizer):
    """Nadam (Dozat, 2015): Adam that looks ahead by its momentum, which grows as `beta_1 * (1 - 0.96^t / 2)`."""

    def _check(self):
        check_betas(self, "beta_1", "beta_2")

    def build(self, var_list):
        """Makes the slots for `var_list`, and the product of the momenta so far."""
        if self.built:
            return
        super().build(var_list)
        self._product = self.add_variable((), "ones", dtype="float32", name="u_product")

    def _slot_names(self):
        return [("momentum", "velocity")]

    def update_all(self, grads, variables, learning_rate):
        """Updates every variable, then the product of the momenta."""
        super().update_all(grads, variables, learning_rate)
        self._product.assign(_nadam_product(self.iterations, self._product, self.beta_1))

    def _rule(self, learning_rate):
        of_m, of_g, of_v = _nadam_rates(self.iterations, self._product, self.beta_1, self.beta_2)
        attributes = {
            "one_minus_beta_1": 1.0 - self.beta_1,
            "one_minus_beta_2": 1.0 - self.beta_2,
            "epsilon": self.epsilon,
        }
        return nadam_update_p, [learning_rate, of_m, of_g, of_v], attributes


@takes(learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, warmup_steps=0)
class ScheduleFreeAdamW(RuleOptimizer):
    """Schedule-free AdamW (Defazio et al., 2024): no schedule is needed, for the weights are averaged all along.

    Steps of Adam without momentum move z, x is the mean of all z, and the weights are
    `(1 - beta_1) * z + beta_1 * x`. Over the first `warmup_steps` steps the learning rate rises from 0.
    Raises `ValueError` for `beta_1` outside (0, 1).
    """

    def _check(self):
        check_betas(self, "beta_1", above=True)
        check_betas(self, "beta_2")
        if isinstance(self.warmup_steps, bool) or not isinstance(self.warmup_steps, int) or self.warmup_steps < 0:
            raise ValueError(f"[ScheduleFreeAdamW] warmup_steps must be an integer >= 0, got {self.warmup_steps!r}")

    def build(self, var_list):
        """Makes the slots for `var_list`: z starts at the weights."""
        if self.built:
            return
        super().build(var_list)
        with scope.concrete():  # once, though the first step be traced
            for z, v in zip(self._slots["momentum"], self._trainable_variables):
                z.assign(v)

    def _slot_names(self):
        return [("momentum", "velocity")]

    def _rule(self, learning_rate):
        t = self._step()
        if self.warmup_steps:
            learning_rate = ops.multiply(learning_rate, ops.minimum(ops.divide(t, float(self.warmup_steps)), 1.0))
        correction = ops.divide(1.0, ops.subtract(1.0, power(self.beta_2, t)))
        attributes = {
            "beta_1": self.beta_1,
            "one_minus_beta_1": 1.0 - self.beta_1,
            "one_minus_beta_2": 1.0 - self.beta_2,
            "epsilon": self.epsilon,
        }
        return schedule_free_update_p, [learning_rate, correction, ops.divide(1.0, t)], attributes
