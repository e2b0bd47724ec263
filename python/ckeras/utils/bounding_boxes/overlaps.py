"""How much boxes overlap."""

import math

from ckeras import ops
from ckeras._core.settings import epsilon
from ckeras.utils.bounding_boxes.formats import convert_format, image_size


def _corners(name, boxes, format, image_shape):
    """[left, top, right, bottom], each [...]."""
    height, width = image_size(name, image_shape)
    boxes = convert_format(boxes, format, "xyxy", height, width)
    return boxes, [boxes[..., i] for i in range(4)]


def compute_iou(boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None):
    """The area that each pair of boxes shares, over the area that they cover together.

    `boxes1` [M, 4] or [B, M, 4], `boxes2` [N, 4] or [B, N, 4]; the result is [M, N] or [B, M, N]. `use_masking` gives
    `mask_val` for pairs with a box whose four numbers (as corners) are all negative: boxes that fill a batch up.
    `image_shape` (height, width, channels) is what relative formats need. Raises `ValueError` for other ranks.

    >>> utils.bounding_boxes.compute_iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2]]), "xyxy").numpy()
    array([[0.33333334]], dtype=float32)
    """
    name = "compute_iou"
    boxes1, first = _corners(name, boxes1, bounding_box_format, image_shape)
    boxes2, second = _corners(name, boxes2, bounding_box_format, image_shape)
    for what, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        if boxes.ndim not in (2, 3):
            raise ValueError(f"[{name}] {what} must have the shape (N, 4) or (batch, N, 4), got {boxes.shape}")
    l1, t1, r1, b1 = [ops.expand_dims(x, -1) for x in first]
    l2, t2, r2, b2 = [ops.expand_dims(x, -2) for x in second]
    wide = ops.maximum(ops.minimum(r1, r2) - ops.maximum(l1, l2), 0)
    tall = ops.maximum(ops.minimum(b1, b2) - ops.maximum(t1, t2), 0)
    shared = wide * tall
    covered = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - shared
    found = shared / (covered + epsilon())
    if not use_masking:
        return found
    filler1 = ops.expand_dims(ops.max(boxes1, axis=-1) < 0, -1)
    filler2 = ops.expand_dims(ops.max(boxes2, axis=-1) < 0, -2)
    return ops.where(ops.logical_or(filler1, filler2), ops.cast(mask_val, found.dtype), found)


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """The complete IoU of each box [..., 4] with the box at the same place: the IoU less the squared distance of the
    centers, over that of the corners of the box around both, and less a term for sides of another ratio.

    Source: Zheng et al., "Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression", 2020.
    """
    name, tiny = "compute_ciou", epsilon()
    _, (l1, t1, r1, b1) = _corners(name, boxes1, bounding_box_format, image_shape)
    _, (l2, t2, r2, b2) = _corners(name, boxes2, bounding_box_format, image_shape)
    w1, h1, w2, h2 = r1 - l1, b1 - t1 + tiny, r2 - l2, b2 - t2 + tiny
    shared = ops.maximum(ops.minimum(r1, r2) - ops.maximum(l1, l2), 0) * ops.maximum(
        ops.minimum(b1, b2) - ops.maximum(t1, t2), 0
    )
    iou = shared / (w1 * h1 + w2 * h2 - shared + 2 * tiny)
    around = (
        ops.square(ops.maximum(r1, r2) - ops.minimum(l1, l2)) + ops.square(ops.maximum(b1, b2) - ops.minimum(t1, t2))
    ) + tiny
    apart = ops.square((l1 + r1 - l2 - r2) / 2) + ops.square((t1 + b1 - t2 - b2) / 2)
    ratio = ops.square(ops.arctan(w2 / h2) - ops.arctan(w1 / h1)) * (4 / math.pi**2)
    return iou - apart / around - ratio * ratio / (ratio - iou + (1 + tiny))
