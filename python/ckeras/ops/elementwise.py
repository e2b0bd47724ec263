"""Arithmetic and transcendental functions, one element at a time: a record is kernel name, derivative and docstring."""

import math

import numpy as np

from ckeras._core import dtypes
from ckeras._core.eager import fused_op
from ckeras._core.errors import ArgumentError, DTypeError
from ckeras._core.primitive import Elementwise
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, from_numpy, scalar
from ckeras.ops._common import as_dtype, binary, cast_p, check_broadcast, float_operand, operand, promote

__all__ = [
    "add",
    "arccos",
    "arcsin",
    "arctan",
    "cast",
    "ceil",
    "clip",
    "cos",
    "divide",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]

_PROMOTED = "\n\n    Operands broadcast and are promoted to a common dtype; shapes that do not fit raise `ShapeError`."


def _number(x):
    x = operand(x)
    return cast_p.bind(x, dtype="int32") if x.dtype == "bool" else x


def _publish(op, name, doc, primitive, floats_only=False):
    op.__name__ = op.__qualname__ = name
    op.__doc__ = doc
    op.primitive = primitive
    return public_op(op, primitive.quick_way(floats_only))


def unary(name, doc, vjp, take=float_operand, result=None):
    """The primitive `name` of one operand and its public function; `take` converts the operand."""
    primitive = Elementwise(name, vjp, result, doc)
    bind = primitive.bind

    def op(x):
        return bind(take(x))

    return _publish(op, name, doc, primitive, take is not operand)


def two(name, doc, vjp, result=None, of_bools=None, as_float=False, primitive=None):
    """The primitive `name` of two operands, unless one is given, and its public function.

    `of_bools`: the function for two bools, where the kernel takes none. `as_float`: integers become the default float.
    """
    primitive = primitive or Elementwise(name, vjp, result, doc)
    bind = primitive.bind
    checked = of_bools is not None or as_float

    def op(x1, x2):
        if x1.__class__ is not Tensor or x2.__class__ is not Tensor or x1.dtype != x2.dtype or x1.shape != x2.shape:
            x1, x2 = binary(name, x1, x2)
        if checked and x1.dtype not in dtypes.FLOATS:
            if as_float:
                return bind(as_dtype(x1, dtypes.floatx()), as_dtype(x2, dtypes.floatx()))
            if x1.dtype == "bool":
                return of_bools(x1, x2)
        return bind(x1, x2)

    return _publish(op, name, doc + _PROMOTED, primitive, checked)


def zero_like(g):
    """The scalar 0 in the dtype of `g`."""
    return scalar(0, g.dtype)


def choose(mask, a, b):
    return select_p.bind(mask, a, b)


def _as_int32(fn):
    def of_bools(x1, x2):
        return fn(cast_p.bind(x1, dtype="int32"), cast_p.bind(x2, dtype="int32"))

    return of_bools


def _no_bools(name, instead):
    def of_bools(x1, x2):
        raise DTypeError(f"[{name}] does not take two bools; use {instead}")

    return of_bools


# ---- selection and logic, which the derivatives below use


def _select_vjp(ctx, g):
    mask = ctx.inputs[0]
    zero = zero_like(g)
    return None, choose(mask, g, zero) if ctx.needs[1] else None, choose(mask, zero, g) if ctx.needs[2] else None


select_p = Elementwise(
    "select", _select_vjp, doc="Elements of the second operand where the first (bool) holds, else third."
)


def _bool(x):
    return as_dtype(operand(x), "bool")


def _logical(name, doc):
    primitive = Elementwise(name, None, "bool", doc)

    def op(x1, x2):
        x1, x2 = _bool(x1), _bool(x2)
        check_broadcast(name, x1.shape, x2.shape)
        return primitive.bind(x1, x2)

    return _publish(op, name, doc, primitive)


logical_and = _logical("logical_and", "Whether both operands are nonzero: a bool tensor of the broadcast shape.")
logical_or = _logical("logical_or", "Whether at least one operand is nonzero: a bool tensor of the broadcast shape.")
logical_xor = _logical("logical_xor", "Whether exactly one operand is nonzero: a bool tensor of the broadcast shape.")
logical_not = unary("logical_not", "Whether the operand is zero: a bool tensor of its shape.", None, _bool, "bool")

