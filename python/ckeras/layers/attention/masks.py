"""Masks and checks that layers of attention share. Masks are bool, True where a query attends to a key."""

from ckeras import ops
from ckeras.layers._arguments import is_number


def check_dropout(where, rate):
    """`rate` when it is a number in [0, 1]; `ValueError` otherwise."""
    if not is_number(rate) or not 0 <= rate <= 1:
        raise ValueError(f"[{where}] dropout must be a number in [0, 1], got {rate!r}")
    return rate


def check_window(where, window):
    """`None` or a positive integer; `ValueError` otherwise."""
    if window is not None and (isinstance(window, bool) or not isinstance(window, int) or window < 1):
        raise ValueError(f"[{where}] sliding_window must be None or a positive integer, got {window!r}")
    return window


def causal_mask(queries, keys):
    """`(1, queries, keys)`: no query sees a later key."""
    return ops.expand_dims(ops.greater_equal(_column(queries), ops.arange(keys, dtype="int32")), 0)


def window_mask(queries, keys, window):
    """`(1, queries, keys)`: a query sees the keys less than `window` places away, on both sides."""
    away = ops.absolute(ops.subtract(_column(queries), ops.arange(keys, dtype="int32")))
    return ops.expand_dims(ops.less(away, window), 0)


def _column(n):
    return ops.expand_dims(ops.arange(n, dtype="int32"), -1)


def joined(*masks):
    """Where all masks that are not `None` are true; `None` when all are."""
    out = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            out = mask if out is None else ops.logical_and(out, mask)
    return out


def attention_mask(layer, query, value, query_mask, value_mask, key_mask, mask, causal, window):
    """The mask `(batch or 1, T, S)` of everything that hides keys from queries, or `None`.

    `query` and `value` give T and S, their dimension 1. Raises `ValueError` when a mask does not fit them.
    """
    queries, keys = query.shape[1], value.shape[1]
    for name, m, size in (
        ("query_mask", query_mask, queries),
        ("value_mask", value_mask, keys),
        ("key_mask", key_mask, keys),
    ):
        if m is not None and (len(m.shape) != 2 or m.shape[1] != size):
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}): {name} must have shape (batch, {size}), got "
                f"{tuple(m.shape)}"
            )
    return joined(
        mask,
        None if query_mask is None else ops.expand_dims(query_mask, -1),
        None if value_mask is None else ops.expand_dims(value_mask, -2),
        None if key_mask is None else ops.expand_dims(key_mask, -2),
        causal_mask(queries, keys) if causal else None,
        None if window is None else window_mask(queries, keys, window),
    )
