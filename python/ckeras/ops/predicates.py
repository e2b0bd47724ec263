"""Questions about elements, answered with bools."""

import math

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import scalar
from ckeras.ops._common import as_dtype, binary, check_broadcast, float_operand, operand, promote
from ckeras.ops.create import constant
from ckeras.ops.elementwise import (
    absolute,
    choose,
    equal,
    isfinite,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    reciprocal,
)
from ckeras.ops.reduce import all as all_of
from ckeras.ops.reduce import any as any_of
from ckeras.ops.shape import to_shape

__all__ = ["allclose", "isclose", "isin", "isneginf", "isposinf", "isreal", "select", "signbit"]


@public_op
def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, elementwise; infinities are close to themselves alone.

    With `equal_nan`, so is NaN.

    >>> ops.isclose([1.0, 1.1], 1.0).numpy()
    array([ True, False])
    """
    a, b = binary("isclose", x1, x2)
    a, b = float_operand(a), float_operand(b)
    near = less_equal(absolute(a - b), atol + rtol * absolute(b))
    out = logical_or(logical_and(near, isfinite(b)), equal(a, b))
    return logical_or(out, logical_and(isnan(a), isnan(b))) if equal_nan else out


@public_op
def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all elements are close (`ops.isclose`): a bool tensor of rank 0."""
    return all_of(isclose(x1, x2, rtol, atol, equal_nan))


def _infinite(x, which):
    x = operand(x)
    if x.dtype not in dtypes.FLOATS:
        return constant(x.shape, False, "bool")
    return equal(x, scalar(which, x.dtype))


@public_op
def isposinf(x):
    """Whether an element is +infinity."""
    return _infinite(x, math.inf)


@public_op
def isneginf(x):
    """Whether an element is -infinity."""
    return _infinite(x, -math.inf)


@public_op
def isreal(x):
    """Whether an element has no imaginary part: always, for there are no complex tensors."""
    return constant(operand(x).shape, True, "bool")


@public_op
def signbit(x):
    """Whether an element is negative, -0.0 included; a NaN counts as positive."""
    x = operand(x)
    if x.dtype == "bool":
        return constant(x.shape, False, "bool")
    if x.dtype not in dtypes.FLOATS:
        return less(x, 0)
    zero = equal(x, 0)
    return less(choose(zero, reciprocal(x), x), 0)


@public_op
def isin(x1, x2, assume_unique=False, invert=False):
    """Whether an element of `x1` is among those of `x2` (or, with `invert`, is not): bools of `x1`'s shape.

    Compares all pairs. `assume_unique` changes nothing.
    """
    a, b = promote(x1, x2)
    found = any_of(equal(to_shape(a, (*a.shape, 1)), to_shape(b, (b.size,))), axis=-1)
    return logical_not(found) if invert else found


@public_op
def select(condlist, choicelist, default=0):
    """Of each element, the entry of `choicelist` whose condition in `condlist` is the first that holds, else `default`.

    Conditions, choices and the default broadcast; choices and default are promoted. Raises `ArgumentError` when the
    lists differ in length or are empty.

    >>> ops.select([ops.array([True, False])], [ops.array([1, 2])], 7).numpy()
    array([1, 7], dtype=int32)
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(
            f"[select] condlist and choicelist must have one entry each or more, and as many; got {len(condlist)} and "
            f"{len(choicelist)}"
        )
    *choices, out = promote(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices)):
        condition = as_dtype(operand(condition), "bool")
        check_broadcast("select", condition.shape, choice.shape, out.shape)
        out = choose(condition, choice, out)
    return out
