"""ckeras: the Keras 3 API on an engine of its own. `import ckeras as keras`, and a Keras program runs.

Nothing is loaded here: each name below is imported when it is first used.
"""

import importlib

from ckeras import _garbage
from ckeras._version import __version__ as __version__

_MODULES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "dtype_policies",
    "initializers",
    "kernels",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "wrappers",
)

# Public name -> the module it comes from, under that name.
_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "models",
    "GradientTape": "_core.tape",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "_core.symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "_core.symbolic",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "RematScope": "_core.remat",
    "Sequential": "models",
    "StatelessScope": "_core.stateless",
    "SymbolicScope": "_core.stateless",
    "Variable": "_core.variable",
    "custom_gradient": "_core.tape",
    "device": "_core.device",
    "function": "_core.function",
    "grad": "_core.tape",
    "name_scope": "_core.scope",
    "remat": "_core.remat",
    "stop_gradient": "_core.tape",
    "value_and_grad": "_core.tape",
}

__all__ = sorted([*_MODULES, *_NAMES, "version"])


def version():
    """The version, as a string."""
    return __version__


def __getattr__(name):
    with _garbage.put_off():
        if name in _MODULES:
            value = importlib.import_module(f"ckeras.{name}")
        elif name in _NAMES:
            if name == "Variable":
                importlib.import_module("ckeras.initializers")  # a Variable may name its initializer
            value = getattr(importlib.import_module(f"ckeras.{_NAMES[name]}"), name)
        else:
            raise AttributeError(f"module 'ckeras' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
