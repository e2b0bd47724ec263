"""Installs the operators of tensors, variables and symbolic tensors, and the hooks that `_core` calls."""

from ckeras._core import hooks
from ckeras._core.symbolic import KerasTensor
from ckeras._core.tensor import TensorBase
from ckeras.ops import elementwise as e
from ckeras.ops import indexing as _indexing  # noqa: F401  installs itself in `_core.hooks`
from ckeras.ops._common import as_dtype
from ckeras.ops.linalg import matmul
from ckeras.ops.shape import ravel, reshape, squeeze, transpose


def _backward(op):
    return lambda self, other: op(other, self)


def _comparison(op):
    def compare(self, other):
        return NotImplemented if other is None or isinstance(other, str) else op(self, other)

    return compare


for name, op in {
    "add": e.add,
    "sub": e.subtract,
    "mul": e.multiply,
    "truediv": e.divide,
    "floordiv": e.floor_divide,
    "mod": e.mod,
    "pow": e.power,
    "matmul": matmul,
    "and": e.logical_and,
    "or": e.logical_or,
    "xor": e.logical_xor,
}.items():
    setattr(TensorBase, f"__{name}__", op)
    setattr(TensorBase, f"__r{name}__", _backward(op))

for name, op in {
    "eq": e.equal,
    "ne": e.not_equal,
    "lt": e.less,
    "le": e.less_equal,
    "gt": e.greater,
    "ge": e.greater_equal,
}.items():
    setattr(TensorBase, f"__{name}__", _comparison(op))

# Keras's graphs tell `/` from `ops.divide`.
KerasTensor.__truediv__ = e.true_divide
KerasTensor.__rtruediv__ = _backward(e.true_divide)

TensorBase.__neg__ = lambda self: e.negative(self)
TensorBase.__pos__ = lambda self: self
TensorBase.__abs__ = lambda self: e.absolute(self)
TensorBase.__invert__ = lambda self: e.logical_not(self)
TensorBase.__round__ = lambda self, ndigits=None: e.round(self, ndigits or 0)
TensorBase.T = property(lambda self: transpose(self))
TensorBase.reshape = lambda self, *newshape: reshape(
    self, tuple(newshape[0]) if len(newshape) == 1 and isinstance(newshape[0], (tuple, list)) else newshape
)
TensorBase.squeeze = lambda self, axis=None: squeeze(self, axis)
TensorBase.flatten = lambda self: ravel(self)
TensorBase.astype = lambda self, dtype: e.cast(self, dtype)

hooks.cast = as_dtype
hooks.add = e.add
