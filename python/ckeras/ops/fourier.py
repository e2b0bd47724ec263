"""Discrete Fourier transforms of pairs (real, imaginary), and what signals need of them: short-time transforms.

J. W. Cooley and J. W. Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965; sizes with
prime factors beyond 7 after L. I. Bluestein, 1970. float32 is computed in float32.
"""

from functools import lru_cache

import numpy as np

from ckeras._core import dtypes, hooks
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import from_numpy
from ckeras.ops._common import as_dtype, float_operand
from ckeras.ops.complex import as_complex
from ckeras.ops.create import constant
from ckeras.ops.padding import extended
from ckeras.ops.shape import concatenate, cut, flip, frames_p, overlapped, pad_p, swapaxes, zero

__all__ = ["fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]


def _dft_vjp(ctx, g_re, g_im):
    return dft_p.bind(g_re, g_im, sign=-ctx.attrs["sign"])


dft_p = Primitive(
    "dft",
    lambda re, im, sign: [(re.shape, re.dtype)] * 2,
    lambda re, im, sign: ((sign,), ()),
    _dft_vjp,
    "out[k] = sum of in[j] exp(sign 2 pi i j k / n) over the last dimension, as real and imaginary parts.",
    multi=True,
)


def _from_half(g_re, g_im, n):
    """The gradient to the `n` real numbers whose forward transform has the first n // 2 + 1 numbers' gradients."""
    return dft_p.bind(_fitted(g_re, n), _fitted(g_im, n), sign=1)[0]


real_dft_p = Primitive(
    "real_dft",
    lambda x: [((*x.shape[:-1], x.shape[-1] // 2 + 1), x.dtype)] * 2,
    vjp=lambda ctx, g_re, g_im: (_from_half(g_re, g_im, ctx.inputs[0].shape[-1]),),
    doc="dft of real numbers, forward: the first n // 2 + 1 of its numbers.",
    multi=True,
)


def _short_time_vjp(ctx, g_re, g_im):
    (x, weights), attrs = ctx.inputs, ctx.attrs
    (n,) = weights.shape
    g = _from_half(g_re, g_im, n)
    dx = overlapped(g * weights, attrs["step"], x.shape) if ctx.needs[0] else None
    if not ctx.needs[1]:
        return dx, None
    return dx, hooks.sum_to(g * frames_p.bind(x, size=n, **attrs), weights.shape)


short_time_dft_p = Primitive(
    "short_time_dft",
    lambda x, weights, count, step: [((*x.shape[:-1], count, weights.shape[0] // 2 + 1), x.dtype)] * 2,
    lambda x, weights, count, step: ((step,), ()),
    _short_time_vjp,
    "real_dft of `count` windows of the last dimension, window i from i * step on, each multiplied by the weights.",
    multi=True,
)


def _wide(x):
    """Halves in float32."""
    return as_dtype(x, "float32" if dtypes.SIZES[x.dtype] == 2 else x.dtype)


def _pair(op, x, rank=1):
    """Real and imaginary parts, and the dtype of the results."""
    x = as_complex(x)
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(
            f"[{op}] x must be a pair of tensors, the real and the imaginary part; got {type(x).__name__}"
        )
    re, im = (float_operand(part) for part in x)
    if re.shape != im.shape:
        raise ShapeError(f"[{op}] real and imaginary part differ in shape: {re.shape} and {im.shape}")
    if re.ndim < rank or 0 in re.shape[-rank:]:
        raise ShapeError(f"[{op}] x must have {rank} or more dimensions, the last not empty; got shape {re.shape}")
    dtype = dtypes.result_type(re.dtype, im.dtype)
    return _wide(as_dtype(re, dtype)), _wide(as_dtype(im, dtype)), dtype


def _finish(pair, dtype):
    return tuple([as_dtype(y, dtype) for y in pair])


@public_op
def fft(x):
    """The discrete Fourier transform of a pair (real, imaginary) over the last dimension: a pair.

    >>> re, im = ops.fft((ops.ones(4), ops.zeros(4)))
    >>> float(re[0])
    4.0
    """
    re, im, dtype = _pair("fft", x)
    return _finish(dft_p.bind(re, im, sign=-1), dtype)


def _two_dimensional(op, x, sign):
    re, im, dtype = _pair(op, x, 2)
    for _ in range(2):
        re, im = (swapaxes(y, -1, -2) for y in dft_p.bind(re, im, sign=sign))
    return re, im, dtype


@public_op
def fft2(x):
    """The discrete Fourier transform of a pair (real, imaginary) over the last two dimensions: a pair."""
    re, im, dtype = _two_dimensional("fft2", x, -1)
    return _finish((re, im), dtype)


@public_op
def ifft2(x):
    """The inverse of `ops.fft2`: a pair."""
    re, im, dtype = _two_dimensional("ifft2", x, 1)
    n = re.shape[-1] * re.shape[-2]
    return _finish((re / float(n), im / float(n)), dtype)


def _length(op, fft_length, default):
    if fft_length is None:
        return default
    if isinstance(fft_length, bool) or not hasattr(fft_length, "__index__") or fft_length < 1:
        raise ArgumentError(f"[{op}] fft_length must be a positive integer, got {fft_length!r}")
    return fft_length.__index__()


def _fitted(x, n):
    """The last dimension cut, or filled up with zeros, to `n`."""
    last = x.ndim - 1
    if n < x.shape[last]:
        return cut(x, last, 0, n)
    if n == x.shape[last]:
        return x
    none = (0,) * x.ndim
    return pad_p.bind(x, zero(x.dtype), lows=none, highs=(*none[1:], n - x.shape[last]), interiors=none)


@public_op
def rfft(x, fft_length=None):
    """The discrete Fourier transform of real numbers over the last dimension: a pair `[..., n // 2 + 1]`.

    `n` is the size of that dimension, or `fft_length`, to which it is cut or filled up with zeros.
    """
    x = float_operand(x)
    if not x.ndim or not x.shape[-1]:
        raise ShapeError(f"[rfft] x must have a last dimension that is not empty, got shape {x.shape}")
    n = _length("rfft", fft_length, x.shape[-1])
    return _finish(real_dft_p.bind(_fitted(_wide(x), n)), x.dtype)


@public_op
def irfft(x, fft_length=None):
    """The inverse of `ops.rfft`: real numbers `[..., n]` of a pair `[..., m]`.

    `n` is `fft_length`, by default `2 (m - 1)`; the pair is cut or filled up with zeros to `n // 2 + 1`. The imaginary
    parts of the first number, and of the last of an even `n`, count as 0.
    """
    re, im, dtype = _pair("irfft", x)
    n = _length("irfft", fft_length, 2 * (re.shape[-1] - 1))
    if not n:
        raise ArgumentError("[irfft] a single number has no default size; pass fft_length")
    re, im = _fitted(re, n // 2 + 1), _fitted(im, n // 2 + 1)
    last = re.ndim - 1
    # The other half mirrors the first: complex conjugates.
    stop = (n + 1) // 2
    inner_re, inner_im = cut(re, last, 1, stop), cut(im, last, 1, stop)
    edge = constant((*im.shape[:-1], 1), 0, im.dtype)
    middle = [] if n % 2 else [edge]
    re = concatenate([re, flip(inner_re, last)], axis=-1)
    im = concatenate([edge, inner_im, *middle, -flip(inner_im, last)], axis=-1)
    return as_dtype(dft_p.bind(re, im, sign=1)[0] / float(n), dtype)


# ---- short-time transforms


_COSINE_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}  # a - b cos(2 pi i / length)


def _centered(values, size):
    before = (size - len(values)) // 2
    return np.pad(values, (before, size - len(values) - before))


@lru_cache(maxsize=16)
def _cosine_window(name, length, size):
    a, b = _COSINE_WINDOWS[name]
    values = _centered(a - b * np.cos(2 * np.pi * np.arange(length) / length), size)
    values.flags.writeable = False
    return values


def _window(op, window, length, size):
    """The window of `length` in the middle of `size` places: a NumPy array."""
    if window is None:
        return np.ones(size)
    if isinstance(window, str):
        if window not in _COSINE_WINDOWS:
            raise ArgumentError(f"[{op}] window must be 'hann', 'hamming', None or {length} numbers, got {window!r}")
        return _cosine_window(window, length, size)
    values = np.asarray(window, "float64")
    if values.shape != (length,):
        raise ShapeError(f"[{op}] window must have the shape ({length},) of sequence_length, got {values.shape}")
    return _centered(values, size)


def _check_frames(op, length, stride, size):
    for name, n in (("sequence_length", length), ("sequence_stride", stride), ("fft_length", size)):
        if isinstance(n, bool) or not hasattr(n, "__index__") or n < 1:
            raise ArgumentError(f"[{op}] {name} must be a positive integer, got {n!r}")
    if size < length:
        raise ArgumentError(f"[{op}] fft_length={size} must be at least sequence_length={length}")


def _reflected(x, n):
    """`x` with `n` elements mirrored at both ends of the last dimension."""
    size, last = x.shape[-1], x.ndim - 1
    if n >= size:
        raise ShapeError(f"[stft] center=True needs more than fft_length // 2 = {n} elements, got shape {x.shape}")
    return extended(x, ((0, 0),) * last + ((n, n),), "reflect")


@public_op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """The short-time Fourier transform of real signals `[..., samples]`: a pair `[..., frames, fft_length // 2 + 1]`.

    Frames of `fft_length` samples, `sequence_stride` apart, are multiplied with the `window` (`"hann"`, `"hamming"`, or
    `sequence_length` numbers) in their middle; `None` multiplies with 1. `center` mirrors the signal at its ends so
    that frame i is around sample `i * sequence_stride`.
    """
    _check_frames("stft", sequence_length, sequence_stride, fft_length)
    x = float_operand(x)
    dtype, x = x.dtype, _wide(x)
    if not x.ndim:
        raise ShapeError("[stft] x must have a last dimension, got a scalar")
    weights = _window("stft", window, sequence_length, fft_length)
    if center:
        x = _reflected(x, fft_length // 2)
    if x.shape[-1] < fft_length:
        raise ShapeError(f"[stft] a frame of fft_length={fft_length} does not fit {x.shape[-1]} samples")
    n = (x.shape[-1] - fft_length) // sequence_stride + 1
    weights = from_numpy(weights.astype(x.dtype))
    return _finish(short_time_dft_p.bind(x, weights, count=n, step=sequence_stride), dtype)


@public_op
def istft(
    x,
    sequence_length,
    sequence_stride,
    fft_length,
    length=None,
    window="hann",
    center=True,
):
    """The inverse of `ops.stft`: signals `[..., samples]` of a pair `[..., frames, fft_length // 2 + 1]`.

    Frames are multiplied with the window, added up where they overlap, and divided by the sums of the squared window;
    where those are 0, so is the result. `length` cuts the result, which by default ends where the signal did. (D. W.
    Griffin and J. S. Lim, 1984.)
    """
    _check_frames("istft", sequence_length, sequence_stride, fft_length)
    re, im, dtype = _pair("istft", x, 2)
    if re.shape[-1] != fft_length // 2 + 1:
        raise ShapeError(
            f"[istft] the last dimension must be fft_length // 2 + 1 = {fft_length // 2 + 1}, got shape {re.shape}"
        )
    if length is not None and (not hasattr(length, "__index__") or length < 0):
        raise ArgumentError(f"[istft] length must be an integer that is not negative, got {length!r}")
    n = re.shape[-2]
    samples = fft_length + sequence_stride * (n - 1)
    weights = _window("istft", window, sequence_length, fft_length)
    frames = irfft((re, im), fft_length) * from_numpy(weights.astype(re.dtype))
    total = overlapped(frames, sequence_stride, (*re.shape[:-2], samples))
    squares, square = np.zeros(samples), weights**2
    for start in range(0, n * sequence_stride, sequence_stride):
        squares[start : start + fft_length] += square
    covered = squares > np.finfo("float32").tiny
    factor = np.divide(1.0, squares, out=np.zeros(samples), where=covered)
    out = total * from_numpy(factor.astype(re.dtype))
    start = fft_length // 2 if center else 0
    stop = samples if not center else samples - fft_length // 2
    if length is not None:
        stop = min(start + length.__index__(), samples)
    return as_dtype(cut(out, out.ndim - 1, start, stop), dtype)
