"""Constants made on the host: windows for signals, ranges of equal ratios, triangles of ones."""

import numpy as np

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import TensorBase, from_numpy
from ckeras.ops._common import as_dtype, float_operand, promote
from ckeras.ops.create import linspace
from ckeras.ops.elementwise import exp, log, power, sign
from ckeras.ops.shape import moveaxis

__all__ = ["bartlett", "blackman", "geomspace", "hamming", "hanning", "kaiser", "logspace", "tri"]


def _points(op, x):
    if isinstance(x, TensorBase):
        x = x.numpy()
    n = np.asarray(x)
    if n.size != 1 or n.dtype.kind not in "iu":
        raise ArgumentError(f"[{op}] x is the number of points, an integer; got {x!r}")
    return int(n.reshape(()))


def _constant(values):
    return from_numpy(values.astype(dtypes.numpy_dtype(dtypes.floatx())), copy=False)


def _window(name, values, doc):
    def window(x):
        return _constant(values(_points(name, x)))

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"{doc} of `x` points (an integer), in the default float. Raises `ArgumentError` for another `x`."
    return window


bartlett = _window("bartlett", np.bartlett, "The triangular window that touches 0 at both ends,")
blackman = _window("blackman", np.blackman, "The Blackman window, `0.42 - 0.5 cos(t) + 0.08 cos(2t)`,")
hamming = _window("hamming", np.hamming, "The Hamming window, `0.54 - 0.46 cos(t)`,")
hanning = _window("hanning", np.hanning, "The Hann window, `0.5 - 0.5 cos(t)`,")


def kaiser(x, beta):
    """The Kaiser window of `x` points (an integer) and shape `beta` (a number), in the default float."""
    return _constant(np.kaiser(_points("kaiser", x), float(beta)))


def tri(N, M=None, k=0, dtype=None):
    """An `N` by `M` (`N` by default) matrix of ones on and below diagonal `k`, zeros above; the default float.

    >>> ops.tri(2, 3, dtype="int32").numpy()
    array([[1, 0, 0],
           [1, 1, 0]], dtype=int32)
    """
    return from_numpy(np.tri(N, M, k, dtype=dtypes.numpy_dtype(dtypes.standardize(dtype))), copy=False)


@public_op
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` numbers from `base ** start` to `base ** stop` whose exponents are evenly spaced along `axis`.

    >>> ops.logspace(0.0, 2.0, 3).numpy()
    array([  1.,  10., 100.], dtype=float32)
    """
    start, stop = promote(start, stop)
    start, stop = float_operand(start), float_operand(stop)
    exponents = linspace(start, stop, num, endpoint, dtype="float64", axis=axis)
    out = power(as_dtype(float_operand(base), "float64"), exponents)
    return as_dtype(out, start.dtype if dtype is None else dtypes.standardize(dtype))


@public_op
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers from `start` to `stop`, each the same multiple of the one before; both ends of one sign.

    >>> ops.geomspace(1.0, 8.0, 4).numpy()
    array([1., 2., 4., 8.], dtype=float32)
    """
    start, stop = promote(start, stop)
    start, stop = float_operand(start), float_operand(stop)
    a, b = as_dtype(start, "float64"), as_dtype(stop, "float64")
    side = sign(a)
    logs = linspace(log(a * side), log(b * side), num, endpoint, dtype="float64", axis=0)
    out = moveaxis(side * exp(logs), 0, axis)
    return as_dtype(out, start.dtype if dtype is None else dtypes.standardize(dtype))
