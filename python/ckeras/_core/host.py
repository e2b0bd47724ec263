"""Primitives computed on the host, by NumPy or by kernels of csrc/ops/linalg.

A program calls back into Python for them; shapes are known beforehand.
"""

import numpy as np

from ckeras import _engine
from ckeras._core import hooks
from ckeras._core.dtypes import CODES, numpy_dtype
from ckeras._core.errors import DataError
from ckeras._core.primitive import Primitive
from ckeras._core.scope import on_host
from ckeras._core.tensor import Tensor, from_numpy

_OP_ID = -2  # csrc/runtime/program.h, kHostOp


class Hosted(Primitive):
    """A primitive without a kernel: `compute(*arrays, **attrs)` gives NumPy arrays, one an output, for NumPy arrays.

    Eager and traced runs call the same function on the same bits, denormals kept, so they agree. `compute` is a pure
    function: it reads no variables, keeps no argument, and raises ckeras' errors, which end the run of a program before
    its writes. Results are cast to the dtype that `spec` gives; another shape raises `RuntimeError`.
    """

    def __init__(self, name, spec, compute, vjp=None, doc="", multi=False):
        super().__init__(name, spec, vjp=vjp, doc=doc, multi=multi)
        self.op_id = _OP_ID
        self.compute = compute

    def execute(self, args, attrs):
        outs = self._call([a.numpy() for a in args], attrs, self._specs(args, attrs))
        return outs if hooks.placed is None else hooks.placed(args, outs)

    def function(self, args, attrs):
        """What a program calls with engine arrays of the shapes and dtypes of `args`: it gives a tuple of them."""
        types, specs = [(a.shape, a.dtype) for a in args], self._specs(args, attrs)

        def call(*arrays):
            values = [Tensor(a, shape, dtype).numpy() for a, (shape, dtype) in zip(arrays, types)]
            return tuple([t._array for t in self._call(values, attrs, specs)])

        return call

    def _specs(self, args, attrs):
        specs = self.spec(*args, **attrs)
        return list(specs) if self.multi else [specs]

    def _call(self, values, attrs, specs):
        with np.errstate(all="ignore"):
            results = self.compute(*values, **attrs)
        outs = []
        for result, (shape, dtype) in zip(results if self.multi else (results,), specs, strict=True):
            if np.shape(result) != tuple(shape):
                raise RuntimeError(f"[{self.name}] computed shape {np.shape(result)} where {tuple(shape)} was expected")
            outs.append(from_numpy(np.asarray(result, numpy_dtype(dtype)), copy=False))
        return tuple(outs)


def _nothing(**attrs):
    return ()


class Native(Hosted):
    """A hosted primitive that the kernel of its name in csrc/ops/linalg/linalg.h computes, on the processor.

    `ints(**attrs)` and `floats(**attrs)` give the kernel's numbers, `failure(**attrs)` the text of the `DataError` for
    matrices that it refuses.
    """

    def __init__(self, name, spec, vjp=None, doc="", multi=False, ints=_nothing, floats=_nothing, failure=None):
        super().__init__(name, spec, None, vjp, doc, multi)
        self.ints = ints
        self.floats = floats
        self.failure = failure

    def _call(self, values, attrs, specs):
        with on_host():
            arrays = tuple([from_numpy(v, copy=False)._array for v in values])
        outs = tuple([(tuple(shape), CODES[dtype]) for shape, dtype in specs])
        try:
            made = _engine.linalg(self.name, arrays, outs, self.ints(**attrs), self.floats(**attrs))
        except _engine.Fault:
            raise DataError(self.failure(**attrs)) from None
        return tuple([Tensor(a, shape, dtype) for a, (shape, dtype) in zip(made, specs)])
