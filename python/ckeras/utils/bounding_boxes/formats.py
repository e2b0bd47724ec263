"""Formats of boxes, and boxes as deltas to anchors."""

import numpy as np

from ckeras import ops
from ckeras._catalog import near_matches
from ckeras._core.settings import epsilon

# Format -> (the order of the axes is y, x; what the numbers are).
_FORMATS = {
    "xyxy": (False, "corners"),
    "yxyx": (True, "corners"),
    "xywh": (False, "size"),
    "center_xywh": (False, "center"),
    "center_yxhw": (True, "center"),
}
FORMATS = (*_FORMATS, *(f"rel_{name}" for name in ("xyxy", "yxyx", "xywh", "center_xywh")))


def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Boxes [..., 4] of one format in another, in `dtype`; a dict is one whose "boxes" are converted.

    Formats, in upper or lower case: "xyxy" (left, top, right, bottom), "yxyx", "xywh" (left, top, width, height),
    "center_xywh", "center_yxhw", and all but the last with "rel_" before it: as fractions of the image's `width` and
    `height`, which they need. Raises `ValueError` for other formats and shapes.

    >>> utils.bounding_boxes.convert_format(np.array([[10, 20, 30, 50]]), "xyxy", "xywh").numpy()
    array([[10., 20., 20., 30.]], dtype=float32)
    """
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    names = []
    for what, name in (("source", source), ("target", target)):
        if not isinstance(name, str) or name.lower() not in FORMATS:
            raise ValueError(f"[convert_format] {what}={name!r} is no format of boxes. {near_matches(name, FORMATS)}")
        names.append(name.lower())
    source, target = names
    boxes = ops.cast(boxes, dtype)
    if not boxes.shape or boxes.shape[-1] != 4:
        raise ValueError(f"[convert_format] boxes must have the shape (..., 4), got {boxes.shape}")
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            f"[convert_format] {source!r} to {target!r} needs the image's height and width, got {height} and {width}"
        )
    if source == target:
        return boxes
    source, target = source.removeprefix("rel_"), target.removeprefix("rel_")
    corners = _to_corners(boxes, *_FORMATS[source])
    if relative[0] != relative[1]:
        w, h = ops.cast(width, dtype), ops.cast(height, dtype)
        sizes = (w, h, w, h)
        corners = [x * s if relative[0] else x / s for x, s in zip(corners, sizes, strict=True)]
    return _from_corners(corners, *_FORMATS[target])


def _to_corners(boxes, swapped, kind):
    """[left, top, right, bottom], each [..., 1]."""
    a, b, c, d = ops.split(boxes, 4, axis=-1)
    if swapped:
        a, b, c, d = b, a, d, c
    if kind == "size":
        c, d = a + c, b + d
    elif kind == "center":
        a, b, c, d = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    return [a, b, c, d]


def _from_corners(corners, swapped, kind):
    a, b, c, d = corners
    if kind == "size":
        c, d = c - a, d - b
    elif kind == "center":
        w, h = c - a, d - b
        a, b, c, d = a + w / 2, b + h / 2, w, h
    if swapped:
        a, b, c, d = b, a, d, c
    return ops.concatenate([a, b, c, d], axis=-1)


def image_size(name, image_shape):
    """(height, width) of an image's shape (height, width, channels), or of `None`."""
    if image_shape is None:
        return None, None
    if len(image_shape) != 3:
        raise ValueError(f"[{name}] image_shape must be (height, width, channels), got {image_shape!r}")
    return image_shape[0], image_shape[1]


def _check_encoding(name, what, encoding, variance):
    if encoding not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"[{name}] {what} must be 'center_xywh' or 'center_yxhw', got {encoding!r}")
    if variance is None:
        return None
    variance = np.asarray(variance, "float32")
    if variance.shape != (4,):
        raise ValueError(f"[{name}] variance must hold 4 numbers, got the shape {variance.shape}")
    return variance


def encode_box_to_deltas(
    anchors, boxes, anchor_format, box_format, encoding_format="center_yxhw", variance=None, image_shape=None
):
    """What a detector learns: how boxes lie to anchors.

    Per anchor [N, 4] and box [N, 4] or [B, N, 4]: the distance of the centers in sizes of the anchor, and the logarithm
    of the ratio of the sizes, in the order of `encoding_format` ("center_yxhw" or "center_xywh"); divided by
    `variance`, 4 numbers, where given. `image_shape` (height, width, channels) is what relative formats need.
    """
    name = "encode_box_to_deltas"
    variance = _check_encoding(name, "encoding_format", encoding_format, variance)
    height, width = image_size(name, image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    sizes = ops.maximum(anchors[..., 2:], epsilon())
    ratio = ops.maximum(boxes[..., 2:], epsilon()) / sizes
    deltas = ops.concatenate([(boxes[..., :2] - anchors[..., :2]) / sizes, ops.log(ratio)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors, boxes_delta, anchor_format, box_format, encoded_format="center_yxhw", variance=None, image_shape=None
):
    """The boxes, in `box_format`, of what `encode_box_to_deltas` gives; dicts of anchors and deltas give a dict."""
    name = "decode_deltas_to_boxes"
    if isinstance(anchors, dict):
        rest = anchor_format, box_format, encoded_format, variance, image_shape
        return {level: decode_deltas_to_boxes(a, boxes_delta[level], *rest) for level, a in anchors.items()}
    variance = _check_encoding(name, "encoded_format", encoded_format, variance)
    height, width = image_size(name, image_shape)
    anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = ops.cast(boxes_delta, anchors.dtype)
    deltas = deltas if variance is None else deltas * variance
    sizes = anchors[..., 2:]
    boxes = ops.concatenate([deltas[..., :2] * sizes + anchors[..., :2], ops.exp(deltas[..., 2:]) * sizes], axis=-1)
    return convert_format(boxes, encoded_format, box_format, height, width)
