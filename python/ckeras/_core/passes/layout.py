"""Elementwise steps between two transposes of images work on them as they lay before the first: the transposes meet.

So do convolutions whose result, with its channels first, is transposed: they write it as it is wanted.
"""

import math

from ckeras._core.passes.simplify import equation
from ckeras._core.settings import X_FIRST, Y_FIRST
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Tracer

_WRITES_FIRST = {"conv": Y_FIRST, "conv_grad_input": X_FIRST}
_READS_FIRST = {"conv": (X_FIRST,), "conv_grad_input": (Y_FIRST,), "conv_grad_filter": (X_FIRST, Y_FIRST)}


def _first(n):
    """The permutation that brings channels, which come last, to the front, in images of n dimensions."""
    return (0, n - 1, *range(1, n - 1))


def _last(n):
    return (0, *range(2, n), 1)


def _is_turn(eq, order):
    return eq is not None and eq.primitive.name == "transpose" and eq.attrs["perm"] == order(len(eq.attrs["perm"]))


def join_layouts(equations):
    """The equations with such steps on images whose channels come last, each followed by a transpose.

    A step is moved where what it makes is transposed back, or read by a convolution in either layout, maybe by way of
    further steps, and all images that it reads were transposed. A transpose that nothing reads then, or only a
    convolution, is left to `simplify`.
    """
    wanted, kept, made_by = _wanted_last(equations), [], {}
    if not wanted:
        return equations
    for eq in equations:
        inputs, attrs = None, eq.attrs
        if id(eq) in wanted:
            out = eq.outputs[0]
            shape = tuple([out.shape[i] for i in _last(len(out.shape))])
            if eq.primitive.elementwise:
                inputs = _read_last(eq, made_by, kept)
            else:
                inputs = eq.inputs
                attrs = {**attrs, "layout": attrs["layout"] - _WRITES_FIRST[eq.primitive.name]}
                if "shape" in attrs:
                    attrs["shape"] = shape
        if inputs is not None:
            moved = Tracer(out.trace, shape, out.dtype)
            kept.append(equation(eq.primitive.name, inputs, attrs, (moved,)))
            eq = equation("transpose", (moved,), {"perm": _first(len(shape))}, (out,))
        kept.append(eq)
        for y in eq.outputs:
            made_by[id(y)] = eq
    return kept


def _wanted_last(equations):
    """Elementwise equations and convolutions (their ids) whose results have channels first and are transposed back."""
    wanted, values, turned = set(), set(), set()
    if not any(eq.primitive.name == "transpose" and len(eq.attrs["perm"]) > 3 for eq in equations):
        return wanted
    for eq in equations:
        y = eq.outputs[0] if eq.outputs else None
        if _is_turn(eq, _first) and len(y.shape) > 3:
            turned.add(id(y))
        elif eq.primitive.elementwise:
            images = [id(x) in turned for x in eq.inputs if x.shape == y.shape]
            if images and all(images):
                turned.add(id(y))
    for eq in reversed(equations):
        bits = _READS_FIRST.get(eq.primitive.name, ())
        values.update([id(x) for x, b in zip(eq.inputs, bits) if eq.attrs.get("layout", 0) & b and id(x) in turned])
        y = eq.outputs[0] if eq.outputs else None
        if _is_turn(eq, _last) and len(y.shape) > 3:
            values.add(id(eq.inputs[0]))
        elif id(y) in values:
            if eq.primitive.elementwise:
                wanted.add(id(eq))
                values.update([id(x) for x in eq.inputs if x.shape == y.shape])
            elif eq.attrs.get("layout", 0) & _WRITES_FIRST.get(eq.primitive.name, 0):
                wanted.add(id(eq))
    return wanted


def _read_last(eq, made_by, kept):
    """The inputs of an elementwise equation for channels that come last, or None."""
    shape = eq.outputs[0].shape
    n, inputs, found = len(shape), [], False
    for x in eq.inputs:
        maker = made_by.get(id(x))
        if x.shape == shape and _is_turn(maker, _first):
            x, found = maker.inputs[0], True
        elif x.shape[-n + 1 :] == (shape[1],) + (1,) * (n - 2) and math.prod(x.shape) == shape[1]:
            x = _flat(x, eq, kept)
        elif math.prod(x.shape) != 1:
            return None
        inputs.append(x)
    return tuple(inputs) if found else None


def _flat(x, eq, kept):
    """One number a channel, in one dimension."""
    shape = (math.prod(x.shape),)
    if x.__class__ is Tensor:
        return Tensor(x._array.reshape(shape), shape, x.dtype)
    flat = Tracer(eq.outputs[0].trace, shape, x.dtype)
    kept.append(equation("reshape", (x,), {"shape": shape}, (flat,)))
    return flat
