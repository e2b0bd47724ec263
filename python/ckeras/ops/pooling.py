"""Maxima and means over windows along one, two or three spatial dimensions, and over a given number of windows."""

import functools
import itertools
import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.scope import state
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy, scalar
from ckeras.ops._common import float_operand, operand
from ckeras.ops._spatial import as_given, channels_last, out_size, padding_of, per_dim
from ckeras.ops.elementwise import maximum, where
from ckeras.ops.reduce import max_p, sum_p
from ckeras.ops.shape import gather_p, pad_p, slice_p, to_shape

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]

# ---- records
# Geometry attributes, of d spatial dimensions: size (d), strides (d), pads (d times low and high).


def _ints(*args, size, strides, pads, shape=None):
    return (*size, *strides, *pads), ()


def _spec(x, *rest, size, strides, pads):
    spatial = zip(x.shape[1:-1], size, strides, pads[::2], pads[1::2])
    return (x.shape[0], *[out_size(n, k, s, 1, low, high) for n, k, s, low, high in spatial], x.shape[-1]), x.dtype


def _geometry(attrs):
    return {k: v for k, v in attrs.items() if k != "shape"}


def _max_with_places_spec(x, **geometry):
    shape, dtype = _spec(x, **geometry)
    return [(shape, dtype), (shape, "uint8" if math.prod(geometry["size"]) <= 256 else "int32")]


def _max_pool_vjp(ctx, g):
    places = max_pool_places_p.bind(ctx.inputs[0], **ctx.attrs)[1]
    return (max_pool_grad_p.bind(g, places, shape=ctx.inputs[0].shape, **ctx.attrs),)


class _MaxPool(Primitive):
    """What a tape follows keeps the places of the maxima on the way forward, so that nothing is searched again."""

    def bind(self, x, **attrs):
        for tape in state.tapes:
            if tape.follows(x):
                return max_pool_places_p.bind(x, **attrs)[0]
        return super().bind(x, **attrs)


class _MaxPoolPlaces(Primitive):
    partial = True  # places have no gradient


max_pool_p = _MaxPool(
    "max_pool", _spec, _ints, _max_pool_vjp, "The maximum of each window of [N, spatial..., C]; padding never wins."
)
max_pool_places_p = _MaxPoolPlaces(
    "max_pool_places",
    _max_with_places_spec,
    _ints,
    lambda ctx, g, _: (max_pool_grad_p.bind(g, ctx.outputs[1], shape=ctx.inputs[0].shape, **ctx.attrs),),
    "The maximum of each window, and the number of its first place in the window.",
    multi=True,
)
max_pool_grad_p = Primitive(
    "max_pool_grad",
    lambda dy, places, *, shape, **geometry: (shape, dy.dtype),
    _ints,
    lambda ctx, g: (max_pool_pick_p.bind(g, ctx.inputs[1], **_geometry(ctx.attrs)), None),
    "dy to the place of each window's maximum.",
)
max_pool_pick_p = Primitive(
    "max_pool_pick",
    _spec,
    _ints,
    lambda ctx, g: (max_pool_grad_p.bind(g, ctx.inputs[1], shape=ctx.inputs[0].shape, **ctx.attrs), None),
    "v at the place of each window's maximum.",
)
avg_pool_p = Primitive(
    "avg_pool",
    _spec,
    _ints,
    lambda ctx, g: (avg_pool_grad_p.bind(g, shape=ctx.inputs[0].shape, **ctx.attrs),),
    "The mean of each window of [N, spatial..., C]; padding does not count.",
)
avg_pool_grad_p = Primitive(
    "avg_pool_grad",
    lambda dy, *, shape, **geometry: (shape, dy.dtype),
    _ints,
    lambda ctx, g: (avg_pool_p.bind(g, **_geometry(ctx.attrs)),),
    "dy, over how many places its window has, to all of them.",
)


# ---- public functions


def _max_of_integers(x, size, strides, pads):
    """`max_pool_p` of what has no gradient and needs no kernel: a maximum over slices, one a place of the window."""
    shape, dtype = _spec(x, size=size, strides=strides, pads=pads)
    least = False if dtype == "bool" else np.iinfo(dtype).min
    none = (0,) * x.ndim
    x = pad_p.bind(x, scalar(least, dtype), lows=(0, *pads[::2], 0), highs=(0, *pads[1::2], 0), interiors=none)
    places = itertools.product(*map(range, size))
    return functools.reduce(
        maximum, [slice_p.bind(x, starts=(0, *p, 0), steps=(1, *strides, 1), shape=shape) for p in places]
    )


