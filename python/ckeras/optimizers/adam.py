"""Adam and AdamW."""

from ckeras import ops
from ckeras.ops.updates import adam_update_p
from ckeras.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2014): steps scaled by running means of gradients and their squares.

    `m += (g - m) * (1 - beta_1)`, `v += (g^2 - v) * (1 - beta_2)`, then `w -= alpha * m / (sqrt(v) + epsilon)` with
    `alpha = learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)`. `amsgrad` divides by the largest v so far
    (Reddi et al., 2018).
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
        for label, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= value < 1:
                raise ValueError(f"[{type(self).__name__}] {label} must be in [0, 1), got {value!r}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def build(self, var_list):
        if self.built:
            return
        super().build(var_list)
        variables = self._trainable_variables
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []

    def _alpha(self, learning_rate):
        t = ops.cast(ops.add(self.iterations, 1), "float32")
        correction = ops.sqrt(ops.subtract(1.0, ops.power(float(self.beta_2), t)))
        return ops.divide(ops.multiply(learning_rate, correction), ops.subtract(1.0, ops.power(float(self.beta_1), t)))

    def fused_update(self, grads, variables, learning_rate):
        """One pass over all variables, which have one dtype."""
        alpha = ops.cast(self._alpha(learning_rate), variables[0].dtype)
        at = [self._index(v) for v in variables]
        if self.amsgrad:
            for i, v, g in zip(at, variables, grads):
                self._amsgrad_step(g, v, alpha, i)
            return
        args = []
        for i, v, g in zip(at, variables, grads):
            args += [v.value, g, self._momentums[i].value, self._velocities[i].value]
        outs = adam_update_p.bind(
            alpha,
            *args,
            one_minus_beta_1=1.0 - self.beta_1,
            one_minus_beta_2=1.0 - self.beta_2,
            epsilon=float(self.epsilon),
        )
        for n, (i, v) in enumerate(zip(at, variables)):
            v.assign(outs[3 * n])
            self._momentums[i].assign(outs[3 * n + 1])
            self._velocities[i].assign(outs[3 * n + 2])

    def _amsgrad_step(self, g, v, alpha, i):
        m, s, top = self._momentums[i], self._velocities[i], self._velocity_hats[i]
        m.assign_add(ops.multiply(ops.subtract(g, m), 1.0 - self.beta_1))
        s.assign_add(ops.multiply(ops.subtract(ops.square(g), s), 1.0 - self.beta_2))
        top.assign(ops.maximum(top, s))
        v.assign_sub(ops.divide(ops.multiply(m, alpha), ops.add(ops.sqrt(top), self.epsilon)))

    def update_step(self, gradient, variable, learning_rate):
        self.fused_update([ops.cast(gradient, variable.dtype)], [variable], learning_rate)

    def get_config(self):
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2017)."""

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        if weight_decay is None:
            raise ValueError("[AdamW] weight_decay must be a number; use Adam for none")
        super().__init__(
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
