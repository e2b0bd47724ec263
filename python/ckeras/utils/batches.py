"""Batches: `x`, `(x, y)` or `(x, y, sample_weight)`."""


def unpack_x_y_sample_weight(data):
    """`(x, y, sample_weight)` of a batch: a tuple or list of one to three parts, or `x` alone."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"[data] expected a batch `x`, `(x, y)` or `(x, y, sample_weight)`, got a tuple of "
            f"{len(data)}; several inputs "
            "go into a list or dict in the place of `x`"
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The batch that `unpack_x_y_sample_weight` takes apart."""
    if y is None:
        return x if not isinstance(x, (tuple, list)) else (x,)
    return (x, y) if sample_weight is None else (x, y, sample_weight)
