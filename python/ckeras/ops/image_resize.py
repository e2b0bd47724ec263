"""Images in another size: `resize` and `scale_and_translate`.

Each dimension is resampled on its own. An output element is a weighted sum of input elements; the weights are a kernel
at their distances from the place in the input that the output element stands for, divided by their sum.
"""

import functools
import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops import elementwise, reduce
from ckeras.ops._common import as_dtype, axis_index, operand, shape_tuple
from ckeras.ops.image_common import Layout, back, integers, one_of, working
from ckeras.ops.linalg import matmul
from ckeras.ops.padding import pad
from ckeras.ops.shape import cut, gather_grad_p, gather_p, stack, to_shape

__all__ = ["resize", "scale_and_translate"]

# Up to so many weights an output element are summed one by one; more are a matrix product.
_TAPS = 6


class _Functions:
    """The functions of arrays in which the kernels are written, for tensors; NumPy itself has the same names."""

    abs = staticmethod(elementwise.absolute)
    sin = staticmethod(elementwise.sin)
    where = staticmethod(elementwise.where)
    maximum = staticmethod(elementwise.maximum)
    sum = staticmethod(reduce.sum)


def _triangle(m, x):
    return m.maximum(0.0, 1.0 - m.abs(x))


def _cubic(m, x):
    """Keys (1981), equation 15: a = -1/2."""
    x = m.abs(x)
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return m.where(x >= 2.0, 0.0, m.where(x >= 1.0, far, near))


def _lanczos(radius):
    """Lanczos's window of a sinc: sinc(x) sinc(x / radius)."""

    def kernel(m, x):
        tiny = m.abs(x) < 1e-3
        at = m.where(tiny, 1.0, x) * math.pi
        value = radius * m.sin(at) * m.sin(at * (1.0 / radius)) / (at * at)
        return m.where(m.abs(x) > radius, 0.0, m.where(tiny, 1.0, value))

    return kernel


_KERNELS = {"bilinear": _triangle, "bicubic": _cubic, "lanczos3": _lanczos(3), "lanczos5": _lanczos(5)}
_METHODS = {"linear": _triangle, "triangle": _triangle, "trilinear": _triangle, "cubic": _cubic, "tricubic": _cubic}
_METHODS.update(_KERNELS)


def _weights(m, places, size, step, kernel):
    """[outputs, size]: the share of each input element in each output element.

    `places` [outputs, 1]: where an output element lies among the inputs; `step`: the width of the kernel.
    """
    weights = kernel(m, (places - np.arange(size, dtype=dtypes.numpy_dtype(str(places.dtype)))) / step)
    total = m.sum(weights, axis=1, keepdims=True)
    small = m.abs(total) <= 1000 * 1.2e-7
    weights = m.where(small, 0.0, weights / m.where(small, 1.0, total))
    outside = m.where(places < -0.5, 1.0, 0.0) + m.where(places > size - 0.5, 1.0, 0.0)
    return m.where(outside > 0, 0.0, weights)


def _resample_vjp(ctx, g):
    (x, weights, places), axis = ctx.inputs, ctx.attrs["axis"]
    to_x = to_weights = None
    tail = (1,) * (x.ndim - 1 - axis)
    for k in reversed(range(weights.shape[1])):
        at = places[:, k]
        part = gather_grad_p.bind(at, g * to_shape(weights[:, k], (weights.shape[0], *tail)), axis=axis, shape=x.shape)
        to_x = part if to_x is None else to_x + part
    if ctx.needs[1]:
        rest = tuple([i for i in range(x.ndim) if i != axis])
        to_weights = [reduce.sum(g * gather_p.bind(x, places[:, k], axis=axis), rest) for k in range(weights.shape[1])]
        to_weights = stack(to_weights, axis=1)
    return to_x, to_weights, None


