"""Shapes and values of nested arguments."""

from ckeras._core.scope import state


def shape_of(x):
    """The shape of a tensor, or the structure of shapes of a structure of them; `None` for what has none."""
    if isinstance(x, (tuple, list, dict)):
        return map_all(shape_of, x)
    shape = getattr(x, "shape", None)
    return None if shape is None else tuple(shape)


def map_all(fn, x):
    """`fn` on every item of a container."""
    if isinstance(x, dict):
        return {k: fn(v) for k, v in x.items()}
    items = [fn(v) for v in x]
    if isinstance(x, list):
        return items
    return type(x)(*items) if hasattr(x, "_fields") else tuple(items)


def map_shapes(fn, x):
    """`fn` on every shape in a structure of shapes."""
    if x is None:
        return None
    if isinstance(x, (tuple, list)) and all(d is None or isinstance(d, int) for d in x):
        return fn(tuple(x))
    return map_all(lambda v: map_shapes(fn, v), x)


def with_open_dims(shapes):
    """A structure of shapes as it is to be remembered: while an unknown size is stood in for, `None` for that size.

    The last axis has one that weights are made for, so it is always known.
    """
    size = state.stand_in
    if size is None or not isinstance(shapes, (tuple, list, dict)):
        return shapes
    if isinstance(shapes, dict) or not all(d is None or isinstance(d, int) for d in shapes):
        return map_all(with_open_dims, shapes)
    return (*[None if d == size else d for d in shapes[:-1]], *shapes[-1:])


def brief(x):
    """A value for an error message: tensors by shape and dtype."""
    if isinstance(x, (tuple, list)):
        return f"[{', '.join(map(brief, x))}]"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{k!r}: {brief(v)}" for k, v in x.items()) + "}"
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return f"{type(x).__name__}(shape={tuple(x.shape)}, dtype={x.dtype})"
    return repr(x)
