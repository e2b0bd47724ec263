"""Sorting, quantiles, scatter, segments, bits and inverse functions: values, traces, symbolic shapes, derivatives."""

import numpy as np
import pytest

import ckeras
from ckeras import ops
from composites import Call, Calls

rng = np.random.default_rng(13)
x = rng.normal(size=(5, 7))
cube = rng.normal(size=(3, 4, 5))
holes = np.where(rng.random((5, 7)) < 0.3, np.nan, x)
ties = rng.integers(0, 4, (4, 9)).astype("int32")
unit = rng.uniform(-0.95, 0.95, (5, 7))
odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0])
left, right = (rng.integers(-100, 100, (4, 6)).astype("int32") for _ in range(2))
shifts = rng.integers(0, 9, (4, 6)).astype("int32")


def scatter(indices, values, shape):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), values)
    return out


def scatter_update(a, indices, updates, reduction=None):
    out = a.copy()
    at = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}.get(reduction)
    where = tuple(np.moveaxis(indices, -1, 0))
    if at is None:
        out[where] = updates
    else:
        at.at(out, where, updates)
    return out


def segments(ufunc, empty):
    def reduce(data, ids, count):
        out = np.full((count, *data.shape[1:]), empty, data.dtype)
        for row, i in zip(data, ids):
            if 0 <= i < count:
                out[i] = ufunc(out[i], row)
        return out

    return reduce


places = np.array([[0, 1], [2, 3], [0, 1], [4, 6]], "int32")
rows = np.array([[1], [3], [0]], "int32")
twice = np.array([[1], [3], [1]], "int32")
ids = np.array([0, 2, 2, 9, 0], "int32")
filled = np.array([0, 2, 1, 9, 0], "int32")

CALLS = [
    Call("sort", (x,), np.sort),
    Call("sort", (cube, 1), np.sort),
    Call("sort", (holes,), np.sort, order=0),
    Call("argsort", (ties,), lambda a: np.argsort(a, kind="stable"), order=0),
    Call("argsort", (ties, 0), lambda a, axis: np.argsort(a, axis, kind="stable"), order=0, symbolic=False),
    Call("top_k", (x, 3), lambda a, k: (-np.sort(-a)[:, :k], np.argsort(-a, kind="stable")[:, :k])),
    Call("median", (x,), np.median, {"axis": 1}),
    Call("median", (x,), np.median, {"keepdims": True}),
    Call("nanmedian", (holes,), np.nanmedian, {"axis": 1}, order=0),
    Call("quantile", (x, 0.3), np.quantile),
    Call("quantile", (cube, np.array([0.0, 0.35, 1.0])), np.quantile, {"axis": (0, 2)}, symbolic=False, order=0),
    *[
        Call(
            "percentile",
            (x, np.array([12.0, 50.0, 77.0])),
            np.percentile,
            {"axis": 1, "method": m},
            order=0,
            symbolic=False,
        )
        for m in ("lower", "higher", "midpoint", "nearest")
    ],
    Call("nanquantile", (holes, 0.6), np.nanquantile, {"axis": 0}, order=0),
    Call("nanpercentile", (holes, 25.0), np.nanpercentile, order=0),
    Call("scatter", (places, rng.normal(size=4), (5, 7)), scatter, symbolic=False),
    Call("scatter", (twice, rng.normal(size=(3, 2)), (4, 2)), scatter, symbolic=False),
    Call("scatter", (places, np.arange(4, dtype="int64"), (5, 7)), scatter, order=0, symbolic=False),
    Call("scatter_update", (x, rows, rng.normal(size=(3, 7))), scatter_update, symbolic=False),
    Call("scatter_update", (x, twice, rng.normal(size=(3, 7))), scatter_update, symbolic=False),
    *[
        Call("scatter_update", (x, twice, rng.normal(size=(3, 7)), mode), scatter_update, symbolic=False)
        for mode in ("add", "max", "min", "mul")
    ],
    Call("scatter_update", (ties, places[:1], np.array([7], "int32"), "add"), scatter_update, order=0, symbolic=False),
    Call("segment_sum", (x, ids, 4), segments(np.add, 0), symbolic=False),
    Call("segment_prod", (x, ids, 4), segments(np.multiply, 1), symbolic=False),
    Call("segment_max", (x, ids, 4), segments(np.maximum, -np.inf), order=0, symbolic=False),
    Call("segment_min", (x, ids, 4), segments(np.minimum, np.inf), order=0, symbolic=False),
    Call("segment_max", (x, filled, 3), segments(np.maximum, -np.inf), symbolic=False),
    Call("segment_min", (x, filled, 3), segments(np.minimum, np.inf), symbolic=False),
    Call("bitwise_and", (left, right), np.bitwise_and, order=0),
    Call("bitwise_or", (left, right), np.bitwise_or, order=0),
    Call("bitwise_xor", (left, right), np.bitwise_xor, order=0),
    Call("bitwise_not", (left,), np.invert, order=0),
    Call("left_shift", (left, shifts), np.left_shift, order=0),
    Call("right_shift", (left, shifts), np.right_shift, order=0),
    Call("arctan", (x * 3,), np.arctan),
    Call("arctan", (odd,), np.arctan, order=0),
    Call("arctan2", (x, unit), np.arctan2),
    Call("arctan2", (np.repeat(odd, 8), np.tile(odd, 8)), np.arctan2, order=0),
    Call("arcsin", (unit,), np.arcsin),
    Call("arccos", (unit,), np.arccos),
    Call("arcsin", (odd,), np.arcsin, order=0),
    Call("arccos", (odd,), np.arccos, order=0),
    Call("arcsinh", (x * 5,), np.arcsinh),
    Call("arcsinh", (np.array([1e-7, 1e4, -1e30, np.inf, -np.inf, np.nan]),), np.arcsinh, order=0),
    Call("arccosh", (1 + np.abs(x),), np.arccosh, rtol=5e-6),
    Call("arccosh", (np.array([1.0, 1e4, 1e30, np.inf, 0.5]),), np.arccosh, order=0),
    Call("arctanh", (unit,), np.arctanh),
    Call("arctanh", (odd,), np.arctanh, order=0),
    Call("cbrt", (x,), np.cbrt),
    Call("cbrt", (np.array([0.0, -0.0, 8.0, -27.0, 1e30, 1e-30, np.inf, -np.inf, np.nan]),), np.cbrt, order=0),
]