resample_p = Primitive(
    "resample",
    lambda x, weights, places, axis: ((*x.shape[:axis], weights.shape[0], *x.shape[axis + 1 :]), x.dtype),
    lambda x, weights, places, axis: ((axis,), ()),
    _resample_vjp,
    "Sums of the elements at `places` [m, taps] of one axis, times weights [m, taps].",
)


def _taps(weights):
    """Of few weights an output element, their places and shares, [outputs, taps] each; `None` for many."""
    used = weights != 0
    taps = int(used.sum(1).max(initial=1))
    if taps > _TAPS:
        return None
    first = np.argmax(used, axis=1)[:, None] + np.arange(taps)
    places = np.minimum(first, weights.shape[1] - 1).astype("int32")
    return places, np.where(first < weights.shape[1], np.take_along_axis(weights, places, 1), 0)


def _mix_few(x, axis, places, shares):
    wide = x if x.dtype in ("float32", "float64") else as_dtype(x, "float32")
    shares = from_numpy(shares.astype(dtypes.numpy_dtype(wide.dtype)))
    return as_dtype(resample_p.bind(wide, shares, from_numpy(places), axis=axis), x.dtype)


def _mix(x, axis, weights):
    """`weights` [outputs, size] applied along `axis` of `x`."""
    if isinstance(weights, np.ndarray):
        weights = from_numpy(weights.astype(dtypes.numpy_dtype(x.dtype)))
    head, tail = x.shape[:axis], x.shape[axis + 1 :]
    y = to_shape(x, (math.prod(head), x.shape[axis], math.prod(tail)))
    y = matmul(weights, y)
    return to_shape(y, (*head, weights.shape[0], *tail))


def _resized(x, axis, size, interpolation, antialias):
    n = x.shape[axis]
    if n == size:
        return x
    if interpolation == "nearest":
        return gather_p.bind(x, from_numpy(_nearest(n, size)), axis=axis)
    weights, taps = _resizing(n, size, interpolation, antialias)
    return _mix(x, axis, weights) if taps is None else _mix_few(x, axis, *taps)


@functools.lru_cache(maxsize=16)
def _nearest(n, size):
    return np.floor((np.arange(size) + 0.5) * n / size).astype("int32")


@functools.lru_cache(maxsize=16)
def _resizing(n, size, interpolation, antialias):
    """The weights for `size` of `n` elements, and their taps, where those are few: then the weights are `None`."""
    places = ((np.arange(size) + 0.5) * (n / size) - 0.5)[:, None]
    step = max(n / size, 1.0) if antialias else 1.0
    weights = _weights(np, places, n, step, _KERNELS[interpolation])
    taps = _taps(weights)
    return (weights if taps is None else None), taps


