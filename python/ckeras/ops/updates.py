"""Records of the optimizers' updates: one pass over all variables. Outputs may take their inputs' memory."""

from ckeras._core.primitive import Primitive


def _update(name, scalars, slots, ints=(), floats=()):
    """The record of one rule of `csrc/ops/updates`.

    `slots`: how many a variable has, a list of `(flag, count)` of which those count whose flag, one of `ints`, is set
    or `None`.
    """

    def count(attrs):
        return sum(n for flag, n in slots if flag is None or attrs[flag])

    def kept(n_inputs, attrs):
        """The inputs that outputs stand for: all but the scalars and the gradients."""
        group = count(attrs) + 2
        return [i for i in range(scalars, n_inputs) if (i - scalars) % group != 1]

    def spec(*args, **attrs):
        return [(args[i].shape, args[i].dtype) for i in kept(len(args), attrs)]

    def pack(*args, **attrs):
        return tuple([int(attrs[n]) for n in ints]), tuple([float(attrs[n]) for n in floats])

    return Primitive(
        name,
        spec,
        pack,
        doc=f"{scalars} scalars, then p, g and slots a variable -> p' and slots' a variable",
        multi=True,
        in_place=lambda inputs, attrs: kept(len(inputs), attrs),
        gradients=lambda eq: range(scalars + 1, len(eq.inputs), count(eq.attrs) + 2),
    )


sgd_update_p = _update("sgd_update", 1, [("has_momentum", 1)], ("has_momentum", "nesterov"), ("momentum",))
adam_update_p = _update(
    "adam_update",
    1,
    [(None, 2), ("amsgrad", 1)],
    ("amsgrad",),
    ("one_minus_beta_1", "one_minus_beta_2", "epsilon"),
)
rmsprop_update_p = _update(
    "rmsprop_update",
    1,
    [(None, 1), ("has_momentum", 1), ("centered", 1)],
    ("has_momentum", "centered"),
    ("rho", "one_minus_rho", "momentum", "epsilon"),
)
adagrad_update_p = _update("adagrad_update", 1, [(None, 1)], (), ("epsilon",))
adadelta_update_p = _update("adadelta_update", 1, [(None, 2)], (), ("rho", "one_minus_rho", "epsilon"))
adamax_update_p = _update("adamax_update", 1, [(None, 2)], (), ("one_minus_beta_1", "beta_2", "epsilon"))
nadam_update_p = _update("nadam_update", 4, [(None, 2)], (), ("one_minus_beta_1", "one_minus_beta_2", "epsilon"))
lion_update_p = _update("lion_update", 1, [(None, 1)], (), ("beta_1", "one_minus_beta_1", "beta_2", "one_minus_beta_2"))
schedule_free_update_p = _update(
    "schedule_free_update", 3, [(None, 2)], (), ("beta_1", "one_minus_beta_1", "one_minus_beta_2", "epsilon")
)
ftrl_update_p = _update("ftrl_update", 2, [(None, 2)], (), ("power", "l1", "twice_shrinkage"))
lamb_update_p = _update("lamb_update", 3, [(None, 2)], (), ("one_minus_beta_1", "one_minus_beta_2", "epsilon"))
adafactor_update_p = _update("adafactor_update", 2, [(None, 3)], (), ("epsilon_1", "epsilon_2", "clip_threshold"))
muon_update_p = _update(
    "muon_update", 1, [(None, 1)], ("nesterov", "ns_steps", "has_rms_rate"), ("momentum", "a", "b", "c", "rms_rate")
)
