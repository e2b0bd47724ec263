"""What follows a matmul or convolution element by element moves into it, where it is an ending that the kernel has.

A matmul ends as `activation(a b + bias) + residual`, a convolution as `activation((x * w + bias) * scale + shift +
residual)`, which are a batch normalisation of given moments and the sum of a residual block; the residual only where
the window is one tap on each pixel. A convolution of halves takes none: it would skip the roundings between the steps,
and the bits would differ; the matmul of halves makes them. The elementwise step must be the only reader of what the
kernel makes; a reshape may stand in between, and of a vector, then, the channels in several dimensions.
"""

from functools import cached_property
from math import prod

from ckeras._core.passes.simplify import count_uses, equation
from ckeras._core.settings import Y_FIRST
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer

_WHOLE = ("float32", "float64")
_KERNELS = {"matmul": (*_WHOLE, "float16", "bfloat16"), "conv": _WHOLE}
_SMALL = 1 << 13  # elements of what may be computed before the kernel that needs it


def absorb_epilogues(equations, results):
    """The equations with endings absorbed."""
    endings = _Endings(equations, results)
    for eq in equations:
        endings.add(eq)
    return endings.kept


class _Endings:
    """The equations so far. Methods that absorb one say whether they did."""

    def __init__(self, equations, results):
        self.equations = equations
        self.uses = count_uses(equations, results)
        self.made_by = {}
        self.kept = []

    @cached_property
    def readers(self):
        """The equations that read each value, by its id."""
        readers = {}
        for eq in self.equations:
            for x in eq.inputs:
                readers.setdefault(id(x), []).append(eq)
        return readers

    @cached_property
    def makers(self):
        """The equation that makes each value, by its id, whether it was added or not."""
        return {id(y): eq for eq in self.equations for y in eq.outputs}

    def add(self, eq):
        if eq.primitive.name == "add":
            absorbed = self._absorb_bias(eq) or self._absorb_scale(eq) or self._absorb_residual(eq)
        else:
            absorbed = self._absorb_activation(eq)
        if not absorbed:
            self.kept.append(eq)
        for y in eq.outputs:
            self.made_by.setdefault(id(y), eq)

    def _absorb_bias(self, eq):
        for i in (0, 1):
            found = self._kernel_behind(eq.inputs[i], eq)
            if found and len(found[0].inputs) == 2 and found[0].attrs.get("activation") is None:
                bias = self._vector(eq.inputs[1 - i], eq, found[0])
                if bias is not None:
                    return self._take(eq, found, [bias])
        return False

    def _absorb_scale(self, eq):
        """`kernel * scale + shift`, where `eq` is the sum."""
        for i in (0, 1):
            product = self.made_by.get(id(eq.inputs[i]))
            if product is None or product.primitive.name != "multiply" or self.uses.get(id(eq.inputs[i])) != 1:
                continue
            for k in (0, 1):
                found = self._kernel_behind(product.inputs[k], eq)
                if not found or not _takes_scale(found[0]) or not self._ends_at(eq.outputs[0]):
                    continue
                vectors = [self._vector(v, eq, found[0]) for v in (product.inputs[1 - k], eq.inputs[1 - i])]
                if None not in vectors:
                    del self.kept[self._place(product)]
                    return self._take(eq, found, vectors, scaled=True)
        return False

    def _absorb_residual(self, eq):
        for i in (0, 1):
            found, other = self._kernel_behind(eq.inputs[i], eq), eq.inputs[1 - i]
            if not found or not _takes_residual(found[0]) or not self._is_residual(other, eq):
                continue
            if found[0].primitive.name == "conv" and not self._ends_at(eq.outputs[0]):
                continue
            if self._ready(other, found[0]):
                return self._take(eq, found, [(other, found[0].outputs[0].shape)], residual=True)
        return False

    def _absorb_activation(self, eq):
        before, activation = _activation(eq)
        if activation is None:
            return False
        found = self._kernel_behind(eq.inputs[0], eq)
        if not found or found[0].attrs.get("activation") != before or _is_over(found[0]):
            return False
        return self._take(eq, found, activation=activation)

    def _kernel_behind(self, value, eq):
        """(the kernel's equation, the reshape between or None) when `value`, shaped as eq's result, is read once."""
        made = self.made_by.get(id(value))
        reshape = None
        if made is None or self.uses.get(id(value)) != 1 or value.shape != eq.outputs[0].shape:
            return None
        if made.primitive.name == "reshape" and not _first(self.made_by.get(id(made.inputs[0]))):
            reshape = made
            if self.uses.get(id(made.inputs[0])) != 1:
                return None
            made = self.made_by.get(id(made.inputs[0]))
        if made is None or value.dtype not in _KERNELS.get(made.primitive.name, ()):
            return None
        return made, reshape

    def _vector(self, value, eq, kernel):
        """(what holds the N numbers along the kernel's channels that `value`, an input of `eq`, is made of; [N]); None
        where it does not, or not before the kernel."""
        made = kernel.outputs[0].shape
        behind = len(made) - 2 if _first(kernel) else 0  # dimensions behind the channels
        n = made[-1 - behind]
        channels = (n,) + (1,) * behind if behind else _channels(eq.outputs[0].shape, n)
        if not channels or (1,) * (len(value.shape) - len(channels)) + channels != value.shape:
            return None
        maker = self.made_by.get(id(value))
        if value.shape != (n,) and maker is not None and maker.primitive.name == "reshape":
            value = maker.inputs[0] if maker.inputs[0].shape == (n,) else value
        return (value, (n,)) if self._ready(value, kernel) else None

    def _is_residual(self, value, eq):
        """Whether a kernel should add `value`. What a loop would make on its way to this sum alone stays there."""
        if value.shape != eq.outputs[0].shape:
            return False
        maker = self.made_by.get(id(value))
        if maker is None:
            return True
        if maker.primitive.name in ("broadcast", "transpose"):
            return False
        return self.uses.get(id(value), 0) > 1 or not maker.primitive.elementwise

    def _ends_at(self, value):
        """Whether no loop is left behind `value` that would make it on its way: what reads it may join, or is none."""
        readers = self.readers.get(id(value), ())
        loops = [r for r in readers if r.primitive.elementwise and r.outputs[0].shape == value.shape]
        if len(loops) == 1 and loops[0].primitive.name == "add":
            return any(self._takes_sum(x) for x in loops[0].inputs)
        return not loops or (len(loops) == 1 and _activation(loops[0])[1] is not None)

    def _takes_sum(self, value):
        """Whether `value` is what a kernel makes, by way of a bias, scale and shift, that may add a residual to it."""
        for _ in range(4):
            maker = self.made_by.get(id(value)) or self.makers.get(id(value))
            if maker is None or maker.primitive.name in _KERNELS:
                return maker is not None and _takes_residual(maker)
            if maker.primitive.name not in ("add", "multiply"):
                return False
            value = next((x for x in maker.inputs if x.shape == value.shape), value)
        return False

    def _ready(self, value, kernel):
        """Whether `value` is known before the kernel, or is once what makes it has moved there: small steps, casts and
        reshapes, and the convolution on the other way of a residual block."""
        maker = self.made_by.get(id(value))
        if maker is None or self._is_before(maker, kernel):
            return True
        small = maker.primitive.elementwise and prod(maker.outputs[0].shape) <= _SMALL
        if not small and maker.primitive.name not in ("cast", "reshape", "conv"):
            return False
        if not all(self._ready(x, kernel) for x in maker.inputs):
            return False
        del self.kept[self._place(maker)]
        self.kept.insert(self._place(kernel), maker)
        return True

    def _is_before(self, maker, kernel):
        for eq in reversed(self.kept):
            if eq is maker:
                return False
            if eq is kernel:
                return True

    def _place(self, eq):
        """Where `eq` is kept, most likely near the end."""
        place = len(self.kept) - 1
        while self.kept[place] is not eq:
            place -= 1
        return place

    def _take(self, eq, found, more=(), **attrs):
        """The kernel computes `eq` too, with `more` inputs, each with the shape that it wants, and these attributes."""
        kernel, reshape = found
        kernel.inputs = (*kernel.inputs, *[self._reshaped(value, shape, kernel) for value, shape in more])
        kernel.attrs = {**kernel.attrs, **attrs}
        out = eq.outputs[0]
        if reshape is None:
            kernel.outputs = (out,)
            self.made_by[id(out)] = kernel
            return True
        # The kernel's own result has another shape: the reshape now gives the value that `eq` gave.
        inner = Tracer(out.trace, kernel.outputs[0].shape, out.dtype)
        kernel.outputs = (inner,)
        self.made_by[id(inner)], self.uses[id(inner)] = kernel, 1
        renewed = equation("reshape", (inner,), {"shape": out.shape}, (out,))
        self.kept[self._place(reshape)] = renewed
        self.made_by[id(out)] = renewed
        return True

    def _reshaped(self, value, shape, kernel):
        """`value` in this shape, by a reshape in front of the kernel if need be."""
        if value.shape == shape:
            return value
        if value.__class__ is Tensor:
            return Tensor(value._array.reshape(shape), shape, value.dtype)
        out = Tracer(kernel.outputs[0].trace, shape, value.dtype)
        made = equation("reshape", (value,), {"shape": shape}, (out,))
        self.kept.insert(self._place(kernel), made)
        self.made_by[id(out)] = made
        return out


