"""One row an optimizer with options; gradients and starts for ten steps. Used beside Keras and for traced updates."""

import numpy as np

STEPS = 10
_rng = np.random.default_rng(5)
SHAPES = {"kernel": (4, 3), "bias": (3,), "tall": (2, 5)}
START = [_rng.normal(size=s).astype("float32") for s in SHAPES.values()]
GRADS = [[_rng.normal(size=s).astype("float32") for s in SHAPES.values()] for _ in range(STEPS)]

_OWN = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {},
        {"momentum": 0.8},
        {"centered": True},
        {"momentum": 0.8, "centered": True, "rho": 0.7, "epsilon": 1e-3},
    ],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2}],
    "AdamW": [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "Adamax": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}],
    "Nadam": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}],
    "ScheduleFreeAdamW": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2, "warmup_steps": 4}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}],
    "Adadelta": [{"learning_rate": 1.0}, {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-2}],
    "Adafactor": [
        {},
        {"learning_rate": 0.5},
        {"learning_rate": 0.5, "relative_step": False, "beta_2_decay": -0.5, "epsilon_1": 1e-2, "epsilon_2": 0.1},
        {"clip_threshold": 0.3},
    ],
    "Ftrl": [
        {},
        {
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.3,
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.2,
            "beta": 0.3,
        },
    ],
    "Lamb": [{}, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}],
    "Lion": [{}, {"beta_1": 0.7, "beta_2": 0.9}],
    "Muon": [
        {},
        {"nesterov": False, "momentum": 0.8, "ns_steps": 3, "rms_rate": None, "adam_lr_ratio": 0.5},
        {"exclude_layers": ["tal.$"], "adam_beta_1": 0.7, "adam_beta_2": 0.9, "epsilon": 1e-2},
        {"muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "weight_decay": 0.1, "adam_weight_decay": 0.2},
    ],
}
_SHARED = [
    {"weight_decay": 0.05},
    {"clipnorm": 0.5},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 2},
]
ROWS = [(name, {"learning_rate": 0.05, **own}) for name, several in _OWN.items() for own in several]
ROWS += [(name, {"learning_rate": 0.05, **shared}) for name in _OWN for shared in _SHARED]


def ids():
    return [f"{name}-{options}" for name, options in ROWS]


def run(keras, row, apply=None):
    """`(variables, optimizer)` after the steps; `apply(optimizer, grads, variables)` makes one."""
    name, options = row
    variables = [keras.Variable(w, name=n) for w, n in zip(START, SHAPES)]
    optimizer = getattr(keras.optimizers, name)(**options)
    optimizer.build(variables)
    for grads in GRADS:
        grads = [keras.ops.convert_to_tensor(g) for g in grads]
        (apply or (lambda o, g, v: o.apply(g, v)))(optimizer, grads, variables)
    return [np.asarray(v) for v in variables], optimizer
