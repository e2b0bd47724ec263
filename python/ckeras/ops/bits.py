"""Operations on the bits of integers; of bools they are the logical ones."""

from ckeras._core import dtypes
from ckeras._core.errors import DTypeError
from ckeras._core.primitive import Elementwise
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, binary, operand
from ckeras.ops.elementwise import logical_and, logical_not, logical_or, logical_xor

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "left_shift",
    "right_shift",
]


def _no_floats(name, *xs):
    for x in xs:
        if x.dtype in dtypes.FLOATS:
            raise DTypeError(f"[{name}] operands must be integers or bools, got {x.dtype}; ops.cast them first")


def _publish(op, name, doc):
    op.__name__ = op.__qualname__ = name
    op.__doc__ = doc
    return public_op(op)


def _two(name, doc, of_bools):
    primitive = Elementwise(name, None, None, doc)

    def op(x, y):
        x, y = binary(name, x, y)
        _no_floats(name, x, y)
        if x.dtype == "bool":
            return of_bools(x, y)
        return primitive.bind(x, y)

    return _publish(op, name, doc + "\n\n    Operands broadcast and are promoted; floats raise `DTypeError`.")


def _shift(name, doc):
    def of_bools(x, y):
        return op(as_dtype(x, "int32"), as_dtype(y, "int32"))

    op = _two(name, doc, of_bools)
    return op


bitwise_and = _two("bitwise_and", "The bits that both operands have.", logical_and)
bitwise_or = _two("bitwise_or", "The bits that at least one operand has.", logical_or)
bitwise_xor = _two("bitwise_xor", "The bits that exactly one operand has.", logical_xor)
left_shift = _shift("left_shift", "`x * 2 ** y` within the bits of the dtype; 0 from the width on.")
right_shift = _shift("right_shift", "`x / 2 ** y`, rounded down; 0 or -1 from the width on.")
bitwise_left_shift = left_shift
bitwise_right_shift = right_shift

_not_p = Elementwise("bitwise_not", None, None, "all bits inverted")


@public_op
def bitwise_not(x):
    """`x` with every bit inverted, `-x - 1`; of bools, whether they do not hold. Floats raise `DTypeError`."""
    x = operand(x)
    _no_floats("bitwise_not", x)
    return logical_not(x) if x.dtype == "bool" else _not_p.bind(x)


bitwise_invert = bitwise_not
