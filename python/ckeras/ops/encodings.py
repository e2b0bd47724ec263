"""Hot encodings, layouts of images, distances."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.settings import standardize_data_format
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, float_operand, operand, promote
from ckeras.ops.elementwise import (
    clip,
    log,
    sqrt,
    square,
)
from ckeras.ops.nn import one_hot
from ckeras.ops.reduce import max as max_of
from ckeras.ops.reduce import mean, reduce, sum_p
from ckeras.ops.shape import permute, to_shape

__all__ = [
    "cdist",
    "depth_to_space",
    "multi_hot",
    "psnr",
    "saturate_cast",
    "space_to_depth",
]


@public_op
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Ones at all the classes that a row of integers `inputs` names: [rows, num_classes], or [num_classes] of a vector.

    >>> ops.multi_hot([[0, 2]], 4).numpy()
    array([[1., 0., 1., 0.]], dtype=float32)
    """
    if num_classes is None and "num_tokens" in kwargs:
        num_classes = kwargs.pop("num_tokens")
    if kwargs:
        raise ArgumentError(f"[multi_hot] unexpected arguments {sorted(kwargs)}")
    if num_classes is None:
        raise ArgumentError("[multi_hot] num_classes must be given")
    if sparse:
        raise ArgumentError("[multi_hot] sparse=True: sparse tensors are not supported")
    x = operand(inputs)
    return max_of(one_hot(x, num_classes, axis, dtype), axis=1 if x.ndim > 1 else 0)


# ---- images and distances


def _blocks(op, x, block_size, data_format):
    x = operand(x)
    if x.ndim != 4 or not isinstance(block_size, int) or block_size < 1:
        raise ShapeError(f"[{op}] expected images of rank 4 and a positive block_size, got {x.shape} and {block_size}")
    first = standardize_data_format(data_format) == "channels_first"
    return permute(x, (0, 2, 3, 1)) if first else x, first


@public_op
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels laid out as blocks of places: [N, H, W, C] as [N, H b, W b, C / b^2]."""
    x, first = _blocks("depth_to_space", x, block_size, data_format)
    n, h, w, c = x.shape
    b = block_size
    if c % (b * b):
        raise ShapeError(f"[depth_to_space] {c} channels are not a multiple of block_size squared ({b * b})")
    y = permute(to_shape(x, (n, h, w, b, b, c // (b * b))), (0, 1, 3, 2, 4, 5))
    y = to_shape(y, (n, h * b, w * b, c // (b * b)))
    return permute(y, (0, 3, 1, 2)) if first else y


@public_op
def space_to_depth(x, block_size, data_format="channels_last"):
    """Blocks of places laid out as channels: [N, H, W, C] as [N, H / b, W / b, C b^2]."""
    x, first = _blocks("space_to_depth", x, block_size, data_format)
    n, h, w, c = x.shape
    b = block_size
    if h % b or w % b:
        raise ShapeError(f"[space_to_depth] height {h} and width {w} are not multiples of block_size {b}")
    y = permute(to_shape(x, (n, h // b, b, w // b, b, c)), (0, 1, 3, 2, 4, 5))
    y = to_shape(y, (n, h // b, w // b, c * b * b))
    return permute(y, (0, 3, 1, 2)) if first else y


@public_op
def psnr(x1, x2, max_val):
    """The peak signal-to-noise ratio of two images in decibels: `10 log10(max_val ** 2 / mean squared difference)`."""
    a, b = promote(x1, x2)
    if a.shape != b.shape:
        raise ShapeError(f"[psnr] x1 and x2 must have one shape, got {a.shape} and {b.shape}")
    error = mean(square(float_operand(a) - float_operand(b)))
    return (2 * math.log(max_val) - log(error)) * (10 / math.log(10))


@public_op
def cdist(x, y):
    """The distance of each row of `x` [..., M, D] from each of `y` [..., N, D]: [..., M, N]."""
    a, b = promote(x, y)
    a, b = float_operand(a), float_operand(b)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"[cdist] expected x [..., M, D] and y [..., N, D], got {a.shape} and {b.shape}")
    near = to_shape(a, (*a.shape[:-1], 1, a.shape[-1])) - to_shape(b, (*b.shape[:-2], 1, *b.shape[-2:]))
    return sqrt(reduce(sum_p, square(near), (near.ndim - 1,), False))


_FLOAT_LIMITS = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


@public_op
def saturate_cast(x, dtype):
    """`x` in another dtype, held within its range first.

    >>> ops.saturate_cast([-5.0, 300.0], "uint8").numpy()
    array([  0, 255], dtype=uint8)
    """
    x, dtype = operand(x), dtypes.standardize(dtype)
    if dtype == "bool" or x.dtype == "bool" or dtype == x.dtype:
        return as_dtype(x, dtype)
    if x.dtype in ("float16", "bfloat16") and dtype not in dtypes.FLOATS:
        x = as_dtype(x, "float32")
    low, high = _range_within(x.dtype, dtype)
    return as_dtype(x if low is None else clip(x, scalar(low, x.dtype), scalar(high, x.dtype)), dtype)


def _range_within(source, target):
    """The least and greatest numbers of `source` that `target` holds; None when it holds all."""
    if target in dtypes.FLOATS:
        most = _FLOAT_LIMITS.get(target)
        if most is None or source not in dtypes.FLOATS or _FLOAT_LIMITS.get(source, math.inf) <= most:
            return None, None
        return -most, most
    to = np.iinfo(target)
    if source not in dtypes.FLOATS:
        of = np.iinfo(source)
        return max(int(to.min), int(of.min)), min(int(to.max), int(of.max))
    kind = dtypes.numpy_dtype(source).type
    high = kind(to.max)
    if int(high) > int(to.max):  # rounded up
        high = np.nextafter(high, kind(0))
    return float(to.min), float(high)
