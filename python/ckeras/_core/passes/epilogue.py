"""Bias and activation move into the matmul or convolution that they follow, a residual into the matmul.

A convolution of halves takes none: it would skip the roundings between the steps, and the bits would differ; the matmul
of halves makes them. The elementwise step must be the only reader of what the kernel makes; a reshape may stand in
between, and of a bias, then, the channels in several dimensions. After a residual nothing joins:
`activation(a b + bias) + residual`.
"""

from math import prod

from ckeras._core.passes.simplify import count_uses, equation
from ckeras._core.settings import Y_FIRST
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer

_WHOLE = ("float32", "float64")
_KERNELS = {"matmul": (*_WHOLE, "float16", "bfloat16"), "conv": _WHOLE}


def absorb_epilogues(equations, results):
    """The equations with biases and activations absorbed."""
    uses = count_uses(equations, results)
    made_by = {}
    kept = []
    for eq in equations:
        if not _absorb(eq, made_by, uses, kept):
            kept.append(eq)
        for y in eq.outputs:
            made_by.setdefault(id(y), eq)
    return kept


def _absorb(eq, made_by, uses, kept):
    name = eq.primitive.name
    if name == "add":
        for i in (0, 1):
            found = _kernel_behind(eq.inputs[i], eq.outputs[0].shape, made_by, uses)
            if found and len(found[0].inputs) == 2 and found[0].attrs.get("activation") is None:
                bias = _bias(eq.inputs[1 - i], eq.outputs[0].shape, found[0], made_by, kept)
                if bias is not None and _ready(bias, found[0], kept, made_by):
                    return _take(eq, found, made_by, uses, kept, bias=bias)
        for i in (0, 1):
            found, other = _kernel_behind(eq.inputs[i], eq.outputs[0].shape, made_by, uses), eq.inputs[1 - i]
            if found and _is_residual(other, eq, found[0], made_by, uses) and _ready(other, found[0], kept, made_by):
                return _take(eq, found, made_by, uses, kept, residual=other)
        return False
    activation = name if name in ("sigmoid", "tanh") else "relu" if _is_relu(eq) else None
    if activation is None:
        return False
    found = _kernel_behind(eq.inputs[0], eq.outputs[0].shape, made_by, uses)
    if found and found[0].attrs.get("activation") is None:
        return _take(eq, found, made_by, uses, kept, activation=activation)
    return False


def _is_relu(eq):
    if eq.primitive.name != "maximum":
        return False
    zero = eq.inputs[1]
    return zero.__class__ is Tensor and zero.shape == () and str(float(zero.numpy())) == "0.0"


def _kernel_behind(value, shape, made_by, uses):
    """(the kernel's equation, the reshape between or None) when `value` is read once and shaped as the result."""
    eq = made_by.get(id(value))
    reshape = None
    if eq is None or uses.get(id(value)) != 1 or value.shape != shape:
        return None
    if eq.primitive.name == "reshape" and not _first(made_by.get(id(eq.inputs[0]))):
        reshape = eq
        if uses.get(id(eq.inputs[0])) != 1:
            return None
        eq = made_by.get(id(eq.inputs[0]))
    if eq is None or value.dtype not in _KERNELS.get(eq.primitive.name, ()) or eq.attrs.get("residual"):
        return None
    return eq, reshape


def _first(kernel):
    """Whether it is a convolution whose result has its channels first."""
    return kernel is not None and kernel.attrs.get("layout", 0) & Y_FIRST


def _bias(value, shape, kernel, made_by, kept):
    """`value`, added to `shape`, as the kernel's bias [N]: what holds N numbers along the channels; else None."""
    made = kernel.outputs[0].shape
    behind = len(made) - 2 if _first(kernel) else 0  # dimensions behind the channels
    n = made[-1 - behind]
    channels = (n,) + (1,) * behind if behind else _channels(shape, n)
    if not channels or (1,) * (len(value.shape) - len(channels)) + channels != value.shape:
        return None
    if value.shape == (n,):
        return value
    eq = made_by.get(id(value))
    if eq is not None and eq.primitive.name == "reshape" and eq.inputs[0].shape == (n,):
        return eq.inputs[0]
    if value.__class__ is Tensor or eq is None or _ready(value, kernel, kept, made_by):
        return _reshaped(value, (n,), kernel, made_by, kept)
    return None


def _channels(shape, n):
    """The last dimensions of `shape` that hold `n` elements: the channels of what was reshaped to it."""
    for last in range(1, len(shape) + 1):
        if prod(shape[-last:]) == n:
            return shape[-last:]
    return ()


def _is_residual(value, eq, kernel, made_by, uses):
    """Whether the kernel should add `value`. What a fused loop would make on its way to this sum alone stays there."""
    if kernel.primitive.name != "matmul" or value.shape != eq.outputs[0].shape:
        return False
    maker = made_by.get(id(value))
    if maker is None:
        return True
    if maker.primitive.name in ("broadcast", "transpose"):
        return False
    return uses.get(id(value), 0) > 1 or not maker.primitive.elementwise


def _ready(value, kernel, kept, made_by):
    """Whether `value` is known before the kernel runs, or is once its cast has moved there."""
    maker = made_by.get(id(value))
    if maker is None:
        return True
    for eq in kept:
        if eq is maker:
            return True
        if eq is kernel:
            break
    if maker.primitive.name not in ("cast", "reshape") or not _ready(maker.inputs[0], kernel, kept, made_by):
        return False
    kept.remove(maker)
    kept.insert(kept.index(kernel), maker)
    return True


def _take(eq, found, made_by, uses, kept, bias=None, activation=None, residual=None):
    """The kernel computes `eq` as well."""
    kernel, reshape = found
    if bias is not None:
        kernel.inputs = (*kernel.inputs, bias)
    if activation is not None:
        kernel.attrs = {**kernel.attrs, "activation": activation}
    if residual is not None:
        if reshape is not None:
            residual = _reshaped(residual, kernel.outputs[0].shape, kernel, made_by, kept)
        kernel.inputs = (*kernel.inputs, residual)
        kernel.attrs = {**kernel.attrs, "residual": True}
    out = eq.outputs[0]
    if reshape is None:
        kernel.outputs = (out,)
        made_by[id(out)] = kernel
        return True
    # The kernel's own result has another shape: the reshape now gives the value that `eq` gave.
    inner = Tracer(out.trace, kernel.outputs[0].shape, out.dtype)
    kernel.outputs = (inner,)
    made_by[id(inner)], uses[id(inner)] = kernel, 1
    renewed = equation("reshape", (inner,), {"shape": out.shape}, (out,))
    kept[next(i for i, k in enumerate(kept) if k is reshape)] = renewed
    made_by[id(out)] = renewed
    return True


def _reshaped(value, shape, kernel, made_by, kept):
    """`value` in this shape, by a reshape in front of the kernel."""
    if value.__class__ is Tensor:
        return Tensor(value._array.reshape(shape), shape, value.dtype)
    out = Tracer(kernel.outputs[0].trace, shape, value.dtype)
    made = equation("reshape", (value,), {"shape": shape}, (out,))
    kept.insert(next(i for i, k in enumerate(kept) if k is kernel), made)
    made_by[id(out)] = made
    return out
