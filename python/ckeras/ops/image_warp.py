"""Images looked up at other places: `map_coordinates` and the transforms made of it."""

import itertools
import math

import numpy as np

from ckeras._core.errors import ShapeError
from ckeras._core.rng import draw_seed
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops._common import as_dtype, operand
from ckeras.ops.create import constant
from ckeras.ops.elementwise import absolute, clip, floor, less, logical_and, where
from ckeras.ops.image_common import Layout, back, one_of, stencil, working
from ckeras.ops.image_filters import gaussian_weights
from ckeras.ops.random import random_normal_p
from ckeras.ops.shape import concatenate, gather_p, stack, to_shape, widen
from ckeras.ops.systems import solve

__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]


def _mirror(i, n):
    """c b | a b c | b a."""
    if n == 1:
        return i * 0
    return absolute((i + (n - 1)) % (2 * n - 2) - (n - 1))


# Beyond the border: the place inside that stands for index `i` of a dimension of size `n`.
_MODES = {
    "constant": lambda i, n: i,
    "nearest": lambda i, n: i,
    "wrap": lambda i, n: i % n,
    "mirror": _mirror,
    "reflect": lambda i, n: _mirror(i * 2 + 1, 2 * n + 1) // 2,
}
_ORDERS = {"nearest": 0, "bilinear": 1}


def _sample(flat, axis, sizes, coordinates, order, mode, fill, base=None):
    """Elements of `flat` at float `coordinates`, one tensor for each of `sizes`.

    `axis` of `flat` holds the dimensions `sizes` in row-major order, and the coordinates' shape takes its place in the
    result. With `base`, it also holds the batch: `base` numbers the image of each coordinate.
    """
    taps = []
    for at, n in zip(coordinates, sizes):
        if order == 0:
            near = where(at < 0, -floor(0.5 - at), floor(at + 0.5))
            found = [(near, None)]
        else:
            low = floor(at)
            share = at - low
            found = [(low, 1.0 - share), (low + 1.0, share)]
        places = []
        for index, weight in found:
            # Held where int32 can count; NaN becomes a place that is inside for no mode.
            index = as_dtype(clip(where(index == index, index, -(2.0**29)), -(2.0**29), 2.0**29), "int32")
            place = _MODES[mode](index, n)
            inside = logical_and(less(-1, place), less(place, n)) if mode == "constant" else None
            places.append((clip(place, 0, n - 1), inside, weight))
        taps.append(places)
    tail = (1,) * (flat.ndim - 1 - axis)
    fill = as_dtype(operand(fill), flat.dtype)
    out = None
    for corner in itertools.product(*taps):
        index, valid, weight = base, None, None
        for (place, inside, share), n in zip(corner, sizes):
            index = place if index is None else index * n + place
            if inside is not None:
                valid = inside if valid is None else logical_and(valid, inside)
            if share is not None:
                weight = share if weight is None else weight * share
        value = gather_p.bind(flat, index, axis=axis)
        if valid is not None:
            value = where(to_shape(valid, valid.shape + tail), value, fill)
        if weight is not None:
            value = value * as_dtype(to_shape(weight, weight.shape + tail), flat.dtype)
        out = value if out is None else out + value
    return out


@public_op
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """`inputs` [d0, ..., dn] at `coordinates` [n + 1, ...], of which the first dimension counts the dimensions.

    `order` 0 takes the nearest element (halves away from zero), 1 mixes the nearest 2**(n + 1) linearly; the
    derivatives go to `inputs` and `coordinates`. Beyond the border lies, by `fill_mode`, `fill_value` (`"constant"`),
    the outermost element (`"nearest"`), the other end (`"wrap"`), or the mirror image with (`"reflect"`) or without
    (`"mirror"`) the outermost element. The dtype is that of `inputs`; integers are rounded.

    >>> ops.image.map_coordinates([0.0, 10.0, 20.0], [[0.5, 1.0]], order=1).numpy()
    array([ 5., 10.], dtype=float32)
    """
    one_of("map_coordinates", "order", order, (0, 1))
    one_of("map_coordinates", "fill_mode", fill_mode, tuple(_MODES))
    if isinstance(coordinates, (tuple, list)):
        coordinates = stack(list(coordinates))
    x, at = operand(inputs), working(operand(coordinates))
    if not x.ndim or not at.ndim or at.shape[0] != x.ndim:
        raise ShapeError(
            f"[map_coordinates] coordinates must have one entry for each of the {x.ndim} dimensions of inputs "
            f"{x.shape} in their first dimension, got shape {at.shape}"
        )
    _check_size("map_coordinates", x, at.shape[1:])
    flat = to_shape(working(x), (x.size,))
    out = _sample(flat, 0, x.shape, [at[i] for i in range(x.ndim)], order, fill_mode, fill_value)
    return back(out, x.dtype)


