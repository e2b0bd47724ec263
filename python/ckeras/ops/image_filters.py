"""Colours, blur, edges and similarity of images."""

import math

from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, TensorBase
from ckeras.ops._common import as_dtype, check_float, operand, promote
from ckeras.ops.elementwise import exp, maximum, minimum, mod, where
from ckeras.ops.image_common import Layout, integers, stencil, working
from ckeras.ops.reduce import mean
from ckeras.ops.shape import concatenate, stack, unstack

__all__ = ["gaussian_blur", "hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv", "sobel_edges", "ssim"]

# The share of red, green and blue in brightness (ITU-R BT.601, to four digits).
_LUMA = (0.2989, 0.5870, 0.1140)


def _colours(op, images, data_format):
    """The layout of images and their three channels."""
    layout = Layout(op, images, data_format)
    if layout.images.shape[-1] != 3:
        raise ShapeError(f"[{op}] images must have 3 channels, got shape {operand(images).shape}")
    return layout, unstack(layout.images, axis=-1)


@public_op
def rgb_to_grayscale(images, data_format=None):
    """The brightness of RGB images [..., H, W, 3] as one channel, in their dtype; images of one channel as they are.

    >>> ops.image.rgb_to_grayscale([[[1.0, 0.0, 0.0]]]).numpy()
    array([[[0.2989]]], dtype=float32)
    """
    layout = Layout("rgb_to_grayscale", images, data_format)
    if layout.images.shape[-1] == 1:
        return operand(images)
    layout, channels = _colours("rgb_to_grayscale", images, data_format)
    dtype = layout.images.dtype
    gray = None
    for c, share in zip(channels, _LUMA):
        part = working(c) * share
        gray = part if gray is None else gray + part
    return layout.restore(as_dtype(stack([gray], axis=-1), dtype))


@public_op
def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value, each in [0, 1], of RGB images of a float dtype with values in [0, 1].

    >>> ops.image.rgb_to_hsv([[[0.0, 1.0, 0.0]]]).numpy().round(4)
    array([[[0.3333, 1.    , 1.    ]]], dtype=float32)
    """
    check_float("rgb_to_hsv", operand(images), "images")
    layout, (r, g, b) = _colours("rgb_to_hsv", images, data_format)
    value = maximum(maximum(r, g), b)
    spread = value - minimum(minimum(r, g), b)
    gray = spread <= 0
    divisor = where(gray, 1.0, spread)
    hue = where(value == r, (g - b) / divisor, where(value == g, (b - r) / divisor + 2.0, (r - g) / divisor + 4.0)) * (
        1 / 6
    )
    hue = where(gray, 0.0, where(hue < 0, hue + 1.0, hue))
    saturation = where(value > 0, spread / where(value > 0, value, 1.0), 0.0)
    return layout.restore(stack([hue, saturation, value], axis=-1))


@public_op
def hsv_to_rgb(images, data_format=None):
    """RGB images of images of hue, saturation and value, all in [0, 1]; hues beyond go round. A float dtype.

    >>> ops.image.hsv_to_rgb([[[0.5, 1.0, 1.0]]]).numpy()
    array([[[0., 1., 1.]]], dtype=float32)
    """
    check_float("hsv_to_rgb", operand(images), "images")
    layout, (h, s, v) = _colours("hsv_to_rgb", images, data_format)
    parts = []
    for shift in (5.0, 3.0, 1.0):
        k = mod(h * 6.0 + shift, 6.0)
        parts.append(v - v * s * maximum(0.0, minimum(minimum(k, 4.0 - k), 1.0)))
    return layout.restore(stack(parts, axis=-1))


def gaussian_weights(op, count, sigma):
    """`count` weights of a Gaussian about the middle, of sum 1: numbers, or tensors where `sigma` is one."""
    squares = [(i - (count - 1) / 2) ** 2 for i in range(count)]
    if isinstance(sigma, TensorBase) and sigma.__class__ is not Tensor:
        weights = [exp(d / (sigma * sigma * -2.0)) for d in squares]
        return [w / sum(weights[1:], weights[0]) for w in weights]
    sigma = float(sigma)
    if not sigma > 0 or not math.isfinite(sigma):
        raise ArgumentError(f"[{op}] sigma must be a positive number, got {sigma}")
    weights = [math.exp(-d / (2 * sigma * sigma)) for d in squares]
    # A deviation so small that no weight is left has the middle alone.
    total = sum(weights)
    return [w / total for w in weights] if total > 0 else [float(d == min(squares)) for d in squares]


@public_op
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images blurred with Gaussians of standard deviations `sigma`, cut off at `kernel_size`; both (width, height).

    Zeros lie around the images. A float dtype; integers raise `DTypeError`, for most weights are not integers.

    >>> ops.image.gaussian_blur(ops.ones((1, 8, 8, 3)), (5, 5), (1.0, 2.0)).shape
    (1, 8, 8, 3)
    """
    check_float("gaussian_blur", operand(images), "images")
    counts = integers("gaussian_blur", "kernel_size", kernel_size, 2, least=1)
    sigmas = (sigma,) * 2 if isinstance(sigma, (int, float)) else tuple(sigma)
    if len(sigmas) != 2:
        raise ArgumentError(f"[gaussian_blur] sigma must be two numbers, got {sigma!r}")
    layout = Layout("gaussian_blur", images, data_format)
    x = layout.images
    for axis, count, s in zip((2, 1), counts, sigmas):
        x = as_dtype(stencil(x, axis, gaussian_weights("gaussian_blur", count, s)), layout.images.dtype)
    return layout.restore(x)


