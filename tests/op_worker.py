"""Run by tests in a process of its own, under the CKERAS_ISA and CKERAS_NUM_THREADS of its environment.

`hash`: one digest per row over all dtypes and cases, special values and a size that several threads share.
`check`: every row against its reference; prints what disagrees.
"""

import hashlib
import json
import sys

import numpy as np

import opinfo
from ckeras._core import dtypes

LARGE = [(17,), (1025,), (40_003,), (7, 13)]


def all_cases(row, dtype):
    yield from opinfo.cases(row, dtype, LARGE)
    if row.cases is None and row.special and dtype in opinfo.FLOATS:
        x = np.resize(np.array(opinfo.SPECIAL), 333).astype(dtypes.numpy_dtype(dtype))
        args = [x, x[::-1].copy(), np.roll(x, 7)][: opinfo.TABLE[row.name]["arity"]]
        if row.name == "select":
            args[0] = np.arange(333) % 3 == 0
        yield args, {}
    rng = opinfo.generator("large", row.name)
    if dtype not in ("float32", "float64"):
        return
    apart = {"dilation": (4, 4), "pads": (3, 3, 3, 3)}
    more = {
        "reduce_sum": (((300, 701),), [{"axes": (0,)}, {"axes": (1,)}, {"axes": (0, 1)}]),
        "matmul": (((257, 611), (611, 193)), [{}]),
        "softmax": (((300, 701),), [{"axis": 1}, {"axis": 0}]),
        "log_softmax": (((700, 51),), [{"axis": 0}]),
        "divide": (((300, 701), (300, 1)), [{}]),
        "dft": (((1, 3000), (1, 3000)), [{"sign": -1}]),
        "real_dft": (((6, 1 << 13),), [{}]),
        "short_time_dft": (((3, 5000), (512,)), [{"count": 36, "step": 128}]),
        "conv": (((4, 17, 17, 9), (3, 3, 9, 33)), [_conv(), _conv(**apart)]),
        "conv_grad_input": (
            ((4, 15, 15, 33), (3, 3, 9, 33)),
            [_conv(shape=(4, 17, 17, 9)), _conv(shape=(4, 17, 17, 9), **apart)],
        ),
        "conv_grad_filter": (
            ((4, 17, 17, 9), (4, 15, 15, 33)),
            [_conv(shape=(3, 3, 9, 33)), _conv(shape=(3, 3, 9, 33), **apart)],
        ),
    }
    shapes, attrs = more.get(row.name, ((), []))
    args = [rng.normal(size=s).astype(dtype) for s in shapes]
    for a in attrs:
        yield args, a


def _conv(**more):
    return {"strides": (1, 1), "dilation": (1, 1), "pads": (0, 0, 0, 0), "groups": 1, **more}


def digest(row):
    h = hashlib.sha256()
    for dtype in row.dtypes:
        for args, attrs in all_cases(row, dtype):
            if 0 in args[0].shape and row.name in ("reduce_max", "reduce_min"):
                continue
            for out in opinfo.run(row, args, attrs):
                # One NaN is as good as another: its sign and payload are the processor's.
                nan = np.isnan(out) if out.dtype.kind == "f" or out.dtype.name == "bfloat16" else np.False_
                h.update(np.where(nan, np.zeros((), out.dtype), out).tobytes())
                h.update(np.packbits(nan).tobytes())
    return h.hexdigest()


def disagreements(row):
    out = []
    for dtype in [d for d in ("float32", "float64", "int32", "bool") if d in row.dtypes]:
        try:
            for args, attrs in opinfo.cases(row, dtype):
                if row.ref and not (0 in args[0].shape and row.name in ("reduce_max", "reduce_min")):
                    opinfo.check(row, dtype, args, attrs)
        except AssertionError as e:
            out.append(f"{dtype}: {' '.join(str(e).split())[:200]}")
    return out


if __name__ == "__main__":
    work = {"hash": digest, "check": disagreements}[sys.argv[1]]
    json.dump({name: work(row) for name, row in opinfo.ROWS.items()}, sys.stdout)