def _check_size(op, x, places):
    if x.size >= 2**31:
        raise ShapeError(f"[{op}] inputs must have fewer than 2**31 elements, got shape {x.shape}")
    if not x.size and math.prod(places):
        raise ShapeError(f"[{op}] inputs of shape {x.shape} have no elements to look up")


def _look_up(layout, ys, xs, order, mode, fill):
    """The images of a layout at the places (ys, xs), each [1 or N, H, W]; with 1, the same places in all."""
    x = layout.images
    if not x.size:
        return layout.restore(x)
    n, h, w, channels = x.shape
    float_x = working(x)
    if ys.shape[0] == 1:
        ys, xs = to_shape(ys, ys.shape[1:]), to_shape(xs, xs.shape[1:])
        out = _sample(to_shape(float_x, (n, h * w, channels)), 1, (h, w), (ys, xs), order, mode, fill)
    else:
        base = from_numpy(np.arange(n, dtype="int32").reshape(n, 1, 1))
        out = _sample(to_shape(float_x, (n * h * w, channels)), 0, (h, w), (ys, xs), order, mode, fill, base)
    return layout.restore(back(out, x.dtype))


def _grid(layout, dtype):
    """The places of the pixels: ys [1, H, 1] and xs [1, 1, W]."""
    h, w = layout.images.shape[1:3]
    ys, xs = np.arange(h).reshape(1, h, 1), np.arange(w).reshape(1, 1, w)
    return tuple([as_dtype(from_numpy(a.astype("float32")), dtype) for a in (ys, xs)])


def _per_image(op, name, value, layout, shape):
    """A float tensor [1 or N, *shape] of one transform for all images, or one each."""
    t = working(operand(value))
    n = layout.images.shape[0]
    if t.shape == shape:
        t = to_shape(t, (1, *shape))
    if t.ndim != len(shape) + 1 or t.shape[1:] != shape or t.shape[0] not in (1, n):
        raise ShapeError(f"[{op}] {name} must be of shape {shape} or {(n, *shape)}, got {operand(value).shape}")
    return t


@public_op
def affine_transform(images, transform, interpolation="bilinear", fill_mode="constant", fill_value=0, data_format=None):
    """Images [N, H, W, C] or [H, W, C] moved by `transform` [8] or [N, 8]: (a0, a1, a2, b0, b1, b2, c0, c1).

    The output at column x, row y is the input at (a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1); parallel
    lines stay so where c0 = c1 = 0. `interpolation`: `"bilinear"` or `"nearest"`; `fill_mode` and `fill_value` as in
    `ops.image.map_coordinates`. The derivatives go to the images and to the transform.

    >>> ops.image.affine_transform(ops.ones((1, 4, 4, 1)), [1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0])[0, 0, :, 0].numpy()
    array([1., 1., 0., 0.], dtype=float32)
    """
    one_of("affine_transform", "interpolation", interpolation, tuple(_ORDERS))
    one_of("affine_transform", "fill_mode", fill_mode, tuple(_MODES))
    layout = Layout("affine_transform", images, data_format)
    t = _per_image("affine_transform", "transform", transform, layout, (8,))
    _check_size("affine_transform", layout.images, (0,))
    return _look_up(layout, *_projected(layout, t), _ORDERS[interpolation], fill_mode, fill_value)


