"""Where layers on images move bounding boxes: corners in pixels [N, M, 4], (left, top, right, bottom)."""

from ckeras import ops
from ckeras.ops.image_resize import kept_middle


def inverse(t):
    """The numbers [N, 8] of `ops.image.affine_transform`, which take results to images, the other way round."""
    a0, a1, a2, b0, b1, b2 = (t[:, i] for i in range(6))
    det = a0 * b1 - a1 * b0
    rows = b1, -a1, a1 * b2 - a2 * b1, -b0, a0, a2 * b0 - a0 * b2
    return ops.stack([*[x / det for x in rows], t[:, 6], t[:, 7]], axis=-1)


def around(corners, t):
    """Upright boxes around the boxes that the projections [N, 8] make of `corners`."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (ops.reshape(t[:, i], (-1, 1, 1)) for i in range(8))
    left, top, right, bottom = (corners[..., i] for i in range(4))
    x, y = ops.stack([left, right, right, left], axis=-1), ops.stack([top, top, bottom, bottom], axis=-1)
    depth = c0 * x + c1 * y + 1
    u, v = (a0 * x + a1 * y + a2) / depth, (b0 * x + b1 * y + b2) / depth
    return ops.stack([ops.min(u, -1), ops.min(v, -1), ops.max(u, -1), ops.max(v, -1)], axis=-1)


def resized(corners, old, new, crop=False, pad=False):
    """Boxes of images of the size `old` that `ops.image.resize` brings to the size `new`."""
    shift, scale = [0.0, 0.0], [new[0] / old[0], new[1] / old[1]]
    if crop or pad:
        for axis, (start, length) in enumerate(kept_middle(old, new, crop)):
            shift[axis], scale[axis] = -start, new[axis] / length
    (down, right), (tall, wide) = shift, scale
    return (corners + as_row(right, down, corners)) * as_row(wide, tall, corners)


def as_row(x, y, corners):
    """Numbers for (left, top, right, bottom)."""
    return ops.convert_to_tensor([x, y, x, y], corners.dtype)
