"""What is known of a layer class's `call` and `build`, found once per class; and the state of the calls under way."""

import inspect
import threading

from ckeras.layers.structure import brief, shape_of


class CallSpec:
    """The parameters of `call` that the base class cares about."""

    def __init__(self, cls):
        params = list(inspect.signature(cls.call).parameters.values())[1:]
        named = [p for p in params if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.signature = inspect.Signature(params)
        self.names = tuple(p.name for p in named)
        self.first = self.names[0] if self.names else None
        self.positional = tuple(p.name for p in named if p.kind is not p.KEYWORD_ONLY)
        self.takes_any_kwargs = any(p.kind is p.VAR_KEYWORD for p in params)
        self.has_training = "training" in self.names
        default = next((p.default for p in named if p.name == "training"), None)
        self.training_default = None if default is inspect.Parameter.empty else default
        self.training_place = self.positional.index("training") if "training" in self.positional else None
        self.has_mask = "mask" in self.names
        # The arguments that have a mask argument of their own.
        self.masked = tuple(n for n in self.names if f"{n}_mask" in self.names)

    def bind(self, layer, args, kwargs):
        """The arguments by name; `TypeError` naming the layer for ones that do not fit."""
        try:
            return self.signature.bind(*args, **kwargs).arguments
        except TypeError as e:
            raise TypeError(
                f"Layer '{layer.name}' ({type(layer).__name__}): {e}; its call takes {self.signature}"
            ) from None

    def name_training(self, layer, args, kwargs):
        """`args` and `kwargs` with a `training` given by position given by name; `TypeError` for an array there, which
        is a second input."""
        place = self.training_place
        if place is None or len(args) <= place:
            return args, kwargs
        if getattr(args[place], "shape", ()) != ():
            raise TypeError(
                f"Layer '{layer.name}' ({type(layer).__name__}): `training` must be True or False, got "
                f"{brief(args[place])} in its place; several inputs are given as one list: layer([a, b])"
            )
        if len(args) > place + 1:
            return args, kwargs
        return args[:place], {**kwargs, "training": args[place]}


def shape_parameters(method):
    """The names of the shapes that a `build` or a `compute_output_shape` function asks for."""
    params = list(inspect.signature(method).parameters.values())[1:]
    return tuple(p.name for p in params if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def named_shapes(layer, method, names, arguments):
    """The shapes for a method's parameters `names`: one takes that of the first argument of the call, several are each
    called after an argument."""
    if len(names) <= 1:
        first = next(iter(arguments.values()), None)
        return {name: shape_of(first) for name in names}
    shapes = {f"{k}_shape": shape_of(v) for k, v in arguments.items() if f"{k}_shape" in names}
    if not shapes:
        raise ValueError(
            f"[{layer.name}] {method}{names} of {type(layer).__name__} has no argument that fits its call: name "
            "each after an argument of call with _shape appended"
        )
    return shapes


class Calls(threading.local):
    """The outermost layer call of this thread and the `training` it runs with."""

    entry = None
    training = None
    losses_exist = False  # whether any layer may hold a loss of an earlier call


calls = Calls()
