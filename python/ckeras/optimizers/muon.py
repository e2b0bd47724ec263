"""Muon."""

import re

from ckeras import ops
from ckeras.ops.updates import adam_update_p, muon_update_p
from ckeras.optimizers.arguments import check_betas, takes
from ckeras.optimizers.ruled import RuleOptimizer, power

# What a subclass may redefine of the step of a matrix.
_PARTS = ("lr_adjust", "transpose_last_axis", "zeropower_via_newtonschulz5")


@takes(
    learning_rate=0.001,
    adam_beta_1=0.9,
    adam_beta_2=0.999,
    adam_weight_decay=0.004,
    epsilon=1e-7,
    weight_decay=0.004,
    last={
        "exclude_layers": None,
        "exclude_embeddings": True,
        "muon_a": 3.4445,
        "muon_b": -4.775,
        "muon_c": 2.0315,
        "adam_lr_ratio": 1,
        "momentum": 0.95,
        "ns_steps": 5,
        "nesterov": True,
        "rms_rate": 0.2,
    },
)
class Muon(RuleOptimizer):
    """Muon (Jordan et al., 2024; Liu et al., 2025): matrices move along their momentum made orthogonal.

    `m = momentum * m + g` (with `nesterov` looking one step ahead) is brought near an orthogonal matrix by `ns_steps`
    steps of `X = a * X + (b * A + c * A^2) * X`, `A = X * X^T`, with `muon_a`, `muon_b`, `muon_c`; the step is that
    times `learning_rate * rms_rate * sqrt(the longer side)` (the learning rate alone where `rms_rate` is `None`).
    What is no matrix, embeddings (`exclude_embeddings`), and variables whose path matches one of the expressions in
    `exclude_layers` take Adam's step with the `adam_...` arguments and `adam_lr_ratio` times the learning rate.

    Matrices move in one kernel; in a subclass that redefines `lr_adjust`, `transpose_last_axis` or
    `zeropower_via_newtonschulz5`, by those.
    """

    def _check(self):
        check_betas(self, "adam_beta_1", "adam_beta_2")
        self.exclude_layers = list(self.exclude_layers or [])

    def _by_adam(self, variable):
        path = variable.path
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def build(self, var_list):
        """Makes the slots for `var_list`: a momentum, and for Adam a velocity."""
        if self.built:
            return
        super().build(var_list)
        self._momentums, self._velocities = [], []
        for v in self._trainable_variables:
            self._momentums.append(self.add_variable_from_reference(v, name="momentum"))
            adam = self._by_adam(v)
            self._velocities.append(self.add_variable_from_reference(v, name="velocity") if adam else None)

    def fused_update(self, grads, variables, learning_rate):
        """One pass over the matrices and one over what Adam moves, which have one dtype."""
        groups = {False: [], True: []}
        for g, v in zip(grads, variables):
            groups[self._velocities[self._get_variable_index(v)] is not None].append((g, v))
        if groups[True]:
            self._adam_update(*zip(*groups[True]), learning_rate)
        if groups[False] and any(getattr(type(self), n) is not getattr(Muon, n) for n in _PARTS):
            for g, v in groups[False]:
                rate = ops.cast(learning_rate, v.dtype)
                self._muon_step(g, v, rate, self._momentums[self._get_variable_index(v)])
        elif groups[False]:
            self._muon_update(*zip(*groups[False]), learning_rate)

    def _slots_of(self, variable):
        i = self._get_variable_index(variable)
        return [column[i] for column in (self._momentums, self._velocities) if column[i] is not None]

    def _muon_update(self, grads, variables, learning_rate):
        attributes = {
            "nesterov": bool(self.nesterov),
            "ns_steps": int(self.ns_steps),
            "has_rms_rate": self.rms_rate is not None,
            "momentum": self.momentum,
            "a": self.muon_a,
            "b": self.muon_b,
            "c": self.muon_c,
            "rms_rate": self.rms_rate or 0.0,
        }
        self._run_update(muon_update_p, [learning_rate], grads, variables, self._slots_of, attributes)

    def _adam_update(self, grads, variables, learning_rate):
        t = self._step()
        correction = ops.sqrt(ops.subtract(1.0, power(self.adam_beta_2, t)))
        alpha = ops.divide(correction, ops.subtract(1.0, power(self.adam_beta_1, t)))
        alpha = ops.multiply(ops.multiply(learning_rate, self.adam_lr_ratio), alpha)
        attributes = {
            "amsgrad": False,
            "one_minus_beta_1": 1.0 - self.adam_beta_1,
            "one_minus_beta_2": 1.0 - self.adam_beta_2,
            "epsilon": self.epsilon,
        }
        self._run_update(adam_update_p, [alpha], grads, variables, self._slots_of, attributes)

    def _muon_step(self, g, variable, rate, m):
        m.assign(ops.add(ops.multiply(m, self.momentum), g))
        way = ops.add(g, ops.multiply(m, self.momentum)) if self.nesterov else m.value
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(way, self.ns_steps))
        variable.assign_sub(ops.multiply(step, rate))

    def lr_adjust(self, x):
        """An orthogonal `x` times `rms_rate * sqrt(its longer side)`; as it is where `rms_rate` is `None`."""
        return x if self.rms_rate is None else ops.multiply(x, self.rms_rate * max(x.shape) ** 0.5)

    def transpose_last_axis(self, X):
        """The matrix `X`, or each matrix of a stack, transposed."""
        return ops.swapaxes(X, -1, -2)

    def zeropower_via_newtonschulz5(self, x, steps):
        """`x` [rows, columns] brought near an orthogonal matrix by `steps` steps of Newton and Schulz."""
        tall = x.shape[0] > x.shape[1]
        x = self.transpose_last_axis(x) if tall else x
        x = ops.divide(x, ops.add(ops.sqrt(ops.sum(ops.square(x))), 1e-7))
        for _ in range(steps):
            a = ops.matmul(x, self.transpose_last_axis(x))
            mixed = ops.add(ops.multiply(a, self.muon_b), ops.multiply(ops.matmul(a, a), self.muon_c))
            x = ops.add(ops.multiply(x, self.muon_a), ops.matmul(mixed, x))
        return self.transpose_last_axis(x) if tall else x

    def _decay_of(self, variable):
        return (
            self.adam_weight_decay
            if self._velocities[self._get_variable_index(variable)] is not None
            else self.weight_decay
        )
