"""Operations that move elements: reshape, transpose, broadcast, join, cut, pad, gather."""

import itertools
import math

import numpy as np

from ckeras._core import dtypes, hooks
from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.primitive import Alias, Primitive, broadcast_shapes
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import TensorBase, from_numpy, scalar
from ckeras.ops._common import as_dtype, axes_tuple, axis_index, operand, promote, shape_tuple

# ---- records

reshape_p = Alias(
    "reshape",
    lambda x, shape: (shape, x.dtype),
    vjp=lambda ctx, g: (reshape_p.bind(g, shape=ctx.inputs[0].shape),),
    doc="The same elements in row-major order under another shape.",
)

__all__ = [
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "moveaxis",
    "ravel",
    "repeat",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "tile",
    "transpose",
    "unstack",
]


def inverse(perm):
    out = [0] * len(perm)
    for i, p in enumerate(perm):
        out[p] = i
    return tuple(out)


transpose_p = Primitive(
    "transpose",
    lambda x, perm: (tuple([x.shape[p] for p in perm]), x.dtype),
    lambda x, perm: (perm, ()),
    lambda ctx, g: (transpose_p.bind(g, perm=inverse(ctx.attrs["perm"])),),
    "Output dim i is input dim perm[i].",
)

broadcast_p = Primitive(
    "broadcast",
    lambda x, shape: (shape, x.dtype),
    vjp=lambda ctx, g: (hooks.sum_to(g, ctx.inputs[0].shape),),
    doc="Trailing dims aligned, size 1 repeated.",
)


def _concatenate_spec(*xs, axis):
    shape = xs[0].shape
    return shape[:axis] + (sum(x.shape[axis] for x in xs),) + shape[axis + 1 :], xs[0].dtype


def _concatenate_vjp(ctx, g):
    axis, start, grads = ctx.attrs["axis"], 0, []
    for x, need in zip(ctx.inputs, ctx.needs):
        grads.append(cut(g, axis, start, start + x.shape[axis]) if need else None)
        start += x.shape[axis]
    return grads


concatenate_p = Primitive(
    "concatenate", _concatenate_spec, lambda *xs, axis: ((axis,), ()), _concatenate_vjp, "Joined along one axis."
)


def _slice_vjp(ctx, g):
    """Zeros with `g` at the places the slice took."""
    shape, starts, steps = ctx.inputs[0].shape, ctx.attrs["starts"], ctx.attrs["steps"]
    flipped = tuple([i for i, s in enumerate(steps) if s < 0])
    if flipped:
        g = _flip(g, flipped)
    lows, highs, interiors = [], [], []
    for n, d, start, step in zip(g.shape, shape, starts, steps):
        low = start + (n - 1) * step if step < 0 else start
        span = (n - 1) * abs(step) + 1 if n else 0
        low = low if n else 0
        lows.append(low)
        highs.append(d - low - span)
        interiors.append(abs(step) - 1)
    return (pad_p.bind(g, zero(g.dtype), lows=tuple(lows), highs=tuple(highs), interiors=tuple(interiors)),)


slice_p = Primitive(
    "slice",
    lambda x, starts, steps, shape: (shape, x.dtype),
    lambda x, starts, steps, shape: (starts + steps, ()),
    _slice_vjp,
    "x[start::step] per dim, as many elements as the output's shape says.",
)


def _pad_spec(x, value, lows, highs, interiors):
    return tuple(
        [low + high + d + max(0, d - 1) * i for d, low, high, i in zip(x.shape, lows, highs, interiors)]
    ), x.dtype


def _pad_vjp(ctx, g):
    shape, attrs = ctx.inputs[0].shape, ctx.attrs
    lows, highs, interiors = attrs["lows"], attrs["highs"], attrs["interiors"]
    none = (0,) * len(shape)
    widened = pad_p.bind(
        g,
        zero(g.dtype),
        lows=tuple([max(0, -v) for v in lows]),
        highs=tuple([max(0, -v) for v in highs]),
        interiors=none,
    )
    dx = slice_p.bind(
        widened, starts=tuple([max(0, v) for v in lows]), steps=tuple([i + 1 for i in interiors]), shape=shape
    )
    dvalue = hooks.sum_to(g, ()) - hooks.sum_to(dx, ()) if ctx.needs[1] else None
    return dx, dvalue


pad_p = Primitive(
    "pad",
    _pad_spec,
    lambda x, value, lows, highs, interiors: (lows + highs + interiors, ()),
    _pad_vjp,
    "Padded with a value; negative lows and highs crop, interiors go between elements.",
)


def overlapped(frames, step, shape):
    """Sums of `frames` [..., count, size], `step` apart in the last dimension of `shape`."""
    count, size = frames.shape[-2:]
    places = np.arange(count, dtype="int32")[:, None] * step + np.arange(size, dtype="int32")
    return gather_grad_p.bind(from_numpy(places, copy=False), frames, axis=len(shape) - 1, shape=shape)


