"""RMSprop."""

from ckeras import ops
from ckeras.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012): steps divided by the root of a running mean of squared gradients.

    `v = rho * v + (1 - rho) * g^2`; `centered` subtracts the squared running mean of g from v; with `momentum` the
    steps themselves are averaged.
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
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
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, var_list):
        if self.built:
            return
        super().build(var_list)
        variables = self._trainable_variables
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum > 0 else []
        self._average_gradients = self.add_optimizer_variables(variables, "average_gradient") if self.centered else []

    def update_step(self, gradient, variable, learning_rate):
        i = self._index(variable)
        rate = ops.cast(learning_rate, variable.dtype)
        g = ops.cast(gradient, variable.dtype)
        velocity = self._velocities[i]
        velocity.assign(ops.add(ops.multiply(velocity, self.rho), ops.multiply(ops.square(g), 1 - self.rho)))
        spread = ops.add(velocity, self.epsilon)
        if self.centered:
            mean = self._average_gradients[i]
            mean.assign(ops.add(ops.multiply(mean, self.rho), ops.multiply(g, 1 - self.rho)))
            spread = ops.subtract(spread, ops.square(mean))
        step = ops.divide(ops.multiply(g, rate), ops.sqrt(spread))
        if self.momentum > 0:
            momentum = self._momentums[i]
            momentum.assign(ops.add(ops.multiply(momentum, self.momentum), step))
            step = momentum.value
        variable.assign_sub(step)

    def get_config(self):
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
