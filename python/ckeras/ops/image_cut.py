"""Parts of images: patches, cropping, padding."""

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops.image_common import Layout, integers, one_of
from ckeras.ops.shape import cut, gather_p, pad_p, permute, to_shape, zero

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "pad_images"]


def _patches(op, name, inputs, size, strides, dilation_rate, padding, data_format, spatial):
    size = integers(op, "size", size, spatial, least=1)
    strides = size if strides is None else integers(op, "strides", strides, spatial, least=1)
    dilation = integers(op, "dilation_rate", dilation_rate, spatial, least=1)
    one_of(op, "padding", padding, ("valid", "same"))
    layout = Layout(op, inputs, data_format, spatial, name)
    x = layout.images
    # From the last dimension to the first: each becomes [windows, elements of a window].
    for axis in range(spatial, 0, -1):
        n, k, step, gap = x.shape[axis], size[axis - 1], strides[axis - 1], dilation[axis - 1]
        reach = (k - 1) * gap + 1
        if padding == "same":
            count = -(-n // step)
            missing = max((count - 1) * step + reach - n, 0)
            lows = tuple([missing // 2 if i == axis else 0 for i in range(x.ndim)])
            highs = tuple([missing - missing // 2 if i == axis else 0 for i in range(x.ndim)])
            x = pad_p.bind(x, zero(x.dtype), lows=lows, highs=highs, interiors=(0,) * x.ndim)
        else:
            count = (n - reach) // step + 1
        if count < 1:
            raise ShapeError(
                f"[{op}] a patch of {size} (dilation_rate {dilation}) does not fit into {layout.images.shape}"
            )
        places = np.arange(count)[:, None] * step + np.arange(k) * gap
        x = gather_p.bind(x, from_numpy(places.astype("int32")), axis=axis)
    windows, elements = range(1, 2 * spatial, 2), range(2, 2 * spatial + 1, 2)
    x = permute(x, (0, *windows, *elements, 2 * spatial + 1))
    patch = int(np.prod(size)) * x.shape[-1]
    return layout.restore(to_shape(x, (*x.shape[: spatial + 1], patch)))


@public_op
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Patches of `size` (height, width) of images [N, H, W, C] or [H, W, C]: [N, H', W', height * width * C].

    `strides` (by default `size`) lie between patches, `dilation_rate` between the elements of one; `padding` is
    `"valid"` or `"same"` (with zeros). The channels of a patch are in row-major order of (row, column, channel).

    >>> ops.image.extract_patches(ops.ones((2, 6, 6, 3)), 3).shape
    (2, 2, 2, 27)
    """
    return _patches("extract_patches", "images", images, size, strides, dilation_rate, padding, data_format, 2)


@public_op
def extract_patches_3d(volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """As `ops.image.extract_patches`, of volumes [N, D, H, W, C] or [D, H, W, C].

    >>> ops.image.extract_patches_3d(ops.ones((1, 4, 4, 4, 1)), 2).shape
    (1, 2, 2, 2, 8)
    """
    return _patches("extract_patches_3d", "volumes", volumes, size, strides, dilation_rate, padding, data_format, 3)


def _two_of_three(op, what, names, values):
    """The three as given, after a check that exactly one of them is None."""
    if sum(v is None for v in values) != 1:
        got = ", ".join(f"{n}={v}" for n, v in zip(names, values))
        raise ArgumentError(f"[{op}] for the {what}, expected exactly two of {', '.join(names)}; got {got}")
    for n, v in zip(names, values):
        if v is not None:
            integers(op, n, v, 1)
    return values


def _borders(op, word, sign, layout, vertical, horizontal):
    """(before, after) of each of the two dimensions, at least 0: how much to pad (sign 1) or crop (sign -1)."""
    out = []
    rows = (("height", "top", "bottom", vertical), ("width", "left", "right", horizontal))
    for axis, (what, first, last, values) in enumerate(rows, 1):
        names = (f"{first}_{word}", f"{last}_{word}", f"target_{what}")
        before, after, target = _two_of_three(op, what, names, values)
        n = layout.images.shape[axis]
        if before is None:
            before = (target - n) * sign - after
        if after is None:
            after = (target - n) * sign - before
        size = n + sign * (before + after)
        if before < 0 or after < 0 or size <= 0:
            raise ShapeError(
                f"[{op}] {names[0]}={before}, {names[1]}={after} do not fit images of {what} {n} (target {size}): "
                "neither may be negative, and something must be left"
            )
        out.append((before, after))
    return out


@public_op
def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images [N, H, W, C] or [H, W, C] with zeros around. Of each of (top, bottom, height) and (left, right, width),
    two must be given.

    >>> ops.image.pad_images(ops.ones((2, 4, 4, 3)), 1, 2, target_height=6, right_padding=0).shape
    (2, 6, 6, 3)
    """
    layout = Layout("pad_images", images, data_format)
    vertical, horizontal = (top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width)
    (top, bottom), (left, right) = _borders("pad_images", "padding", 1, layout, vertical, horizontal)
    x = layout.images
    x = pad_p.bind(x, zero(x.dtype), lows=(0, top, left, 0), highs=(0, bottom, right, 0), interiors=(0,) * 4)
    return layout.restore(x)


@public_op
def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images [N, H, W, C] or [H, W, C] without their borders. Of each of (top, bottom, height) and (left, right,
    width), two must be given.

    >>> ops.image.crop_images(ops.ones((2, 6, 6, 3)), 1, 2, target_height=4, target_width=4).shape
    (2, 4, 4, 3)
    """
    layout = Layout("crop_images", images, data_format)
    vertical, horizontal = (top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width)
    crops = _borders("crop_images", "cropping", -1, layout, vertical, horizontal)
    x = layout.images
    for axis, (before, after) in enumerate(crops, 1):
        x = cut(x, axis, before, x.shape[axis] - after)
    return layout.restore(x)