equal = two("equal", "`x1 == x2` as bools.", None, "bool")
not_equal = two("not_equal", "`x1 != x2` as bools; NaN differs from everything.", None, "bool")
less = two("less", "`x1 < x2` as bools.", None, "bool")
less_equal = two("less_equal", "`x1 <= x2` as bools.", None, "bool")
greater = two("greater", "`x1 > x2` as bools.", None, "bool")
greater_equal = two("greater_equal", "`x1 >= x2` as bools.", None, "bool")

isnan = unary("isnan", "Whether an element is NaN, as bools.", None, result="bool")
isinf = unary("isinf", "Whether an element is infinite, as bools.", None, result="bool")
isfinite = unary("isfinite", "Whether an element is neither infinite nor NaN, as bools.", None, result="bool")


# ---- arithmetic


def _multiply_vjp(ctx, g):
    a, b = ctx.inputs
    return g * b if ctx.needs[0] else None, g * a if ctx.needs[1] else None


def _divide_vjp(ctx, g):
    da = g / ctx.inputs[1]
    return da if ctx.needs[0] else None, -da * ctx.outputs[0] if ctx.needs[1] else None


def _mod_vjp(ctx, g):
    a, b = ctx.inputs
    return g if ctx.needs[0] else None, -g * floor(a / b) if ctx.needs[1] else None


def _pick(compare):
    """Of the larger (or smaller) operand: ties go to the second, so that relu's slope at 0 is 0."""

    def vjp(ctx, g):
        # Beside a constant the result says as much as the operand, which then need not be kept (relu).
        mask = compare(ctx.inputs[0] if ctx.needs[1] else ctx.outputs[0], ctx.inputs[1])
        zero = zero_like(g)
        return choose(mask, g, zero) if ctx.needs[0] else None, choose(mask, zero, g) if ctx.needs[1] else None

    return vjp


def _power_vjp(ctx, g):
    a, b = ctx.inputs
    da = db = None
    if ctx.needs[0]:
        da = g * choose(equal(b, 0), zero_like(g), b * power(a, b - 1))
    if ctx.needs[1]:
        positive = greater(a, 0)
        db = g * choose(positive, ctx.outputs[0] * log(choose(positive, a, scalar(1, a.dtype))), zero_like(g))
    return da, db


add = two("add", "`x1 + x2`; of two bools, whether one holds.", lambda ctx, g: (g, g), of_bools=logical_or)
subtract = two(
    "subtract",
    "`x1 - x2`.",
    lambda ctx, g: (g, -g if ctx.needs[1] else None),
    of_bools=_no_bools("subtract", "ops.logical_xor"),
)
multiply = two("multiply", "`x1 * x2`; of two bools, whether both hold.", _multiply_vjp, of_bools=logical_and)
divide = two("divide", "`x1 / x2`; integers become the default float first.", _divide_vjp, as_float=True)
# `/` of symbolic tensors, which Keras stores under this name.
true_divide = two("true_divide", "As `divide`.", None, as_float=True, primitive=divide.primitive)
floor_divide = two(
    "floor_divide",
    "`x1 // x2`, rounded down. Dividing an integer by 0 gives 0. Constant for differentiation.",
    lambda ctx, g: (None, None),
    of_bools=_as_int32(lambda a, b: floor_divide(a, b)),
)
mod = two("mod", "`x1 % x2`, with the sign of `x2`.", _mod_vjp, of_bools=_as_int32(lambda a, b: mod(a, b)))
maximum = two("maximum", "The larger of two elements; NaN wins.", _pick(greater))
minimum = two("minimum", "The smaller of two elements; NaN wins.", _pick(less))

power_p = Elementwise("power", _power_vjp, doc="x1 ** x2 on floats")
power_int_p = Elementwise("power_int", None, doc="x1 ** x2 on integers")
_FEW_POWERS = {2: lambda x: square(x), 0.5: lambda x: sqrt(x), 1: lambda x: x, -1: lambda x: reciprocal(x)}


