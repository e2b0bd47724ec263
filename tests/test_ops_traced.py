"""A traced primitive gives the bits of the eager one, alone and inside a fused chain."""

import numpy as np
import pytest

import opinfo
from ckeras import ops
from ckeras._core.function import function
from ckeras._core.tape import grad
from ckeras._core.tensor import convert


def _same(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("row", opinfo.ROWS.values(), ids=lambda r: r.name)
def test_traced_equals_eager(row):
    for dtype in (
        row.dtypes if row.elementwise else [d for d in row.dtypes if d in ("float16", "float32", "bool", "int32")]
    ):
        for args, attrs in opinfo.cases(row, dtype, [(), (0,), (17,), (1025,), (2, 3, 5, 1, 4)]):
            if 0 in args[0].shape and row.name in ("reduce_max", "reduce_min"):
                continue
            traced = function(lambda *ts, row=row, attrs=attrs: row.primitive.bind(*ts, **attrs))
            out = traced(*opinfo.tensors(args))
            outs = out if isinstance(out, (tuple, list)) else [out]
            for got, want in zip(outs, opinfo.run(row, args, attrs), strict=True):
                _same(got.numpy(), want)


@pytest.mark.parametrize("dtype", opinfo.FLOATS)
@pytest.mark.parametrize("shape", [(), (1,), (1023,), (1025,), (33, 65)])
def test_a_chain_with_broadcast_and_sum(dtype, shape):
    def chain(x, y):
        z = ops.tanh(x * 2.0 + y) - ops.exp(-ops.square(x))
        z = ops.where(ops.greater(z, 0.0), z, z * 0.25)
        return z, ops.sum(z, axis=-1) if z.ndim else z

    rng = opinfo.generator("chain", shape)
    x, y = (opinfo.values(rng, (-2.0, 2.0), s, dtype) for s in (shape, shape[-1:]))
    args = [convert(x), convert(y)]
    for got, want in zip(function(chain)(*args), chain(*args)):
        _same(got.numpy(), want.numpy())


def test_gradients_in_a_trace():
    def f(x, w):
        return ops.sum(ops.log_softmax(ops.tanh(ops.matmul(x, w))) * x[:, :3])

    rng = np.random.default_rng(0)
    args = [convert(rng.normal(size=s).astype("float32")) for s in ((5, 7), (7, 3))]
    df = grad(f, (0, 1))
    for got, want in zip(function(lambda x, w: df(x, w))(*args), df(*args)):
        _same(got.numpy(), want.numpy())