frames_p = Primitive(
    "frames",
    lambda x, count, size, step: ((*x.shape[:-1], count, size), x.dtype),
    lambda x, count, size, step: ((step,), ()),
    lambda ctx, g: (overlapped(g, ctx.attrs["step"], ctx.inputs[0].shape),),
    "Windows of the last dimension: window i begins at i * step.",
)


def _gather_spec(x, indices, axis, along=False):
    return indices.shape if along else x.shape[:axis] + indices.shape + x.shape[axis + 1 :], x.dtype


gather_p = Primitive(
    "gather",
    _gather_spec,
    lambda x, indices, axis, along=False: ((axis, int(along)), ()),
    lambda ctx, g: (gather_grad_p.bind(ctx.inputs[1], g, shape=ctx.inputs[0].shape, **ctx.attrs), None),
    "x at indices along one axis, or, `along` it, at an index for each element; negative indices count from the end.",
)

gather_grad_p = Primitive(
    "gather_grad",
    lambda indices, g, axis, shape, along=False: (shape, g.dtype),
    lambda indices, g, axis, shape, along=False: ((axis, int(along)), ()),
    lambda ctx, g: (None, gather_p.bind(g, ctx.inputs[0], **{k: v for k, v in ctx.attrs.items() if k != "shape"})),
    "Zeros plus g at the indices, summed in index order.",
)


# ---- what other rooms use


def zero(dtype):
    return scalar(0, dtype)


def to_shape(x, shape):
    return x if x.shape == shape else reshape_p.bind(x, shape=shape)


def widen(x, shape):
    """`x` broadcast to `shape`, which it fits."""
    return x if x.shape == shape else broadcast_p.bind(x, shape=shape)


def permute(x, perm):
    """The transpose; a reshape where all that moves are dimensions of size 1."""
    if perm == tuple(range(len(perm))):
        return x
    shape = x.shape
    longer = [p for p in perm if shape[p] != 1]
    if longer == sorted(longer):
        return reshape_p.bind(x, shape=tuple([shape[p] for p in perm]))
    return transpose_p.bind(x, perm=perm)


def cut(x, axis, start, stop):
    """x[start:stop] along one axis."""
    if start == 0 and stop == x.shape[axis]:
        return x
    n = x.ndim
    starts = tuple([start if i == axis else 0 for i in range(n)])
    shape = x.shape[:axis] + (stop - start,) + x.shape[axis + 1 :]
    return slice_p.bind(x, starts=starts, steps=(1,) * n, shape=shape)


def _flip(x, axes):
    starts = tuple([d - 1 if i in axes and d else 0 for i, d in enumerate(x.shape)])
    steps = tuple([-1 if i in axes else 1 for i in range(x.ndim)])
    return slice_p.bind(x, starts=starts, steps=steps, shape=x.shape)


# ---- public functions


@public_op
def reshape(x, newshape):
    """`x` under another shape with as many elements; one dimension may be -1, which is then computed.

    Raises `ShapeError` when the sizes differ.

    >>> ops.reshape(ops.arange(6), (2, -1)).shape
    (2, 3)
    """
    x = operand(x)
    if isinstance(newshape, TensorBase):
        newshape = newshape.numpy().tolist()
    try:
        dims = [d.__index__() for d in (newshape if isinstance(newshape, (tuple, list)) else (newshape,))]
    except (AttributeError, TypeError):
        raise ArgumentError(f"[reshape] newshape must be integers, one of them may be -1; got {newshape!r}") from None
    free = [i for i, d in enumerate(dims) if d == -1]
    known = math.prod([d for d in dims if d != -1])
    if len(free) > 1 or any(d < -1 for d in dims):
        raise ShapeError(f"[reshape] newshape may hold one -1 and no other negative number, got {tuple(dims)}")
    if free:
        if not known or x.size % known:
            raise ShapeError(f"[reshape] cannot fit {x.size} elements of shape {x.shape} into {tuple(dims)}")
        dims[free[0]] = x.size // known
    elif known != x.size:
        raise ShapeError(f"[reshape] cannot fit {x.size} elements of shape {x.shape} into {tuple(dims)} ({known})")
    return to_shape(x, tuple(dims))


@public_op
def ravel(x):
    """`x` as one dimension."""
    x = operand(x)
    return to_shape(x, (x.size,))


