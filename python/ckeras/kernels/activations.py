"""Every activation function, and softmax."""

import inspect

import numpy as np

from ckeras import activations, ops
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras.kernels._call import check_out, operands, run_function, run_kernel
from ckeras.ops._common import axis_index

_DOC = """{summary}

    `x` float16, bfloat16, float32 or float64; the result has its dtype and is written to `out` where given. The options
    are those of the activation `{name}`. Raises `ValueError` or `TypeError` for others.
    """


def _make(name):
    function = getattr(activations, name, None) or getattr(ops, name)
    x, *options = inspect.signature(function).parameters.values()
    allowed = tuple(p.name for p in options)

    def activation(x, *args, out=None, **given):
        (x,) = operands(name, x=x)
        given.update(zip(allowed, args, strict=False))
        if len(args) > len(allowed) or not given.keys() <= set(allowed):
            raise ArgumentError(f"[kernels.{name}] takes x, {', '.join([*allowed, 'out'])}; got {args} and {given}")
        return run_function(name, function, [x], out, **{k: _plain(name, k, v) for k, v in given.items()})

    activation.__name__ = activation.__qualname__ = name
    summary = (function.__doc__ or "").strip().split("\n")[0]
    activation.__doc__ = _DOC.format(summary=summary, name=name)
    keyword = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)
    activation.__signature__ = inspect.Signature([x, *options, keyword])
    return activation


def _plain(op, name, value):
    """An option as a number or bool of Python, part of a program's key."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if value is not None and not isinstance(value, (int, float, bool)):
        raise ArgumentError(f"[kernels.{op}] {name} must be a number, got {value!r}")
    return value


def _along(kernel, x, axis, out):
    (x,) = operands(kernel, x=x)
    if x.ndim == 0:
        raise ShapeError(f"[kernels.{kernel}] x must have at least one dimension")
    return run_kernel(kernel, kernel, (x,), x.shape, (axis_index(f"kernels.{kernel}", axis, x.ndim),), out=out)


def softmax(x, axis=-1, out=None):
    """`exp(x)` over its sum along `axis`, without overflow.

    `x` of one or more dimensions, float16, bfloat16, float32 or float64. The result is written to `out` where given.

    >>> kernels.softmax(np.zeros((1, 2)))
    array([[0.5, 0.5]])
    """
    return _along("softmax", x, axis, out)


def log_softmax(x, axis=-1, out=None):
    """`log(softmax(x))` along `axis`; as `softmax`."""
    return _along("log_softmax", x, axis, out)


def linear(x, out=None):
    """`x` itself: a copy."""
    (x,) = operands("linear", x=x)
    if out is None:
        return x.copy()
    check_out("linear", out, x.shape, x.dtype)
    out[...] = x
    return out


_OWN = ("softmax", "log_softmax", "linear")
_NAMES = (
    *("celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh"),
    *("leaky_relu", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softplus"),
    *("softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink", "threshold"),
)
globals().update({name: _make(name) for name in _NAMES})

__all__ = sorted([*_NAMES, *_OWN])
