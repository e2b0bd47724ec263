"""Nested structures: tuples, named tuples, lists and dicts. `None` is a leaf; dicts are walked in sorted key order."""

from ckeras._core import nest

__all__ = [
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


def is_nested(structure):
    """Whether `structure` is a container rather than a leaf."""
    return nest.is_nested(structure)


def flatten(structure):
    """The leaves as a list.

    >>> ckeras.tree.flatten({"b": [1, 2], "a": (3,)})
    [3, 1, 2]
    """
    return nest.leaves_with_none(structure)


def flatten_with_path(structure):
    """A list of `(path, leaf)`; a path is a tuple of keys and indices."""
    found = []

    def walk(path, x):
        children = _children(x)
        if children is None:
            found.append((path, x))
        else:
            for key, child in children:
                walk((*path, key), child)

    walk((), structure)
    return found


def map_structure(func, *structures, none_is_leaf=True):
    """`func` applied to the leaves of structures of one shape; with `none_is_leaf=False`, `None` stays and is skipped.

    Raises `ValueError` when the structures differ.
    """
    if not callable(func):
        raise TypeError(f"[tree.map_structure] func must be callable, got {func!r}")
    if not structures:
        raise ValueError("[tree.map_structure] expected at least one structure after func")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)
    rows = zip(*[flatten(s) for s in structures])
    if none_is_leaf:
        return pack_sequence_as(first, [func(*row) for row in rows])
    return pack_sequence_as(first, [None if all(x is None for x in row) else func(*row) for row in rows])


def map_structure_up_to(shallow_structure, func, *structures):
    """`func` applied to the parts of `structures` that stand where `shallow_structure` has leaves."""
    if not structures:
        raise ValueError("[tree.map_structure_up_to] expected at least one structure after func")
    columns = [_flatten_up_to(shallow_structure, s) for s in structures]
    return pack_sequence_as(shallow_structure, [func(*row) for row in zip(*columns)])


def _flatten_up_to(shallow, x):
    children = _children(shallow)
    if children is None:
        return [x]
    same = isinstance(x, dict) == isinstance(shallow, dict) and nest.is_nested(x) and len(x) == len(shallow)
    if not same or (isinstance(x, dict) and set(x) != set(shallow)):
        raise ValueError(f"[tree] structures differ: expected one like {shallow!r}, got {x!r}")
    return [leaf for key, child in children for leaf in _flatten_up_to(child, x[key])]


def map_shape_structure(func, structure):
    """As `map_structure`, where a tuple or list of integers and `None` (a shape) is a leaf."""

    def walk(x):
        if isinstance(x, (tuple, list)) and all(d is None or isinstance(d, int) for d in x):
            return func(tuple(x))
        children = _children(x)
        if children is None:
            raise ValueError(f"[tree.map_shape_structure] expected a shape, got {x!r}")
        return _like(x, [(key, walk(child)) for key, child in children])

    return walk(structure)


def pack_sequence_as(structure, flat_sequence):
    """A structure shaped as `structure` with the leaves of `flat_sequence`."""
    items = list(flat_sequence)
    wanted = len(flatten(structure))
    if len(items) != wanted:
        raise ValueError(f"[tree.pack_sequence_as] expected {wanted} leaves for the structure, got {len(items)}")
    leaves = iter(items)

    def build(x):
        children = _children(x)
        if children is None:
            return next(leaves)
        return _like(x, [(key, build(child)) for key, child in children])

    return build(structure)


def traverse(func, structure, top_down=True):
    """Visits every container and leaf; what `func` returns replaces the part, `None` keeps it, `MAP_TO_NONE`
    clears it."""

    def walk(x):
        if top_down:
            new = func(x)
            if new is not None:
                return None if new is MAP_TO_NONE else new
        children = _children(x)
        if children is not None:
            x = _like(x, [(key, walk(child)) for key, child in children])
        if not top_down:
            new = func(x)
            if new is not None:
                return None if new is MAP_TO_NONE else new
        return x

    return walk(structure)


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put `None` in a place."""


def lists_to_tuples(structure):
    """The structure with every list made a tuple."""
    children = _children(structure)
    if children is None:
        return structure
    made = [(key, lists_to_tuples(child)) for key, child in children]
    return tuple(v for _, v in made) if isinstance(structure, list) else _like(structure, made)


def assert_same_structure(a, b, check_types=None):
    """Raises `ValueError` where the two structures differ: container kinds, lengths, keys."""
    ca, cb = _children(a), _children(b)
    if ca is None and cb is None:
        return
    kinds_fit = type(a) is type(b) or (isinstance(a, dict) and isinstance(b, dict))
    if ca is None or cb is None or not kinds_fit:
        raise ValueError(f"[tree] structures differ: {a!r} and {b!r}")
    if [k for k, _ in ca] != [k for k, _ in cb]:
        raise ValueError(f"[tree] structures differ: keys {[k for k, _ in ca]} and {[k for k, _ in cb]}")
    for (_, x), (_, y) in zip(ca, cb):
        assert_same_structure(x, y)


def assert_same_paths(a, b):
    """Raises `ValueError` unless the leaves of both stand at the same paths, whatever the container kinds."""
    pa, pb = [{p for p, _ in flatten_with_path(x)} for x in (a, b)]
    if pa != pb:
        raise ValueError(
            f"[tree] paths differ: only in the first {sorted(pa - pb)}, only in the second {sorted(pb - pa)}"
        )


def _children(x):
    """`(key, child)` pairs of a container in walking order; `None` for a leaf."""
    if isinstance(x, dict):
        return [(key, x[key]) for key in sorted(x)]
    if isinstance(x, (tuple, list)):
        return list(enumerate(x))
    return None


def _like(x, children):
    """A container of the kind of `x` with these `(key, child)` pairs."""
    if isinstance(x, dict):
        made = dict(children)
        return {key: made[key] for key in x}
    values = [v for _, v in children]
    if isinstance(x, list):
        return values
    return type(x)(*values) if hasattr(x, "_fields") else tuple(values)
