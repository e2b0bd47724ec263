"""Layers made under a `RematScope`: their calls are computed again on the way back."""

import functools

from ckeras._core import nest
from ckeras._core.remat import remat
from ckeras._masks import get_mask, set_mask


class Rematerialized:
    """Base of layers."""

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """`layer_call(*args, **kwargs)` by `ckeras.remat`, with the masks and losses that it leaves."""
        return _whole_again(self, layer_call, args, kwargs)


def call_again(layer, args, kwargs):
    """What to call instead of `layer.call` with these arguments."""
    if layer._remat.mode == "activations":
        return functools.partial(_with_activation_again, layer)
    if layer._remat.covers(layer, args, kwargs):
        return functools.partial(layer.rematerialized_call, layer.call)
    return layer.call


def _whole_again(layer, call, args, kwargs):
    inner = layer._flatten_layers()
    counts = [len(x._losses) for x in inner]
    masks = [get_mask(x) for x in nest.leaves((args, kwargs))]

    def run(args, kwargs, masks):
        for x, mask in zip(nest.leaves((args, kwargs)), masks, strict=True):
            set_mask(x, mask)
        outputs = call(*args, **kwargs)
        losses = [x._losses[n:] for x, n in zip(inner, counts, strict=True)]
        for x, n in zip(inner, counts, strict=True):
            del x._losses[n:]
        return outputs, [get_mask(y) for y in nest.leaves(outputs)], losses

    outputs, masks, losses = remat(run)(args, kwargs, masks)
    for y, mask in zip(nest.leaves(outputs), masks, strict=True):
        set_mask(y, mask)
    for x, new in zip(inner, losses, strict=True):
        x._losses.extend(new)
    return outputs


def _with_activation_again(layer, *args, **kwargs):
    activation = getattr(layer, "activation", None)
    if not callable(activation):
        return layer.call(*args, **kwargs)
    object.__setattr__(layer, "activation", remat(activation))
    try:
        return layer.call(*args, **kwargs)
    finally:
        object.__setattr__(layer, "activation", activation)