def kept_middle(old, new, crop):
    """Of height and width: what is cut of images of the size `old`, or what they become by borders, before they are
    resized to `new` in its aspect ratio: (start, length), the start negative for borders."""
    (h, w), pick = old, min if crop else max
    goal = pick(h, int(w * new[0] / new[1])), pick(w, int(h * new[1] / new[0]))
    found = []
    for n, wanted in zip(old, goal):
        if crop:
            found.append((int((n - wanted) / 2), wanted))
        else:  # as Keras: both sides alike, short of the ratio by one where it is odd
            found.append((-((wanted - n) // 2), n + 2 * ((wanted - n) // 2)))
    return found


def _aspect(x, size, crop, fill_value):
    """The middle of the images in the aspect ratio of `size`, or the images with borders that give it."""
    for axis, (start, length) in enumerate(kept_middle(x.shape[1:3], size, crop), 1):
        if length < x.shape[axis]:
            x = cut(x, axis, start, start + length)
        elif start:
            borders = [(0, 0)] * 4
            borders[axis] = (-start, -start)
            x = pad(x, borders, constant_values=fill_value)
    return x


@public_op
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images in another size `(height, width)`, in their own dtype; integers are rounded.

    `images` [N, H, W, C] or [H, W, C] (channels first by `data_format`). `interpolation`: `"nearest"`, `"bilinear"`,
    `"bicubic"`, `"lanczos3"` or `"lanczos5"`. `antialias` widens the kernel where the images shrink.
    `crop_to_aspect_ratio` takes their middle part of the wanted aspect ratio, `pad_to_aspect_ratio` puts borders of
    `fill_value` around them, where they would else be distorted. Raises `ShapeError` for another rank.

    >>> ops.image.resize(ops.ones((2, 8, 8, 3)), (4, 6)).shape
    (2, 4, 6, 3)
    """
    one_of("resize", "interpolation", interpolation, ("nearest", *_KERNELS))
    one_of("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("[resize] expected one of crop_to_aspect_ratio and pad_to_aspect_ratio, got both")
    if not isinstance(size, (tuple, list)):
        raise ArgumentError(f"[resize] size must be (height, width), got {size!r}")
    size = integers("resize", "size", size, 2, least=1)
    layout = Layout("resize", images, data_format)
    x = layout.images
    if 0 in x.shape[1:3]:
        raise ShapeError(f"[resize] images must have height and width, got shape {operand(images).shape}")
    if x.shape[0] * x.shape[3] * size[0] * size[1] >= 2**31 or max(size) >= 2**24:
        raise ShapeError(
            f"[resize] size must be less than 2**24 each way and 2**31 elements in all, got {size} for images of shape "
            f"{operand(images).shape}"
        )
    dtype = x.dtype
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        x = _aspect(x, size, crop_to_aspect_ratio, fill_value)
    if interpolation != "nearest":
        x = working(x)
    for axis in (1, 2):
        x = _resized(x, axis, size[axis - 1], interpolation, antialias)
    return layout.restore(back(x, dtype))


@public_op
def scale_and_translate(images, output_shape, scale, translation, spatial_dims, method, antialias=True):
    """`images` resampled along `spatial_dims`: what lies at `p` comes to `p * scale + translation`.

    `scale` and `translation` have one number for each of `spatial_dims` and may be traced; the derivatives go to them
    too. `method`: `"linear"` (`"bilinear"`, `"trilinear"`, `"triangle"`), `"cubic"` (`"bicubic"`, `"tricubic"`),
    `"lanczos3"` or `"lanczos5"`. Integers become the default float. What has no input is 0.

    >>> ops.image.scale_and_translate([[1.0, 2.0]], (1, 4), [2.0], [0.0], [1], "linear").numpy()
    array([[1.  , 1.25, 1.75, 2.  ]], dtype=float32)
    """
    one_of("scale_and_translate", "method", method, tuple(_METHODS))
    x = working(operand(images))
    shape = shape_tuple("scale_and_translate", output_shape)
    dims = [axis_index("scale_and_translate", d, x.ndim, "spatial_dims") for d in spatial_dims]
    rest = [i for i in range(x.ndim) if i not in dims]
    if len(shape) != x.ndim or len(set(dims)) != len(dims) or any(shape[i] != x.shape[i] for i in rest):
        raise ShapeError(
            f"[scale_and_translate] output_shape {shape} must be that of images, {x.shape}, apart from spatial_dims "
            f"{tuple(spatial_dims)}, which must differ from each other"
        )
    scale, translation = as_dtype(operand(scale), x.dtype), as_dtype(operand(translation), x.dtype)
    if scale.shape != (len(dims),) or translation.shape != (len(dims),):
        raise ShapeError(
            f"[scale_and_translate] scale and translation must have one number for each of {len(dims)} spatial_dims, "
            f"got shapes {scale.shape} and {translation.shape}"
        )
    for i, axis in enumerate(dims):
        step = 1.0 / scale[i]
        outputs = from_numpy((np.arange(shape[axis]) + 0.5).reshape(-1, 1).astype(dtypes.numpy_dtype(x.dtype)))
        places = (outputs - translation[i]) * step - 0.5
        width = elementwise.maximum(step, 1.0) if antialias else 1.0
        x = _mix(x, axis, _weights(_Functions, places, x.shape[axis], width, _METHODS[method]))
    return x
