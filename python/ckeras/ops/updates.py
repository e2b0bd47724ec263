"""Records of the optimizers' updates: one pass over all variables. Outputs may take their inputs' memory."""

from ckeras._core.primitive import Primitive


def _sgd_spec(lr, *args, has_momentum, nesterov, momentum):
    group = 3 if has_momentum else 2
    return [(x.shape, x.dtype) for i, x in enumerate(args) if i % group != 1]


sgd_update_p = Primitive(
    "sgd_update",
    _sgd_spec,
    lambda *args, has_momentum, nesterov, momentum: ((int(has_momentum), int(nesterov)), (momentum,)),
    doc="lr, then p, g[, m] a variable -> p'[, m'] a variable",
    multi=True,
    in_place=lambda inputs, attrs: [
        i for i in range(1, len(inputs)) if (i - 1) % (3 if attrs["has_momentum"] else 2) != 1
    ],
)

adam_update_p = Primitive(
    "adam_update",
    lambda alpha, *args, **attrs: [(x.shape, x.dtype) for i, x in enumerate(args) if i % 4 != 1],
    lambda *args, one_minus_beta_1, one_minus_beta_2, epsilon: ((), (one_minus_beta_1, one_minus_beta_2, epsilon)),
    doc="alpha, then p, g, m, v a variable -> p', m', v' a variable",
    multi=True,
    in_place=lambda inputs, attrs: [i for i in range(1, len(inputs)) if (i - 1) % 4 != 1],
)