@public_op
def power(x1, x2):
    """`x1 ** x2`. Integers stay integers.

    Operands broadcast and are promoted to a common dtype; shapes that do not fit raise `ShapeError`. The derivative
    by `x2` is 0 where `x1` is not positive.

    >>> ops.power(2.0, 3).numpy()
    8.0
    """
    few = _FEW_POWERS.get(x2) if x2.__class__ in (int, float) else None
    a, b = binary("power", x1, x2)
    if a.dtype == "bool":
        a, b = cast_p.bind(a, dtype="int32"), cast_p.bind(b, dtype="int32")
    if a.dtype in dtypes.FLOATS:
        return power_p.bind(a, b) if few is None else few(a)
    return power_int_p.bind(a, b)


negative = unary("negative", "`-x`.", lambda ctx, g: (-g,), _number)
sign = unary("sign", "-1, 0 or 1. Constant for differentiation.", lambda ctx, g: (None,), _number)
square = unary("square", "`x * x`.", lambda ctx, g: (g * (2 * ctx.inputs[0]),), _number)
sqrt = unary("sqrt", "The square root; NaN below 0.", lambda ctx, g: (g * 0.5 / ctx.outputs[0],))
rsqrt = unary("rsqrt", "`1 / sqrt(x)`.", lambda ctx, g: (g * (-0.5 * ctx.outputs[0] / ctx.inputs[0]),))
reciprocal = unary("reciprocal", "`1 / x`.", lambda ctx, g: (-g * square(ctx.outputs[0]),))
floor = unary("floor", "The next integer below, as a float. Constant for differentiation.", lambda ctx, g: (None,))
ceil = unary("ceil", "The next integer above, as a float. Constant for differentiation.", lambda ctx, g: (None,))


def _unary_of_some(name, doc, vjp, skip):
    """As `unary`, of any dtype; those in `skip` stay as they are."""
    primitive = Elementwise(name, vjp, None, doc)

    def op(x):
        x = operand(x)
        return x if x.dtype in skip else primitive.bind(x)

    return _publish(op, name, doc, primitive)


_WHOLE = dtypes.INTS | {"bool"}
absolute = _unary_of_some("absolute", "`|x|`.", lambda ctx, g: (g * sign(ctx.inputs[0]),), {"bool"})
trunc = _unary_of_some(
    "trunc",
    "The integer part. Constant for differentiation; integers stay as they are.",
    lambda ctx, g: (None,),
    _WHOLE,
)
_round = _unary_of_some("round", "The nearest integer, halves to even.", lambda ctx, g: (None,), _WHOLE)


@public_op
def round(x, decimals=0):
    """`x` rounded to `decimals` places, halves to even; integers stay as they are. Constant for differentiation.

    >>> ops.round([0.5, 1.5, 2.25], decimals=1).numpy()
    array([0.5, 1.5, 2.2], dtype=float32)
    """
    if not decimals:
        return _round(x)
    x = operand(x)
    scale = 10.0**decimals
    return as_dtype(_round(float_operand(x) * scale) / scale, x.dtype)


# ---- transcendental


def _leg(x):
    """The other leg of the triangle with hypotenuse 1."""
    return sqrt((1 - x) * (1 + x))


