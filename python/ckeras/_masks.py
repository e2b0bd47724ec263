"""Masks that travel beside tensors: a bool tensor per masked tensor, kept for as long as the tensor lives."""

import weakref

from ckeras._core import nest
from ckeras._core.tensor import TensorBase

# id of a tensor -> (weak reference to it, its mask). Empty in programs without masking, which then pay one truth test.
_masks = {}


def get_mask(x):
    """The mask of `x`, or `None`."""
    if not _masks:
        return None
    found = _masks.get(id(x))
    return found[1] if found is not None and found[0]() is x else None


def set_mask(x, mask):
    """Attaches `mask` to the tensor `x`; `None` does nothing."""
    if mask is not None:
        key = id(x)
        _masks[key] = weakref.ref(x, lambda _: _masks.pop(key, None)), mask


def any_masks():
    """Whether any tensor has a mask."""
    return bool(_masks)


def masks_of(structure):
    """The masks of a structure of tensors, shaped as it; one `None` when there are none."""
    if not _masks:
        return None
    if not nest.is_nested(structure):
        return get_mask(structure)
    return nest.map_leaves(get_mask, structure)


def _assign(x, mask):
    _masks.pop(id(x), None) if mask is None else set_mask(x, mask)


TensorBase._keras_mask = property(get_mask, _assign, doc="The mask layers gave, or `None`; Keras's name.")
