"""Images as columns of patches, and back; correlation of sequences."""

import numpy as np

from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops._common import check_float, float_operand, operand, promote
from ckeras.ops.linalg import matmul
from ckeras.ops.shape import cut, flip, gather_grad_p, gather_p, pad_p, permute, to_shape, zero

__all__ = ["correlate", "fold", "unfold"]


def _two(op, name, value, least):
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * 2
    if len(values) != 2 or not all(isinstance(v, int) and v >= least for v in values):
        raise ArgumentError(f"[{op}] {name} must be an integer of at least {least}, or two, got {value!r}")
    return values


def _geometry(op, size, kernel_size, dilation, padding, stride):
    """(places, padding) of each of two dimensions: places [windows, kernel] in the padded dimension."""
    kernel, dilation = _two(op, "kernel_size", kernel_size, 1), _two(op, "dilation", dilation, 1)
    padding, stride = _two(op, "padding", padding, 0), _two(op, "stride", stride, 1)
    out = []
    for n, k, d, p, s in zip(size, kernel, dilation, padding, stride):
        windows = (n + 2 * p - (k - 1) * d - 1) // s + 1
        if windows < 1:
            raise ShapeError(f"[{op}] a window of {kernel} does not fit into {tuple(size)}")
        places = np.arange(windows)[:, None] * s + np.arange(k) * d
        out.append((from_numpy(places.astype("int32")), p))
    return out


def _bordered(x, vertical, horizontal):
    pads = (0, 0, vertical, horizontal)
    return pad_p.bind(x, zero(x.dtype), lows=pads, highs=pads, interiors=(0,) * 4) if any(pads) else x


@public_op
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches of images [N, C, H, W] as columns: [N, C kh kw, patches], patches in row-major order.

    >>> ops.unfold(ops.ones((1, 3, 4, 4)), 2).shape
    (1, 12, 9)
    """
    x = operand(x)
    if x.ndim != 4:
        raise ShapeError(f"[unfold] x must be images [N, C, H, W], got shape {x.shape}")
    (rows, top), (columns, left) = _geometry("unfold", x.shape[2:], kernel_size, dilation, padding, stride)
    x = _bordered(x, top, left)
    x = gather_p.bind(gather_p.bind(x, columns, axis=3), rows, axis=2)  # [N, C, oh, kh, ow, kw]
    n, c, oh, kh, ow, kw = x.shape
    return to_shape(permute(x, (0, 1, 3, 5, 2, 4)), (n, c * kh * kw, oh * ow))


@public_op
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The transpose of `ops.unfold`: columns [N, C kh kw, patches] summed into images [N, C, *output_size]."""
    x, size = operand(x), _two("fold", "output_size", output_size, 1)
    check_float("fold", x)
    (rows, top), (columns, left) = _geometry("fold", size, kernel_size, dilation, padding, stride)
    (oh, kh), (ow, kw) = rows.shape, columns.shape
    if x.ndim != 3 or x.shape[1] % (kh * kw) or x.shape[2] != oh * ow:
        raise ShapeError(f"[fold] x must be [N, C * {kh * kw}, {oh * ow}] for this output_size, got shape {x.shape}")
    n, c = x.shape[0], x.shape[1] // (kh * kw)
    x = permute(to_shape(x, (n, c, kh, kw, oh, ow)), (0, 1, 4, 2, 5, 3))
    x = gather_grad_p.bind(columns, x, axis=4, shape=(n, c, oh, kh, size[1] + 2 * left))
    x = gather_grad_p.bind(rows, x, axis=2, shape=(n, c, size[0] + 2 * top, size[1] + 2 * left))
    return _bordered(x, -top, -left)


@public_op
def correlate(x1, x2, mode="valid"):
    """`sum(x1[n + k] * x2[n])` of two vectors for every shift k: where they overlap wholly (`"valid"`), at all
    (`"full"`), or the middle of that as long as the longer (`"same"`). Integers become the default float.

    >>> ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """
    if mode not in ("valid", "same", "full"):
        raise ArgumentError(f"[correlate] mode must be 'valid', 'same' or 'full', got {mode!r}")
    a, b = promote(x1, x2)
    if a.ndim != 1 or b.ndim != 1 or not a.size or not b.size:
        raise ShapeError(f"[correlate] x1 and x2 must be vectors that are not empty, got {a.shape} and {b.shape}")
    a, b = float_operand(a), float_operand(b)
    swapped = a.size < b.size
    if swapped:
        a, b = b, a
    n, k = a.size, b.size
    if mode != "valid":
        a = pad_p.bind(a, zero(a.dtype), lows=(k - 1,), highs=(k - 1,), interiors=(0,))
    places = np.arange(a.size - k + 1, dtype="int32")[:, None] + np.arange(k, dtype="int32")
    out = matmul(gather_p.bind(a, from_numpy(places), axis=0), b)
    out = flip(out) if swapped else out
    if mode == "same":
        start = (out.size - n) // 2 if not swapped else (out.size - n + 1) // 2
        out = cut(out, 0, start, start + n)
    return out
