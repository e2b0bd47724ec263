"""Images: files and arrays."""

import numpy as np

from ckeras import ops
from ckeras.utils.images import array_to_img, img_to_array, load_img, save_img

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last", **kwargs):
    """Images [H, W, C] or [N, H, W, C] resized to (height, width) without distortion: the middle part of that aspect
    ratio. A NumPy array gives one, a tensor a tensor."""
    if kwargs:
        raise ValueError(f"[smart_resize] unexpected arguments {sorted(kwargs)}")
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(f"[smart_resize] size must be (height, width), got {size!r}")
    out = ops.image.resize(
        x, tuple(size), interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return np.asarray(out) if isinstance(x, np.ndarray) else out