def _projected(layout, t):
    """Where the pixels' values lie, ys and xs [1 or N, H, W], by transforms `t` [1 or N, 8]."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (to_shape(t[:, i], (t.shape[0], 1, 1)) for i in range(8))
    ys, xs = _grid(layout, t.dtype)
    divisor = c0 * xs + c1 * ys + 1.0
    return (b0 * xs + b1 * ys + b2) / divisor, (a0 * xs + a1 * ys + a2) / divisor


@public_op
def perspective_transform(images, start_points, end_points, interpolation="bilinear", fill_value=0, data_format=None):
    """Images in another perspective: what lies at `start_points` comes to `end_points`.

    Both are four points (x, y), [4, 2], or [N, 4, 2] for one perspective an image; no three may lie on a line. What has
    no input is `fill_value`. `interpolation`: `"bilinear"` or `"nearest"`. Raises `DataError` for points that
    determine no perspective.

    >>> corners = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0], [3.0, 3.0]]
    >>> ops.image.perspective_transform(ops.ones((4, 4, 1)), corners, corners).shape
    (4, 4, 1)
    """
    one_of("perspective_transform", "interpolation", interpolation, tuple(_ORDERS))
    layout = Layout("perspective_transform", images, data_format)
    start = _per_image("perspective_transform", "start_points", start_points, layout, (4, 2))
    end = _per_image("perspective_transform", "end_points", end_points, layout, (4, 2))
    _check_size("perspective_transform", layout.images, (0,))
    if not layout.images.size:
        return layout.restore(layout.images)
    n = max(start.shape[0], end.shape[0])
    start, end = (widen(p, (n, 4, 2)) for p in (start, end))
    t = homography(end, as_dtype(start, end.dtype))
    return _look_up(layout, *_projected(layout, t), _ORDERS[interpolation], "constant", fill_value)


def homography(of, to):
    """The eight numbers [n, 8] that take the points `of` to the points `to`, both [n, 4, 2]: from
    u (c0 x + c1 y + 1) = a0 x + a1 y + a2, the same for v, of four points."""
    x, y = of[:, :, 0], of[:, :, 1]
    u, v = to[:, :, 0], to[:, :, 1]
    one, none = constant(x.shape, 1, x.dtype), constant(x.shape, 0, x.dtype)
    for_u = stack([x, y, one, none, none, none, -(x * u), -(y * u)], axis=-1)
    for_v = stack([none, none, none, x, y, one, -(x * v), -(y * v)], axis=-1)
    return solve(concatenate([for_u, for_v], axis=1), concatenate([u, v], axis=1))


@public_op
def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images bent at random: each pixel is looked up `alpha` times a smooth random displacement away.

    The displacements are normal noise of deviation `sigma`, blurred with a Gaussian of deviation `sigma` (Simard et
    al., 2003). `seed` as in `ckeras.random`; the other arguments as in `ops.image.map_coordinates`.

    >>> ops.image.elastic_transform(ops.ones((2, 8, 8, 3)), seed=1).shape
    (2, 8, 8, 3)
    """
    one_of("elastic_transform", "interpolation", interpolation, tuple(_ORDERS))
    one_of("elastic_transform", "fill_mode", fill_mode, tuple(_MODES))
    layout = Layout("elastic_transform", images, data_format)
    _check_size("elastic_transform", layout.images, (0,))
    weights = gaussian_weights("elastic_transform", int(6 * sigma) | 1, sigma)
    shape = layout.images.shape[:3]
    noise = random_normal_p.bind(draw_seed(seed), shape=(2, *shape), dtype="float32", mean=0.0, stddev=float(sigma))
    moved = stencil(stencil(noise, 2, weights), 3, weights) * float(alpha)
    return bend(layout, moved, interpolation, fill_mode, fill_value)


def bend(layout, moved, interpolation, fill_mode, fill_value):
    """The images of a layout with each pixel looked up `moved` [2 (down, right), N, H, W] pixels away."""
    ys, xs = _grid(layout, "float32")
    return _look_up(layout, ys + moved[0], xs + moved[1], _ORDERS[interpolation], fill_mode, fill_value)