@public_op
def transpose(x, axes=None):
    """`x` with its dimensions permuted: output dimension i is input dimension `axes[i]`; reversed by default.

    >>> ops.transpose(ops.zeros((2, 3, 4)), (1, 0, 2)).shape
    (3, 2, 4)
    """
    x = operand(x)
    if axes is None:
        perm = tuple(range(x.ndim))[::-1]
    else:
        perm = tuple([axis_index("transpose", a, x.ndim, "axes") for a in axes])
        if sorted(perm) != list(range(x.ndim)):
            raise ShapeError(f"[transpose] axes={tuple(axes)} must name each dimension of shape {x.shape} once")
    return permute(x, perm)


@public_op
def swapaxes(x, axis1, axis2):
    """`x` with two dimensions exchanged."""
    x = operand(x)
    i, j = axis_index("swapaxes", axis1, x.ndim, "axis1"), axis_index("swapaxes", axis2, x.ndim, "axis2")
    perm = list(range(x.ndim))
    perm[i], perm[j] = j, i
    return permute(x, tuple(perm))


@public_op
def moveaxis(x, source, destination):
    """`x` with the dimensions `source` moved to the places `destination`; the others keep their order."""
    x = operand(x)

    def axes(name, given):
        given = given if isinstance(given, (tuple, list)) else (given,)
        return [axis_index("moveaxis", a, x.ndim, name) for a in given]

    source, destination = axes("source", source), axes("destination", destination)
    if len(source) != len(destination) or len(set(source)) != len(source) or len(set(destination)) != len(destination):
        raise ArgumentError(f"[moveaxis] source {source} and destination {destination} must pair distinct axes")
    perm = [a for a in range(x.ndim) if a not in source]
    for d, s in sorted(zip(destination, source)):
        perm.insert(d, s)
    return permute(x, tuple(perm))


@public_op
def squeeze(x, axis=None):
    """`x` without its dimensions of size 1, or without those named by `axis`, which must have size 1."""
    x = operand(x)
    if axis is None:
        axes = [i for i, d in enumerate(x.shape) if d == 1]
    else:
        axes = axes_tuple("squeeze", axis, x.ndim)
        bad = [a for a in axes if x.shape[a] != 1]
        if bad:
            raise ShapeError(f"[squeeze] axis {bad[0]} of shape {x.shape} has size {x.shape[bad[0]]}, expected 1")
    return to_shape(x, tuple([d for i, d in enumerate(x.shape) if i not in axes]))


@public_op
def expand_dims(x, axis):
    """`x` with new dimensions of size 1 at `axis` (an integer or several) of the result."""
    x = operand(x)
    rank = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    axes = axes_tuple("expand_dims", axis, rank)
    old = iter(x.shape)
    return to_shape(x, tuple([1 if i in axes else next(old) for i in range(rank)]))


@public_op
def broadcast_to(x, shape):
    """`x` repeated to `shape`: trailing dimensions aligned, each equal or 1. Raises `ShapeError` otherwise."""
    x, shape = operand(x), shape_tuple("broadcast_to", shape)
    try:
        fits = broadcast_shapes(x.shape, shape) == shape
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(f"[broadcast_to] shape {x.shape} does not broadcast to {shape}")
    return widen(x, shape)


def _joined(op, xs):
    if not isinstance(xs, (tuple, list)):
        xs = list(operand(xs))
    if not xs:
        raise ArgumentError(f"[{op}] expected at least one tensor, got none")
    return promote(*xs)


@public_op
def concatenate(xs, axis=0):
    """The tensors `xs` joined along `axis`; the other dimensions must agree. Dtypes are promoted.

    >>> ops.concatenate([ops.zeros((2, 3)), ops.zeros((1, 3))]).shape
    (3, 3)
    """
    xs = _joined("concatenate", xs)
    axis = axis_index("concatenate", axis, xs[0].ndim)
    for i, x in enumerate(xs):
        if x.ndim != xs[0].ndim or any(a != b for d, (a, b) in enumerate(zip(x.shape, xs[0].shape)) if d != axis):
            raise ShapeError(
                f"[concatenate] shapes must agree except along axis {axis}: input 0 has {xs[0].shape}, "
                f"input {i} has {x.shape}"
            )
    return xs[0] if len(xs) == 1 else concatenate_p.bind(*xs, axis=axis)


@public_op
def stack(x, axis=0):
    """The tensors in `x`, of one shape, joined along a new dimension `axis`."""
    xs = _joined("stack", x)
    for i, t in enumerate(xs):
        if t.shape != xs[0].shape:
            raise ShapeError(
                f"[stack] expected equal shapes, got {xs[0].shape} for input 0 and {t.shape} for input {i}"
            )
    axis = axis_index("stack", axis, xs[0].ndim + 1)
    shape = xs[0].shape[:axis] + (1,) + xs[0].shape[axis:]
    parts = [to_shape(t, shape) for t in xs]
    return parts[0] if len(parts) == 1 else concatenate_p.bind(*parts, axis=axis)