exp = unary("exp", "e to the power of x.", lambda ctx, g: (g * ctx.outputs[0],))
exp2 = unary("exp2", "2 to the power of `x`.", lambda ctx, g: (g * (ctx.outputs[0] * math.log(2)),))
expm1 = unary("expm1", "`exp(x) - 1`, accurate near 0.", lambda ctx, g: (g * (ctx.outputs[0] + 1),))
log = unary("log", "The natural logarithm; -inf at 0, NaN below.", lambda ctx, g: (g / ctx.inputs[0],))
log1p = unary("log1p", "`log(1 + x)`, accurate near 0.", lambda ctx, g: (g / (1 + ctx.inputs[0]),))
sin = unary(
    "sin",
    "The sine of x in radians, within 2 ULP however large x is; NaN at infinity.",
    lambda ctx, g: (g * cos(ctx.inputs[0]),),
)
cos = unary(
    "cos",
    "The cosine of x in radians, within 2 ULP however large x is; NaN at infinity.",
    lambda ctx, g: (-g * sin(ctx.inputs[0]),),
)
tan = unary(
    "tan",
    "The tangent of x in radians, within 4 ULP however large x is; NaN at infinity.",
    lambda ctx, g: (g * (1 + square(ctx.outputs[0])),),
)
arcsin = unary(
    "arcsin",
    "The angle in [-pi/2, pi/2] whose sine is `x`; NaN outside [-1, 1].",
    lambda ctx, g: (g / _leg(ctx.inputs[0]),),
)
arccos = unary(
    "arccos",
    "The angle in [0, pi] whose cosine is `x`; NaN outside [-1, 1].",
    lambda ctx, g: (-g / _leg(ctx.inputs[0]),),
)
arctan = unary(
    "arctan",
    "The angle in [-pi/2, pi/2] whose tangent is `x`.",
    lambda ctx, g: (g / (1 + square(ctx.inputs[0])),),
)
tanh = unary("tanh", "The hyperbolic tangent.", lambda ctx, g: (g * (1 - square(ctx.outputs[0])),))
sigmoid = unary("sigmoid", "`1 / (1 + exp(-x))`.", lambda ctx, g: (g * (ctx.outputs[0] * (1 - ctx.outputs[0])),))

softplus = unary("softplus", "`log(exp(x) + 1)`, without overflow.", lambda ctx, g: (g * sigmoid(ctx.inputs[0]),))
erf = unary(
    "erf",
    "The error function.",
    lambda ctx, g: (g * (2 / math.sqrt(math.pi) * exp(-square(ctx.inputs[0]))),),
)


# ---- composites


@fused_op
def clip(x, x_min, x_max):
    """`x` held within `[x_min, x_max]`, which broadcast with it; `None` is no bound.

    >>> ops.clip([-2.0, 0.5, 3.0], -1.0, 1.0).numpy()
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    bounds = [b for b in (x_min, x_max) if b is not None]
    x, *bounds = promote(_number(x), *bounds)
    check_broadcast("clip", x.shape, *[b.shape for b in bounds])
    if x_min is not None:
        x = maximum(x, bounds[0])
    return x if x_max is None else minimum(x, bounds[-1])


def _where(condition, x1, x2):
    condition = _bool(condition)
    x1, x2 = promote(x1, x2)
    check_broadcast("where", condition.shape, x1.shape, x2.shape)
    return select_p.bind(condition, x1, x2)


@public_op
def where(condition, x1=None, x2=None):
    """`x1` where `condition` holds and `x2` elsewhere; the three broadcast, `x1` and `x2` are promoted.

    With the condition alone, the indices of its nonzero elements, one int32 tensor a dimension; their number depends
    on the values, so that form needs concrete ones.

    >>> ops.where([True, False], 1.0, 2.0).numpy()
    array([1., 2.], dtype=float32)
    """
    if (x1 is None) != (x2 is None):
        raise ArgumentError("[where] expected both x1 and x2, or neither; got one of them")
    if x1 is not None:
        return _where(condition, x1, x2)
    return _places(operand(condition))


def _places(x):
    """Where `x` is not 0: one int32 tensor a dimension."""
    if x.ndim == 0:
        return tuple([operand(i.astype("int32")) for i in x.numpy().nonzero()])
    left = np.flatnonzero(as_dtype(x, "bool").numpy())
    if x.size < 2**31:
        left = left.astype("int32")
    out = []
    for n in x.shape[:0:-1]:
        whole = left // left.dtype.type(max(n, 1))
        out.append((left - whole * left.dtype.type(n)).astype("int32"))
        left = whole
    out.append(left.astype("int32"))
    return tuple([from_numpy(i, copy=False) for i in reversed(out)])


@public_op
def cast(x, dtype):
    """`x` in another dtype. Float to integer drops the fraction; anything nonzero is True.

    Raises `ValueError` for an unknown dtype.

    >>> ops.cast([0.0, 1.5], "int32").numpy()
    array([0, 1], dtype=int32)
    """
    return as_dtype(operand(x), dtypes.standardize(dtype))