@public_op
def sobel_edges(images, data_format=None):
    """The vertical and the horizontal difference (Sobel's operator), as a last dimension of 2; zeros lie around.

    >>> ops.image.sobel_edges(ops.ones((1, 5, 5, 3))).shape
    (1, 5, 5, 3, 2)
    """
    layout = Layout("sobel_edges", images, data_format)
    x = layout.images
    if x.dtype in ("bool", "uint8", "uint16", "uint32", "uint64"):
        raise DTypeError(f"[sobel_edges] differences need a signed dtype, got {x.dtype}; ops.cast it to int32 or float")
    vertical = stencil(stencil(x, 1, (-1, 0, 1)), 2, (1, 2, 1))
    horizontal = stencil(stencil(x, 2, (-1, 0, 1)), 1, (1, 2, 1))
    return layout.restore(stack([vertical, horizontal], axis=-1))


@public_op
def ssim(image1, image2, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03, data_format=None):
    """The structural similarity of images, 1 for equal ones: [N], or one number for [H, W, C] (Wang et al., 2004).

    Means, variances and the covariance are of Gaussian windows of `filter_size` that lie wholly inside; `max_val` is
    the range of values. Integers become the default float. Raises `ShapeError` for images smaller than a window.

    >>> float(ops.image.ssim(ops.ones((16, 16, 1)), ops.ones((16, 16, 1))))
    1.0
    """
    (count,) = integers("ssim", "filter_size", filter_size, 1, least=1)
    a, b = promote(image1, image2)
    a, b = (
        Layout("ssim", working(a), data_format, name="image1"),
        Layout("ssim", working(b), data_format, name="image2"),
    )
    x, y = a.images, b.images
    if x.shape != y.shape or min(x.shape[1:3]) < count:
        raise ShapeError(
            f"[ssim] image1 and image2 must be of one shape, with height and width of at least filter_size={count}, "
            f"got {operand(image1).shape} and {operand(image2).shape}"
        )
    weights = gaussian_weights("ssim", count, filter_sigma)

    def local_mean(t):
        return stencil(stencil(t, 1, weights, padded=False), 2, weights, padded=False)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    # One pass over the five images side by side.
    n = x.shape[0]
    means = local_mean(concatenate([x, y, x * x, y * y, x * y], axis=0))
    mx, my, mxx, myy, mxy = (means[i * n : (i + 1) * n] for i in range(5))
    product, squares = mx * my, mx * mx + my * my
    luminance = (2.0 * product + c1) / (squares + c1)
    structure = (2.0 * (mxy - product) + c2) / (mxx + myy - squares + c2)
    value = mean(luminance * structure, axis=(1, 2, 3))
    return value[0] if a.single else value
