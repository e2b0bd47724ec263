"""Boxes of images that are cut, padded, turned or moved."""

import math

from ckeras import ops
from ckeras.utils.bounding_boxes.formats import FORMATS, convert_format


def _absolute(name, boxes, format):
    """Boxes as corners in pixels. `ValueError` for formats relative to an image."""
    if not isinstance(format, str) or format.lower() not in FORMATS or format.lower().startswith("rel_"):
        known = [f for f in FORMATS if not f.startswith("rel_")]
        raise ValueError(f"[{name}] bounding_box_format must be one of {known}, got {format!r}")
    return convert_format(boxes, format, "xyxy")


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """The dict with its "boxes" cut at the borders of the image, and -1 for the "labels" of boxes with nothing left.

    `height` and `width` of the image are needed in all formats; in relative ones they may be left out.
    """
    name = "clip_to_image_size"
    relative = isinstance(bounding_box_format, str) and bounding_box_format.lower().startswith("rel_")
    if height is None or width is None:
        if not relative:
            raise ValueError(f"[{name}] give the image's height and width, got {height} and {width}")
        height = width = 1
    corners = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height, width)
    corners = _clipped(corners, height, width)
    found = {**bounding_boxes, "boxes": convert_format(corners, "xyxy", bounding_box_format, height, width)}
    if bounding_boxes.get("labels") is not None:
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        left, top, right, bottom = [corners[..., i] for i in range(4)]
        found["labels"] = ops.where((right - left) * (bottom - top) > 0, labels, ops.cast(-1, labels.dtype))
    return found


def _clipped(corners, height, width):
    return ops.stack([ops.clip(corners[..., i], 0, (width, height)[i % 2]) for i in range(4)], axis=-1)


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes [..., 4] in the part of the image of this size whose corner is at (`top`, `left`), cut at its borders."""
    corners = _absolute("crop", boxes, bounding_box_format)
    moved = corners - ops.convert_to_tensor([left, top, left, top], corners.dtype)
    return convert_format(_clipped(moved, height, width), "xyxy", bounding_box_format)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes [..., 4] in an image with `top` rows and `left` columns put before it.

    The image's `height` and `width` change nothing of boxes in pixels; they are there for callers of Keras.
    """
    corners = _absolute("pad", boxes, bounding_box_format)
    moved = corners + ops.convert_to_tensor([left, top, left, top], corners.dtype)
    return convert_format(moved, "xyxy", bounding_box_format)


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """Upright boxes around the boxes [B, N, 4] of images that are turned, sheared, scaled and moved.

    Per image, tensors [B]: `angle`, `shear_x` and `shear_y` in degrees, `translate_x` and `translate_y` as fractions of
    the image, `scale`. The center, fractions of the image, is the middle unless `center_x`, `center_y` say otherwise.
    """
    corners = _absolute("affine_transform", boxes, bounding_box_format)
    if corners.ndim != 3:
        raise ValueError(f"[affine_transform] boxes must have the shape (batch, N, 4), got {corners.shape}")
    numbers = [ops.cast(x, corners.dtype) for x in (angle, translate_x, translate_y, scale, shear_x, shear_y)]
    turn, move_x, move_y, scale, shear_x, shear_y = numbers
    radians = -math.pi / 180
    turn, shear_x, shear_y = turn * radians, shear_x * radians, shear_y * radians
    middle_x = (0.5 if center_x is None else center_x) * (width - 1)
    middle_y = (0.5 if center_y is None else center_y) * (height - 1)
    # [[a, b], [c, d]]: rotation and shear, of determinant 1; its inverse, scaled, takes the points.
    a = ops.cos(turn - shear_y) / ops.cos(shear_y)
    b = a * ops.tan(shear_x) + ops.sin(turn)
    c = -ops.sin(turn - shear_y) / ops.cos(shear_y)
    d = ops.cos(turn) - c * ops.tan(shear_x)
    from_x = middle_x - move_x * (width - 1)
    from_y = middle_y - move_y * (height - 1)

    def column(x):
        return ops.reshape(x, (-1, 1, 1))

    left, top, right, bottom = [corners[..., i] for i in range(4)]
    xs = ops.stack([left, right, right, left], axis=-1) - column(from_x)
    ys = ops.stack([top, top, bottom, bottom], axis=-1) - column(from_y)
    x = column(scale) * (column(d) * xs - column(b) * ys) + middle_x
    y = column(scale) * (column(a) * ys - column(c) * xs) + middle_y
    ends = [ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1), ops.max(y, axis=-1)]
    return convert_format(ops.stack(ends, axis=-1), "xyxy", bounding_box_format)