def _activation(eq):
    """(the activation that the kernel must have already, the one that this step makes of it), or (None, None)."""
    name = eq.primitive.name
    if name in ("sigmoid", "tanh"):
        return None, name
    if name == "maximum" and _is_number(eq.inputs[1], "0.0"):
        return None, "relu"
    if name == "minimum" and _is_number(eq.inputs[1], "6.0"):
        return "relu", "relu6"
    return None, None


def _is_number(x, text):
    return x.__class__ is Tensor and x.shape == () and str(float(x.numpy())) == text


def _is_over(kernel):
    """Whether nothing joins any more: a matmul adds its residual last."""
    return kernel.primitive.name == "matmul" and kernel.attrs.get("residual", False)


def _takes_scale(kernel):
    attrs = kernel.attrs
    taken = attrs.get("scaled") or attrs.get("residual") or attrs.get("activation") is not None
    return kernel.primitive.name == "conv" and not taken


def _takes_residual(kernel):
    attrs = kernel.attrs
    if attrs.get("residual"):
        return False
    if kernel.primitive.name == "matmul":
        return True
    window = kernel.inputs[1].shape[:-2]
    pointwise = {*window, *attrs["strides"], attrs["groups"]} == {1} and not any(attrs["pads"])
    return pointwise and not attrs.get("layout") and attrs.get("activation") is None


def _first(kernel):
    """Whether it is a convolution whose result has its channels first."""
    return kernel is not None and kernel.attrs.get("layout", 0) & Y_FIRST


def _channels(shape, n):
    """The last dimensions of `shape` that hold `n` elements: the channels of what was reshaped to it."""
    for last in range(1, len(shape) + 1):
        if prod(shape[-last:]) == n:
            return shape[-last:]
    return ()
