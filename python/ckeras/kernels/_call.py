"""How a kernel is called on NumPy arrays: checks, memory for the result, the engine. No tape, no trace, no graph."""

import functools

import numpy as np

from ckeras import _engine
from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.primitive import OP_IDS
from ckeras._core.program import compile
from ckeras._core.scope import concrete, on_host, state
from ckeras._core.tensor import from_numpy

_run = _engine.run
_NAMES = {np.dtype(dtypes.numpy_dtype(name)): name for name in dtypes.FLOATS}
# Arrays that may be left out, whatever the kernel.
_OPTIONAL = {"bias", "residual", "gamma", "beta", "scale", "offset", "initial_h", "initial_c"}


def operands(op, **arrays):
    """The arguments as NumPy arrays of one float dtype; those that may be left out stay `None`."""
    found, first, dtype = [], None, None
    for name, a in arrays.items():
        if a is None:
            if name not in _OPTIONAL:
                raise ArgumentError(f"[kernels.{op}] {name} must be an array, got None")
        else:
            if a.__class__ is not np.ndarray:
                a = np.asarray(a)
            given = a.dtype
            if dtype is None:
                first, dtype = name, given
                if dtype not in _NAMES:
                    raise DTypeError(
                        f"[kernels.{op}] {name} must be of dtype {', '.join(sorted(_NAMES.values()))}; got {dtype}: "
                        "convert it with .astype"
                    )
            elif given is not dtype and given != dtype:
                raise DTypeError(f"[kernels.{op}] {first} is {dtype} and {name} {given}: convert one with .astype")
        found.append(a)
    return found


def check_shape(op, name, array, shape):
    """`ShapeError` unless the array has this shape."""
    if array.shape != shape:
        raise ShapeError(f"[kernels.{op}] {name} must have shape {shape}, got {array.shape}")


def check_rank(op, name, array, dims):
    """`ShapeError` unless the array has as many dimensions as `dims` names: "batch steps channels"."""
    if array.ndim != len(dims.split()):
        raise ShapeError(f"[kernels.{op}] {name} must be [{', '.join(dims.split())}], got shape {array.shape}")


def check_out(op, out, shape, dtype):
    """`ArgumentError` unless `out` is a writable array of this shape and dtype."""
    if out.__class__ is not np.ndarray:
        raise ArgumentError(f"[kernels.{op}] out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise ArgumentError(
            f"[kernels.{op}] out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ArgumentError(f"[kernels.{op}] out is read-only")


def run_kernel(op, kernel, inputs, shape, ints, floats=(), out=None):
    """One primitive of the engine, into `out` or a new array of the inputs' dtype."""
    dtype = inputs[0].dtype
    if out is not None:
        check_out(op, out, shape, dtype)
        flags = out.flags
        if flags.c_contiguous and flags.aligned and not any(np.may_share_memory(out, a) for a in inputs):
            return _run(OP_IDS[kernel], inputs, (out,), ints, floats)[0]
    (result,) = _run(OP_IDS[kernel], inputs, (np.empty(shape, dtype),), ints, floats)
    if out is None:
        return result
    out[...] = result
    return out


def run_primitive(primitive, inputs, **attrs):
    """A primitive with several results: its outputs as NumPy arrays."""
    specs = primitive.spec(*[_Aval(a.shape, _NAMES.get(a.dtype)) for a in inputs], **attrs)
    results = [np.empty(shape, dtypes.numpy_dtype(dtype)) for shape, dtype in specs]
    ints, floats = primitive.pack(*inputs, **attrs)
    _run(primitive.op_id, inputs, results, ints, floats)
    return results


class _Aval:
    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype


@functools.lru_cache(256)
def _program(function, avals, present, options):
    """The program of `function(*arrays, **options)`, arrays that are not `present` given as None."""

    def call(*given):
        given = iter(given)
        return function(*[next(given) if p else None for p in present], **dict(options))

    with concrete():
        return compile(call, *avals)


def run_function(op, function, arrays, out=None, **options):
    """A function of `ops` as one planned program, kept for each combination of shapes, dtypes and options.

    `arrays` may hold None where the function takes it; `options` must be hashable. Gives an array of the function's
    result, or `out`.
    """
    if state.device is not None:
        with on_host():
            return _run_function(op, function, arrays, out, options)
    return _run_function(op, function, arrays, out, options)


def _run_function(op, function, arrays, out, options):
    given = [a for a in arrays if a is not None]
    avals = tuple([(a.shape, _NAMES.get(a.dtype) or a.dtype.name) for a in given])
    program = _program(function, avals, tuple([a is not None for a in arrays]), tuple(options.items()))
    result = program.run([from_numpy(a, False) for a in given])._array
    if out is None:
        return result.numpy(given[0].dtype, True)
    check_out(op, out, result.shape, given[0].dtype)
    out[...] = result.numpy(given[0].dtype)
    return out
