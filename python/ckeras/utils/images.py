"""Images as files, as Pillow's objects, and as arrays."""

import io
import os
import warnings

import numpy as np

from ckeras._core import dtypes
from ckeras._core.settings import standardize_data_format

_COLOURS = {"grayscale": ("L", "I;16", "I"), "rgb": ("RGB",), "rgba": ("RGBA",)}
_METHODS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(what):
    """Pillow's `Image`; `ImportError` that says how to install it, for the function `what`."""
    try:
        from PIL import Image
    except ImportError as e:
        raise ImportError(f"[{what}] needs Pillow: pip install pillow") from e
    return Image


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """A Pillow image of an array [H, W, channels] with 1, 3 or 4 channels; `scale` spreads its values over [0, 255].

    `dtype` is that in which it is computed, by default the default float dtype. Raises `ValueError` for other shapes.
    """
    image = pillow("array_to_img")
    x = np.asarray(x, dtypes.floatx() if dtype is None else dtype)
    if x.ndim != 3:
        raise ValueError(f"[array_to_img] x must be of rank 3, one image, got shape {x.shape}")
    if standardize_data_format(data_format) == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - x.min()
        x = x * (255 / x.max()) if x.max() else x
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"[array_to_img] x must have 1, 3 or 4 channels, got shape {x.shape}")
    if x.shape[2] == 1:
        x = x[:, :, 0]
        return image.fromarray(x.astype("int32" if x.max() > 255 else "uint8"))
    return image.fromarray(x.astype("uint8"))


def img_to_array(img, data_format=None, dtype=None):
    """The array [H, W, channels] of a Pillow image, in the default float dtype or `dtype`.

    Raises `ValueError` for what is no image of rank 2 or 3.
    """
    x = np.asarray(img, dtypes.floatx() if dtype is None else dtype)
    if x.ndim not in (2, 3):
        raise ValueError(f"[img_to_array] expected an image of rank 2 or 3, got shape {x.shape}")
    x = x[:, :, None] if x.ndim == 2 else x
    return x.transpose(2, 0, 1) if standardize_data_format(data_format) == "channels_first" else x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image file, in the format of the path's ending or `file_format`; other arguments go to
    Pillow's `save`. A JPEG has no fourth channel: it is left out, with a warning."""
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(path)[1][1:].lower()
    file_format = "jpeg" if (file_format or "").lower() == "jpg" else file_format
    img = array_to_img(x, data_format, scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("[save_img] JPEG has no transparency: the fourth channel is left out", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """A Pillow image of a file (a path, or a `BytesIO`).

    `color_mode`: `"rgb"`, `"rgba"` or `"grayscale"`. `target_size` (height, width) resizes it by `interpolation`;
    `keep_aspect_ratio` cuts the middle of that aspect ratio first.
    """
    image = pillow("load_img")
    if color_mode not in _COLOURS:
        raise ValueError(f"[load_img] color_mode must be one of {', '.join(map(repr, _COLOURS))}, got {color_mode!r}")
    if interpolation not in _METHODS:
        known = ", ".join(map(repr, _METHODS))
        raise ValueError(f"[load_img] interpolation must be one of {known}, got {interpolation!r}")
    if isinstance(path, io.BytesIO):
        img = image.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as f:
            img = image.open(io.BytesIO(f.read()))
    else:
        raise TypeError(f"[load_img] path must be a path or a BytesIO, got {type(path).__name__}")
    modes = _COLOURS[color_mode]
    img = img if img.mode in modes else img.convert(modes[0])
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    height, width = target_size
    box = None
    if keep_aspect_ratio:
        top, left, tall, wide = _middle(img.size[1], img.size[0], height, width)
        box = left, top, left + wide, top + tall
    return img.resize((width, height), getattr(image.Resampling, interpolation.upper()), box=box)


def _middle(height, width, target_height, target_width):
    """(top, left, height, width) of the largest middle part with the target's aspect ratio."""
    tall = max(min(height, width * target_height // target_width), 1)
    wide = max(min(width, height * target_width // target_height), 1)
    return (height - tall) // 2, (width - wide) // 2, tall, wide
