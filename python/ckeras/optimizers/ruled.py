"""RuleOptimizer: what optimizers share whose update is a rule for each element, run for all variables at once."""

from ckeras import ops
from ckeras.optimizers.optimizer import Optimizer


class RuleOptimizer(Optimizer):
    """Base of optimizers with a kernel in `ops.updates`.

    A subclass lists its slots in `_slot_names()`, groups of names whose slots lie side by side, and gives the kernel
    with its arguments in `_rule(learning_rate)`: `(primitive, scalars, attributes)`.
    """

    def _slot_names(self):
        return ()

    def build(self, var_list):
        """Makes the slots for `var_list`."""
        if self.built:
            return
        super().build(var_list)
        self._slots = {}
        for group in self._slot_names():
            made = self.add_optimizer_variables(self._trainable_variables, list(group), self._slot_initializers(group))
            self._slots.update(zip(group, made))

    def _slot_initializers(self, group):
        return ["zeros"] * len(group)

    def fused_update(self, grads, variables, learning_rate):
        """One pass over all variables, which have one dtype."""
        primitive, scalars, attributes = self._rule(learning_rate)
        slots = [[column[self._index(v)] for column in self._slots.values()] for v in variables]
        update(primitive, scalars, grads, variables, slots, attributes)

    def update_step(self, gradient, variable, learning_rate):
        self.fused_update([ops.cast(gradient, variable.dtype)], [variable], learning_rate)

    def _step(self):
        """The number of this step, from 1, as float32."""
        return ops.cast(ops.add(self.iterations, 1), "float32")


def update(primitive, scalars, grads, variables, slots, attributes):
    """Runs a kernel of `ops.updates` on variables of one dtype; `slots` holds the slots of each."""
    args, targets = [], []
    for g, v, mine in zip(grads, variables, slots):
        args += [v.value, g, *(s.value for s in mine)]
        targets += [v, *mine]
    scalars = [ops.cast(s, variables[0].dtype) for s in scalars]
    for target, value in zip(targets, primitive.bind(*scalars, *args, **attributes), strict=True):
        target.assign(value)


def power(base, t):
    """`base ^ t` for a number and a tensor."""
    return ops.power(float(base), t)
