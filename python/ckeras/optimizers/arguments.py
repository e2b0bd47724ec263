"""The arguments that all optimizers share, so that each class lists its own alone."""

from inspect import Parameter, Signature

from ckeras.optimizers.optimizer import Optimizer

# In the order of every optimizer's signature, after the class's own.
COMMON = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "name": None,
}


def takes(last=None, **own):
    """A class decorator that makes `__init__`: `learning_rate` and the other arguments of `own`, those of `COMMON`,
    then those of `last`.

    Arguments of the class become attributes and part of its config; then `_check()` may refuse their values.
    """
    last = last or {}
    order = {**own, **{k: v for k, v in COMMON.items() if k not in own}, **last}
    parameters = [Parameter(k, Parameter.POSITIONAL_OR_KEYWORD, default=v) for k, v in order.items()]
    me = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    signature = Signature([me, *parameters, Parameter("kwargs", Parameter.VAR_KEYWORD)])
    attributes = tuple(k for k in (*own, *last) if k not in COMMON and k != "learning_rate")

    def decorate(cls):
        def __init__(self, *args, **kwargs):
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments
            shared = {k: values[k] for k in ("learning_rate", *COMMON)}
            Optimizer.__init__(self, **shared, **values["kwargs"])
            for k in attributes:
                setattr(self, k, values[k])
            self._check()

        __init__.__signature__ = signature
        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        __init__.__module__ = cls.__module__
        cls.__init__ = __init__
        cls._own_arguments = attributes
        return cls

    return decorate


def check_betas(optimizer, *names, above=False):
    """Raises `ValueError` unless the arguments are in [0, 1), with `above` in (0, 1)."""
    for name in names:
        value = getattr(optimizer, name)
        if not 0 <= value < 1 or (above and value == 0):
            kind = "(0, 1)" if above else "[0, 1)"
            raise ValueError(f"[{type(optimizer).__name__}] {name} must be in {kind}, got {value!r}")
