"""RuleOptimizer: what optimizers share whose update is a rule for each element, run for all variables at once."""

import weakref

from ckeras import ops
from ckeras._core import program
from ckeras._core.scope import state
from ckeras._core.tensor import Tensor, convert
from ckeras.optimizers.optimizer import Optimizer

_programs = weakref.WeakKeyDictionary()  # optimizer -> {what an update depends on: its program; None: seen once}
_KEPT = 8  # of an optimizer


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
        self._run_update(primitive, scalars, grads, variables, self._slots_of, attributes)

    def _slots_of(self, variable):
        i = self._get_variable_index(variable)
        return [column[i] for column in self._slots.values()]

    def update_step(self, gradient, variable, learning_rate):
        self.fused_update([ops.cast(gradient, variable.dtype)], [variable], learning_rate)

    def _step(self):
        """The number of this step, from 1, as float32."""
        return step_number(self.iterations)

    def _run_update(self, primitive, scalars, grads, variables, slots_of, attributes):
        """Runs a kernel of `ops.updates` on variables of one dtype; `slots_of(variable)` gives the slots of one.

        Outside traces, from the second time on, as a program: it writes the variables where they lie.
        """
        inputs = [convert(ops.cast(s, variables[0].dtype)) for s in scalars]
        inputs += grads

        def step(*inputs):
            _update(primitive, inputs[: len(scalars)], inputs[len(scalars) :], variables, slots_of, attributes)

        if (
            state.tapes
            or state.trace is not None
            or state.overlay is not None
            or state.autocast is not None
            or program.before_run is not None
            or any(x.__class__ is not Tensor for x in inputs)
        ):
            step(*inputs)
            return
        kept = _programs.setdefault(self, {})
        key = (primitive, *attributes.items(), *map(id, variables))  # `build` keeps the variables of these ids alive
        found = kept.get(key)
        if found is not None:
            found.run(inputs)
        elif key in kept:
            kept[key] = made = program.compile(step, *[(x.shape, x.dtype) for x in inputs])
            made.run(inputs)
        else:
            if len(kept) == _KEPT:
                kept.clear()
            kept[key] = None
            step(*inputs)


def _update(primitive, scalars, grads, variables, slots_of, attributes):
    args, targets = [], []
    for g, v in zip(grads, variables):
        mine = slots_of(v)
        args += [v.value, g, *(s.value for s in mine)]
        targets += [v, *mine]
    for target, value in zip(targets, primitive.bind(*scalars, *args, **attributes), strict=True):
        target.assign(value)


def step_number(iterations):
    """The number of the step after so many, from 1, as float32."""
    return ops.cast(ops.add(iterations, 1), "float32")


def power(base, t):
    """`base ^ t` for a number and a tensor."""
    return ops.power(float(base), t)
