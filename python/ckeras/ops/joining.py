"""Joining and cutting as NumPy names them: stacks, splits, rolls, turns, grids."""

import itertools

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras.ops._common import axis_index, operand, promote
from ckeras.ops.padding import extend_p
from ckeras.ops.shape import concatenate, cut, flip, split, swapaxes, to_shape, widen

__all__ = [
    "append",
    "array_split",
    "dsplit",
    "dstack",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "meshgrid",
    "roll",
    "rot90",
    "vsplit",
    "vstack",
]

_MOST_PARTS = 1 << 20  # each is a tensor of its own


@public_op
def append(x1, x2, axis=None):
    """`x1` followed by `x2` along `axis`; both raveled by default.

    >>> ops.append([1, 2], [[3]]).numpy()
    array([1, 2, 3], dtype=int32)
    """
    a, b = promote(x1, x2)
    if axis is None:
        return concatenate([to_shape(a, (a.size,)), to_shape(b, (b.size,))])
    return concatenate([a, b], axis)


@public_op
def array_split(x, indices_or_sections, axis=0):
    """`ops.split` that takes a number of parts which does not divide the size: the first parts are one longer."""
    x = operand(x)
    if isinstance(indices_or_sections, (tuple, list)) or getattr(indices_or_sections, "ndim", 0):
        return split(x, indices_or_sections, axis)
    axis, parts = axis_index("array_split", axis, x.ndim), int(indices_or_sections)
    if not 1 <= parts <= _MOST_PARTS:
        raise ArgumentError(f"[array_split] the number of parts must be in [1, {_MOST_PARTS}], got {parts}")
    size, longer = divmod(x.shape[axis], parts)
    bounds = [i * size + min(i, longer) for i in range(parts + 1)]
    return [cut(x, axis, a, b) for a, b in itertools.pairwise(bounds)]


def _split_along(op, axis, least, x, indices_or_sections):
    x = operand(x)
    if x.ndim < least:
        raise ShapeError(f"[{op}] x must have at least {least} dimensions, got shape {x.shape}")
    return split(x, indices_or_sections, axis)


@public_op
def hsplit(x, indices_or_sections):
    """`ops.split` along the second dimension, or the only one."""
    return _split_along("hsplit", min(1, operand(x).ndim - 1), 1, x, indices_or_sections)


@public_op
def vsplit(x, indices_or_sections):
    """`ops.split` along the first of at least two dimensions."""
    return _split_along("vsplit", 0, 2, x, indices_or_sections)


@public_op
def dsplit(x, indices_or_sections):
    """`ops.split` along the third of at least three dimensions."""
    return _split_along("dsplit", 2, 3, x, indices_or_sections)


# ---- rank


def _rank_1(x):
    return to_shape(x, (1,)) if x.ndim == 0 else x


def _rank_2(x):
    return to_shape(x, (1, *_rank_1(x).shape)) if x.ndim < 2 else x


def _rank_3(x):
    return to_shape(x, (*_rank_2(x).shape, 1)) if x.ndim < 3 else x


def _stacked(op, rank, axis, xs):
    if not isinstance(xs, (tuple, list)):
        xs = list(operand(xs))
    if not xs:
        raise ArgumentError(f"[{op}] expected at least one tensor, got none")
    xs = [rank(operand(x)) for x in xs]
    return concatenate(xs, min(axis, xs[0].ndim - 1))


@public_op
def hstack(xs):
    """The tensors `xs` joined along the second dimension, vectors along the only one."""
    return _stacked("hstack", _rank_1, 1, xs)


@public_op
def vstack(xs):
    """The tensors `xs` joined along the first dimension, vectors as rows."""
    return _stacked("vstack", _rank_2, 0, xs)


@public_op
def dstack(xs):
    """The tensors `xs` joined along the third dimension, [n] as [1, n, 1] and [m, n] as [m, n, 1]."""
    return _stacked("dstack", _rank_3, 2, xs)


# ---- turning


@public_op
def fliplr(x):
    """`x` reversed along its second dimension."""
    x = operand(x)
    if x.ndim < 2:
        raise ShapeError(f"[fliplr] x must have at least 2 dimensions, got shape {x.shape}")
    return flip(x, 1)


@public_op
def flipud(x):
    """`x` reversed along its first dimension."""
    x = operand(x)
    if x.ndim < 1:
        raise ShapeError("[flipud] x must have at least 1 dimension, got shape ()")
    return flip(x, 0)


def _pairs(op, shift, axis, rank):
    shifts = shift if isinstance(shift, (tuple, list)) else (shift,)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    n = max(len(shifts), len(axes))
    if min(len(shifts), len(axes)) not in (1, n):
        raise ArgumentError(f"[{op}] shift={shift} and axis={axis} must pair up")
    shifts, axes = tuple(shifts) * (n // len(shifts)), tuple(axes) * (n // len(axes))
    return [(int(s), axis_index(op, a, rank)) for s, a in zip(shifts, axes)]


@public_op
def roll(x, shift, axis=None):
    """`x` with its elements moved `shift` places along `axis` (raveled by default); what leaves comes in again.

    >>> ops.roll([1, 2, 3], 1).numpy()
    array([3, 1, 2], dtype=int32)
    """
    x = operand(x)
    if axis is None:
        shift = int(sum(shift)) if isinstance(shift, (tuple, list)) else shift
        return to_shape(roll(to_shape(x, (x.size,)), shift, 0), x.shape)
    firsts = [0] * x.ndim
    for places, i in _pairs("roll", shift, axis, x.ndim):
        firsts[i] -= places
    lows = [(n // 2 - (n // 2 + first) % n) if n else 0 for first, n in zip(firsts, x.shape)]  # the shorter way
    return extend_p.bind(x, pairs=tuple([(i, -i) for i in lows]), mode="wrap") if any(lows) and x.size else x


@public_op
def rot90(array, k=1, axes=(0, 1)):
    """`array` turned by `k` quarters in the plane of two `axes`, from the first towards the second."""
    x = operand(array)
    if x.ndim < 2 or len(axes) != 2:
        raise ShapeError(f"[rot90] needs two axes of at least 2 dimensions, got axes={axes} and shape {x.shape}")
    a, b = (axis_index("rot90", i, x.ndim, "axes") for i in axes)
    if a == b:
        raise ArgumentError(f"[rot90] axes={axes} must be two different ones")
    k = int(k) % 4
    if k == 2:
        return flip(x, (a, b))
    if k == 1:
        return swapaxes(flip(x, b), a, b)
    return flip(swapaxes(x, a, b), b) if k else x


@public_op
def meshgrid(*x, indexing="xy"):
    """One tensor for each vector of `x`, which repeats it over a grid of them all.

    `indexing="ij"` gives shapes [n0, n1, ...]; `"xy"` exchanges the first two.

    >>> [t.shape for t in ops.meshgrid([1, 2], [3, 4, 5])]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"[meshgrid] indexing must be 'xy' or 'ij', got {indexing!r}")
    xs = [operand(v) for v in x]
    for v in xs:
        if v.ndim > 1:
            raise ShapeError(f"[meshgrid] expected vectors, got shape {v.shape}")
    shape, rank = tuple([v.size for v in xs]), len(xs)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    shape = tuple([shape[i] for i in order])
    return [widen(to_shape(v, tuple([v.size if d == i else 1 for d in order])), shape) for i, v in enumerate(xs)]
