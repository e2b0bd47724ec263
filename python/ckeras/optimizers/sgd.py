"""Stochastic gradient descent."""

from ckeras import ops
from ckeras.ops.updates import sgd_update_p
from ckeras.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak, 1964) or Nesterov's.

    Without momentum `w -= learning_rate * g`; with it `m = momentum * m - learning_rate * g`, then `w += m`, or with
    `nesterov` `w += momentum * m - learning_rate * g`.

    >>> w = ckeras.Variable([1.0])
    >>> ckeras.optimizers.SGD(0.1).apply([ckeras.ops.convert_to_tensor([2.0])], [w])
    >>> w.numpy()
    array([0.8], dtype=float32)
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.0,
        nesterov=False,
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
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"[SGD] momentum must be a number in [0, 1], got {momentum!r}")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(self._trainable_variables, "momentum") if self.momentum else []

    def fused_update(self, grads, variables, learning_rate):
        """One pass over all variables, which have one dtype."""
        slots = [self.momentums[self._index(v)] for v in variables] if self.momentum else None
        args = []
        for i, (v, g) in enumerate(zip(variables, grads)):
            args += [v.value, g, slots[i].value] if slots else [v.value, g]
        outs = sgd_update_p.bind(
            ops.cast(learning_rate, variables[0].dtype),
            *args,
            has_momentum=slots is not None,
            nesterov=bool(self.nesterov),
            momentum=float(self.momentum),
        )
        group = 2 if slots else 1
        for i, v in enumerate(variables):
            v.assign(outs[group * i])
            if slots:
                slots[i].assign(outs[group * i + 1])

    def update_step(self, gradient, variable, learning_rate):
        self.fused_update([ops.cast(gradient, variable.dtype)], [variable], learning_rate)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
