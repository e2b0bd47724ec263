"""Other views of a tensor's elements: its bytes as another dtype, its dimensions by name."""

import math
import re

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras.ops._common import operand
from ckeras.ops.shape import permute, to_shape

__all__ = ["rearrange", "view"]

bitcast_p = Primitive("bitcast", lambda x, shape, dtype: (shape, dtype), doc="The same bytes as another dtype.")


def bits_as(x, dtype):
    """The bytes of `x` as a dtype of the same size."""
    return bitcast_p.bind(x, shape=x.shape, dtype=dtype)


@public_op
def view(x, dtype=None):
    """The bytes of `x` as another `dtype`, which is `x` itself by default.

    Where the sizes differ the last dimension grows or shrinks by the factor. Raises `ShapeError` when it does not
    divide it, `DTypeError` for a view as bool. It has no derivative.

    >>> ops.view(ops.ones(1), "int32").numpy()
    array([1065353216], dtype=int32)
    """
    x = operand(x)
    dtype = x.dtype if dtype is None else dtypes.standardize(dtype)
    if dtype == x.dtype:
        return x
    if dtype == "bool":
        raise DTypeError("[view] bytes have no view as bool; compare with 0: ops.not_equal(x, 0)")
    old, new = dtypes.SIZES[x.dtype], dtypes.SIZES[dtype]
    if old == new:
        return bits_as(x, dtype)
    if not x.shape or x.shape[-1] * old % new:
        raise ShapeError(
            f"[view] the last dimension of shape {x.shape} in {x.dtype} has no whole number of elements of {dtype}"
        )
    return bitcast_p.bind(x, shape=(*x.shape[:-1], x.shape[-1] * old // new), dtype=dtype)


_TOKENS = re.compile(r"\s*(?:(\.\.\.)|([A-Za-z_]\w*)|(1)|([()]))")


def _groups(side, pattern):
    """A side of a pattern as a list with a list of names a dimension; "..." stands for itself."""
    groups, inner, at = [], None, 0
    side = side.rstrip()
    while at < len(side):
        token = _TOKENS.match(side, at)
        if token is None:
            raise ArgumentError(
                f"[rearrange] pattern {pattern!r}: {side[at:].strip()!r} is no name, 1, ... or parenthesis"
            )
        at = token.end()
        dots, name, one, parenthesis = token.groups()
        if parenthesis == "(":
            if inner is not None:
                raise ArgumentError(f"[rearrange] pattern {pattern!r}: parentheses do not nest")
            inner = []
        elif parenthesis == ")":
            if inner is None:
                raise ArgumentError(f"[rearrange] pattern {pattern!r}: a parenthesis closes that none opened")
            groups.append(inner)
            inner = None
        elif inner is not None:
            inner += [] if one else [dots or name]
        else:
            groups.append([] if one else [dots or name])
    if inner is not None:
        raise ArgumentError(f"[rearrange] pattern {pattern!r}: a parenthesis is not closed")
    return groups


def _spelled_out(groups, dots):
    """The groups with "..." replaced by the names `dots`: dimensions of their own, or parts of its group."""
    out = []
    for group in groups:
        if group == ["..."]:
            out += [[name] for name in dots]
        else:
            out.append([n for name in group for n in (dots if name == "..." else [name])])
    return out


def _parse(pattern, rank):
    if not isinstance(pattern, str) or pattern.count("->") != 1:
        raise ArgumentError(f"[rearrange] pattern must be text with one '->', as 'a b -> b a'; got {pattern!r}")
    left, right = [_groups(side, pattern) for side in pattern.split("->")]
    named = sum(group != ["..."] for group in left)
    if (["..."] in left and rank < named) or (["..."] not in left and rank != named):
        raise ShapeError(f"[rearrange] pattern {pattern!r} names {named} dimensions, the tensor has {rank}")
    dots = [f"...{i}" for i in range(rank - named)]
    left, right = _spelled_out(left, dots), _spelled_out(right, dots)
    names = [[name for group in side for name in group] for side in (left, right)]
    if "..." in names[0] or len(set(names[0])) != len(names[0]) or sorted(names[0]) != sorted(names[1]):
        raise ArgumentError(
            f"[rearrange] pattern {pattern!r}: each name must be once on the left and once on the right"
        )
    return left, right


@public_op
def rearrange(tensor, pattern, **axes_lengths):
    """The dimensions of a tensor in another order, split and merged, as a `pattern` says.

    Left of `->` stand the names of the dimensions of `tensor`, right of it those of the result. A dimension that is
    several at once stands in parentheses, of whose sizes `axes_lengths` gives all but one; `1` is a dimension of size
    1, `...` all that are not named. (A. Rogozhnikov, "Einops", ICLR 2022.)

    >>> ops.rearrange(ops.ones((2, 3, 8)), "a b (c d) -> (b a) d c", d=2).shape
    (6, 2, 4)
    """
    x = operand(tensor)
    left, right = _parse(pattern, x.ndim)
    names = [name for group in left for name in group]
    odd = sorted(set(axes_lengths) - set(names))
    if odd:
        raise ArgumentError(f"[rearrange] axes_lengths: {', '.join(odd)} not in pattern {pattern!r}")
    sizes = {name: _size(name, n) for name, n in axes_lengths.items()}
    for group, size in zip(left, x.shape):
        open_names = [name for name in group if name not in sizes]
        known = math.prod([sizes[name] for name in group if name in sizes])
        if len(open_names) > 1:
            raise ArgumentError(
                f"[rearrange] the sizes of {', '.join(open_names)} are not known; give them: "
                f"rearrange(x, {pattern!r}, {open_names[0]}=...)"
            )
        if open_names and known and size % known == 0:
            sizes[open_names[0]] = size // known
        elif open_names or known != size:
            raise ShapeError(
                f"[rearrange] a dimension of size {size} is not ({' '.join(group)}) with sizes {axes_lengths}; shape "
                f"{x.shape}, pattern {pattern!r}"
            )
    x = to_shape(x, tuple([sizes[name] for name in names]))
    order = [names.index(name) for group in right for name in group]
    x = permute(x, tuple(order)) if order != sorted(order) else x
    return to_shape(x, tuple([math.prod([sizes[name] for name in group]) for group in right]))


def _size(name, n):
    try:
        size = n.__index__()
    except (AttributeError, TypeError):
        size = -1
    if size < 0:
        raise ArgumentError(f"[rearrange] {name} must be a size, got {n!r}")
    return size