class TestCalls(Calls):
    calls = CALLS


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16", "bfloat16", "float32", "float64"]
)
def test_sort_every_dtype(dtype):
    a = ops.cast(rng.integers(0, 2 if dtype == "bool" else 100, (3, 50)) - (40 if dtype[0] in "if" else 0), dtype)
    np.testing.assert_array_equal(ops.cast(ops.sort(a), "float64"), np.sort(np.asarray(ops.cast(a, "float64"))))
    assert ops.sort(a).dtype == dtype


def test_zeros_are_equal_and_nan_is_last():
    assert ops.argsort([0.0, -0.0, float("nan"), -1.0, float("inf"), -float("nan")]).numpy().tolist() == [
        3,
        0,
        1,
        4,
        2,
        5,
    ]


def test_indices_out_of_range_are_never_written():
    for call in (
        lambda: ops.scatter([[4]], [1.0], (4,)),
        lambda: ops.scatter([[0, 7]], [1.0], (2, 3)),
        lambda: ops.scatter_update(x, [[5]], x[:1]),
    ):
        with pytest.raises(ValueError, match="out of range"):
            call()


def test_shifts_by_the_width_and_more():
    assert ops.left_shift([1, 1, 1], [31, 32, -1]).numpy().tolist() == [-(2**31), 0, 0]
    assert ops.right_shift([-5, 5, -5], [32, 40, -1]).numpy().tolist() == [-1, 0, -1]
    with pytest.raises(TypeError, match=r"\[bitwise_and\] operands must be integers or bools"):
        ops.bitwise_and(1.5, 2)


def test_segments_of_halves_and_integers():
    h = ops.segment_prod(ops.cast([2.0, 3.0, 4.0], "float16"), [0, 0, 1])
    assert h.dtype == "float16" and h.numpy().tolist() == [6, 4]
    assert ops.segment_max([3, 5], [0, 0], 2).numpy().tolist() == [5, -(2**31)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("mode", ["max", "min", "mul", "add"])
def test_many_rows_combine_as_one_after_the_other(mode, dtype):
    """Runs of the indices are combined apart: NaN, signed zeros and wrapping stay as in one loop."""
    draw = np.random.default_rng(3)
    floats = dtype.startswith("float")
    some = [0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan] if floats else [1, 3, 5, 7, 251, 255]
    values = draw.choice(np.array(some, dtype), (9001, 19), p=[0.5, 0.49, *[0.01 / 5] * 5] if floats else None)
    if floats and mode == "mul":  # rounds, so it has one order
        values = draw.uniform(0.9, 1.1, values.shape).astype(dtype)
    if floats and mode == "add":
        values = np.ones_like(values)
    base, rows = draw.choice(values.ravel(), (11, 19)), draw.integers(0, 11, 9001).astype("int32")
    if floats and mode in ("max", "min"):
        values[rows == 4] = base[4] = -np.inf if mode == "max" else np.inf
    want = base.copy()
    with np.errstate(over="ignore"):
        for at, row in zip(rows, values, strict=True):
            a = want[at]
            if mode in ("max", "min"):
                ahead = a > row if mode == "max" else a < row
                want[at] = np.where((a != a) | ahead, a, row)
            else:
                want[at] = a * row if mode == "mul" else a + row
    threads = ckeras._engine.num_threads()
    try:
        for n in (1, 2, 3):
            ckeras._engine.set_num_threads(n)
            got = ops.scatter_update(base, rows[:, None], values, mode).numpy()
            assert got.tobytes() == want.tobytes()
    finally:
        ckeras._engine.set_num_threads(threads)


def test_namespaces_hold_the_same_functions():
    import ckeras.ops.numpy as as_numpy

    assert as_numpy.sort is ops.sort and ops.nn.conv is ops.conv and ops.linalg.norm is ops.norm