@public_op
def unstack(x, num=None, axis=0):
    """The slices of `x` along `axis`, as a list of tensors without that dimension."""
    x = operand(x)
    axis = axis_index("unstack", axis, x.ndim)
    n = x.shape[axis]
    if num is not None and num != n:
        raise ArgumentError(f"[unstack] num={num}, but axis {axis} of shape {x.shape} has size {n}")
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return [to_shape(cut(x, axis, i, i + 1), shape) for i in range(n)]


@public_op
def split(x, indices_or_sections, axis=0):
    """`x` cut along `axis` into that many equal parts, or at the given indices: a list of tensors.

    Raises `ArgumentError` when the parts would not be equal.

    >>> [t.shape for t in ops.split(ops.arange(6), [2, 3])]
    [(2,), (1,), (3,)]
    """
    x = operand(x)
    axis = axis_index("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, (tuple, list)) or getattr(indices_or_sections, "ndim", 0):
        bounds = [0, *[min(max(int(i) + n if i < 0 else int(i), 0), n) for i in indices_or_sections], n]
    else:
        sections = int(indices_or_sections)
        if sections < 1 or n % sections:
            raise ArgumentError(f"[split] axis {axis} of size {n} does not cut into {sections} equal parts")
        bounds = [i * (n // sections) for i in range(sections + 1)]
    return [cut(x, axis, a, max(a, b)) for a, b in itertools.pairwise(bounds)]


@public_op
def flip(x, axis=None):
    """`x` reversed along `axis`: an integer, several, or all."""
    x = operand(x)
    axes = axes_tuple("flip", axis, x.ndim)
    return _flip(x, axes) if axes else x


def check_indices(op, indices):
    indices = operand(indices)
    if indices.dtype not in dtypes.INTS:
        raise DTypeError(f"[{op}] indices must be integers, got {indices.dtype}")
    return as_dtype(indices, "int64" if indices.dtype in ("int64", "uint32", "uint64") else "int32")


@public_op
def take(x, indices, axis=None):
    """Elements of `x` at `indices` along `axis` (of the raveled `x` by default): shape with `axis` replaced by
    `indices.shape`. Negative indices count from the end; one out of range raises `DataError`.

    >>> ops.take([10, 20, 30], [2, 0]).numpy()
    array([30, 10], dtype=int32)
    """
    x, indices = operand(x), check_indices("take", indices)
    if axis is None:
        x, axis = to_shape(x, (x.size,)), 0
    return gather_p.bind(x, indices, axis=axis_index("take", axis, x.ndim))


@public_op
def tile(x, repeats):
    """`x` repeated `repeats[i]` times along dimension i; `repeats` and the shape are padded with 1 on the left."""
    x = operand(x)
    repeats = shape_tuple("tile", repeats)
    rank = max(x.ndim, len(repeats))
    shape = (1,) * (rank - x.ndim) + x.shape
    repeats = (1,) * (rank - len(repeats)) + repeats
    inner = tuple([d for pair in zip((1,) * rank, shape) for d in pair])
    outer = tuple([d for pair in zip(repeats, shape) for d in pair])
    return to_shape(widen(to_shape(x, inner), outer), tuple([r * d for r, d in zip(repeats, shape)]))


@public_op
def repeat(x, repeats, axis=None):
    """Each element of `x` repeated along `axis` (of the raveled `x` by default): `repeats` times, or as often as its
    entry of `repeats` says, which then must be concrete."""
    x = operand(x)
    if axis is None:
        x, axis = to_shape(x, (x.size,)), 0
    axis = axis_index("repeat", axis, x.ndim)
    if isinstance(repeats, (tuple, list)) or getattr(repeats, "ndim", 0):
        counts = [int(r) for r in repeats]
        if len(counts) == 1:
            counts = counts * x.shape[axis]
        if len(counts) != x.shape[axis]:
            raise ShapeError(f"[repeat] expected {x.shape[axis]} repeats for axis {axis}, got {len(counts)}")
        rows = [i for i, c in enumerate(counts) for _ in range(c)]
        return gather_p.bind(x, as_dtype(operand(rows), "int32"), axis=axis)
    return repeated(x, {axis: int(repeats)})


def repeated(x, counts):
    """Each element of `x` repeated `counts[axis]` times along every axis of `counts`."""
    inner, outer, shape = [], [], []
    for i, d in enumerate(x.shape):
        n = counts.get(i)
        inner += [d] if n is None else [d, 1]
        outer += [d] if n is None else [d, n]
        shape.append(d if n is None else d * n)
    return to_shape(widen(to_shape(x, tuple(inner)), tuple(outer)), tuple(shape))


def _hook_stack(xs, axis=0, shape=None):
    out = stack(xs, axis)
    return out if shape is None else to_shape(out, shape)


hooks.stack = _hook_stack
hooks.reshape = to_shape
