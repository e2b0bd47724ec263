"""Exceptions. Each says what was expected, what came, where, and what to write instead."""

import os
import sys

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class ShapeError(ValueError):
    """Shapes or axes that do not fit the operation."""


class ArgumentError(ValueError):
    """An argument outside what the operation takes."""


class DTypeError(TypeError):
    """A dtype that the operation does not take."""


class DataError(ValueError):
    """A value found in the data while a kernel ran, as an index or label out of range."""


class GradientError(ValueError):
    """A derivative that does not exist or was asked of the wrong tape."""


class ConcreteValueError(TypeError):
    """Python asked for the value of something that has none yet: inside a traced function or a symbolic graph."""


class TraceError(RuntimeError):
    """A traced value used outside its trace."""


def user_line():
    """`file:line` of the innermost frame outside ckeras, for messages."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return "an interactive line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


# Fault codes of csrc/runtime/kernel.h, by op where an op can say it better.
_FAULTS = {
    "softmax_cross_entropy": "label {value} is out of range for {limit} classes; expected integers in [0, {limit})",
    "gather": "index {value} is out of range for an axis of size {limit}",
}
# Kernels whose name is not the one that a user writes.
_NAMES = {"gather": "take"}


def from_fault(fault):
    """The `DataError` for the engine's Fault (op name, code, value, limit)."""
    op, _, value, limit = fault.args
    text = _FAULTS.get(op.removesuffix("_grad"), "value {value} is out of range, the limit is {limit}")
    return DataError(f"[{_NAMES.get(op, op)}] {text.format(value=value, limit=limit)}")