def _pool(op, primitive, x, pool_size, strides, padding, data_format):
    x, n, first = channels_last(op, x, data_format)
    size = per_dim(op, "pool_size", pool_size, n)
    strides = size if strides is None else per_dim(op, "strides", strides, n)
    pads = padding_of(op, padding, x.shape[1:-1], size, strides)
    if primitive is max_pool_p and x.dtype not in dtypes.FLOATS:
        return as_given(_max_of_integers(x, size, strides, pads), first)
    return as_given(primitive.bind(x, size=size, strides=strides, pads=pads), first)


@public_op
def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The maximum of each window of `pool_size`, `strides` apart (`pool_size` by default).

    `inputs` [N, ..., C] with one to three spatial dimensions, or [N, C, ...] with `data_format="channels_first"`.
    NaN counts as the maximum; padding never wins. Equal maxima: the gradient goes to the first in row-major order.

    >>> ops.max_pool(ops.ones((1, 8, 8, 3)), 2).shape
    (1, 4, 4, 3)
    """
    return _pool("max_pool", max_pool_p, operand(inputs), pool_size, strides, padding, data_format)


@public_op
def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """The mean of each window of `pool_size`, `strides` apart (`pool_size` by default); padding does not count.

    `inputs` [N, ..., C] with one to three spatial dimensions, or [N, C, ...] with `data_format="channels_first"`.
    Integers are averaged as the default float.

    >>> ops.average_pool(ops.ones((1, 8, 8, 3)), 2).shape
    (1, 4, 4, 3)
    """
    return _pool("average_pool", avg_pool_p, float_operand(inputs), pool_size, strides, padding, data_format)


# ---- adaptive: as many windows as asked for


def _adaptive(op, x, output_size, data_format, reduce):
    rank = x.ndim - 2
    if not 1 <= rank <= 3:
        raise ShapeError(
            f"[{op}] inputs must have a batch, one to three spatial, and a channel dimension, got shape {x.shape}"
        )
    sizes = per_dim(op, "output_size", output_size, rank)
    start = 2 if standardize_data_format(data_format) == "channels_first" else 1
    for axis, windows in enumerate(sizes, start):
        n = x.shape[axis]
        if not n:
            raise ShapeError(f"[{op}] dimension {axis} of shape {x.shape} has no elements")
        x = _cut_and_reduce(x, axis, n, windows, reduce)
    return x


def _cut_and_reduce(x, axis, n, windows, reduce):
    """`reduce(values, axis, whether each place counts, None for all)` of the windows of one dimension."""
    if n % windows == 0:
        return reduce(to_shape(x, (*x.shape[:axis], windows, n // windows, *x.shape[axis + 1 :])), axis + 1, None)
    i = np.arange(windows)
    starts, ends = i * n // windows, -(-(i + 1) * n // windows)
    # Shorter windows repeat their last place, which does not count again.
    places = starts[:, None] + np.arange((ends - starts).max())
    counts = places < ends[:, None]
    places = np.minimum(places, ends[:, None] - 1)
    x = gather_p.bind(x, from_numpy(places.astype("int32")), axis=axis)
    return reduce(x, axis + 1, counts.reshape(*counts.shape, *(1,) * (x.ndim - axis - 2)))


def _maxima(x, axis, counts):
    return max_p.bind(x, axes=(axis,))


def _means(x, axis, counts):
    if counts is None:
        return sum_p.bind(x, axes=(axis,)) / x.shape[axis]
    dtype = dtypes.numpy_dtype(x.dtype)
    x = where(from_numpy(counts), x, from_numpy(np.zeros((), dtype)))
    return sum_p.bind(x, axes=(axis,)) / from_numpy(counts.sum(1).astype(dtype))


@public_op
def adaptive_average_pool(inputs, output_size, data_format=None):
    """Means over `output_size` windows a spatial dimension, of nearly equal size and overlapping where they must.

    Window i of m covers [floor(i n / m), ceil((i + 1) n / m)). `inputs` [N, ..., C], or channels first; one to three
    spatial dimensions.

    >>> ops.adaptive_average_pool(ops.ones((1, 8, 8, 3)), 3).shape
    (1, 3, 3, 3)
    """
    return _adaptive("adaptive_average_pool", float_operand(inputs), output_size, data_format, _means)


@public_op
def adaptive_max_pool(inputs, output_size, data_format=None):
    """Maxima over `output_size` windows a spatial dimension, cut as in `ops.adaptive_average_pool`.

    >>> ops.adaptive_max_pool(ops.ones((1, 8, 8, 3)), 3).shape
    (1, 3, 3, 3)
    """
    return _adaptive("adaptive_max_pool", operand(inputs), output_size, data_format, _maxima)
