"""Nested structures: tuples, lists, dicts, named tuples and None; anything else is a leaf."""

_NESTED = (tuple, list, dict)


def is_nested(x):
    return isinstance(x, _NESTED)


def leaves(x):
    """The leaves in order; a dict is walked in sorted key order, None holds none."""
    if not isinstance(x, _NESTED):
        return [] if x is None else [x]
    out = []
    _collect(x, out)
    return out


def _collect(x, out):
    if isinstance(x, (tuple, list)):
        for item in x:
            _collect(item, out)
    elif isinstance(x, dict):
        for key in sorted(x):
            _collect(x[key], out)
    elif x is not None:
        out.append(x)


def rebuild(like, items):
    """A structure shaped as `like` whose leaves come from the iterator `items`."""
    if isinstance(like, (tuple, list)):
        parts = [rebuild(item, items) for item in like]
        if isinstance(like, list):
            return parts
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    if isinstance(like, dict):
        made = {key: rebuild(like[key], items) for key in sorted(like)}
        return {key: made[key] for key in like}
    return None if like is None else next(items)


def pack(like, items):
    """`rebuild` from `items`, which may be any iterable."""
    if not isinstance(like, _NESTED):
        return None if like is None else next(iter(items))
    return rebuild(like, iter(items))


def map_leaves(fn, x):
    """`x` with `fn` applied to every leaf."""
    return pack(x, [fn(leaf) for leaf in leaves(x)])


def leaves_with_none(x):
    """As `leaves`, with None a leaf."""
    if isinstance(x, (tuple, list)):
        return [leaf for item in x for leaf in leaves_with_none(item)]
    if isinstance(x, dict):
        return [leaf for key in sorted(x) for leaf in leaves_with_none(x[key])]
    return [x]


def skeleton(x):
    """The structure without its leaves, hashable: equal for structures that hold leaves in the same places."""
    if isinstance(x, (tuple, list)):
        return (x.__class__, *map(skeleton, x))
    if isinstance(x, dict):
        return (dict, *[(key, skeleton(x[key])) for key in sorted(x)])
    return None if x is None else ...
