"""The functions of `ops` that NumPy has, made of others: values, dtypes, traces, symbolic shapes, derivatives."""

import numpy as np

from ckeras import ops
from composites import Call, Calls

rng = np.random.default_rng(3)
x, y = rng.normal(size=(4, 6)), rng.normal(size=(4, 6))
cube = rng.normal(size=(3, 4, 5))
v, w = rng.normal(size=6), rng.normal(size=5)
positive = rng.uniform(0.2, 4, (4, 6))
whole = rng.integers(-5, 6, (4, 6)).astype("int32")
holes = np.where(rng.random((4, 6)) < 0.3, np.nan, x)
odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -2.0])

ELEMENTWISE = [
    Call("tan", (x,), np.tan),
    Call("sinh", (x * 3,), np.sinh),
    Call("sinh", (np.array([1e-8, 9.0, -9.0, 88.9, -89.0, np.inf, -np.inf, 0.0]),), np.sinh, order=0),
    Call("cosh", (np.array([0.0, 1e-3, 30.0, -89.0, np.inf]),), np.cosh, order=0),
    Call("cosh", (x,), np.cosh),
    Call("log2", (positive,), np.log2),
    Call("log10", (positive,), np.log10),
    Call("exp2", (x,), np.exp2),
    Call("logaddexp", (x, y), np.logaddexp),
    Call("logaddexp", (odd, odd[::-1].copy()), np.logaddexp, order=0),
    Call("logaddexp", (odd, odd), np.logaddexp, order=0),
    Call("logaddexp2", (x, y), np.logaddexp2),
    Call("hypot", (x, y[0]), np.hypot),
    Call("hypot", (odd, odd[::-1].copy()), np.hypot, order=0),
    Call("hypot", (np.array([1e30, 0.0]), np.array([1e30, 0.0])), np.hypot, order=0),
    Call("deg2rad", (x,), np.deg2rad),
    Call("rad2deg", (x,), np.rad2deg),
    Call("sinc", (x,), np.sinc),
    Call("sinc", (np.array([0.0, 0.5]),), np.sinc, order=0),
    Call("heaviside", (odd, np.array(0.5)), np.heaviside, order=0, symbolic=False),
    Call("nan_to_num", (odd,), np.nan_to_num, {"nan": 2.0, "posinf": 3.0, "neginf": -4.0}, order=0),
    Call("fabs", (whole,), np.fabs, order=0),
    Call("fmax", (odd, odd[::-1].copy()), np.fmax, order=0),
    Call("fmin", (odd, odd[::-1].copy()), np.fmin, order=0),
    Call("clip", (x, None, 0.3), np.clip),
    Call("clip", (x, -0.2, None), np.clip),
    Call("clip", (x, None, None), lambda a, *_: a),
    Call("fmod", (x * 5, positive), np.fmod),
    Call("fmod", (whole, np.abs(whole) + 1), np.fmod, order=0),
    Call("ldexp", (x, whole), np.ldexp),
    Call("divide_no_nan", (x, y), np.divide),
    Call("real", (x,), np.real),
    Call("imag", (x,), np.imag, order=0),
    Call("conj", (x,), np.conj),
    Call("angle", (x,), np.angle, order=0),
    Call("isclose", (x, x + 1e-6), np.isclose, {"rtol": 1e-4}, order=0),
    Call("isclose", (odd, odd), np.isclose, {"equal_nan": True}, order=0),
    Call("isclose", (odd, odd), np.isclose, order=0),
    Call("allclose", (x, x), np.allclose, order=0),
    Call("isposinf", (odd,), np.isposinf, order=0),
    Call("isneginf", (odd,), np.isneginf, order=0),
    Call("isreal", (x,), np.isreal, order=0),
    Call("signbit", (odd,), np.signbit, order=0),
    Call("isin", (whole, np.array([1, 3], "int32")), np.isin, order=0, symbolic=False),
    Call("isin", (whole, np.array([1, 3], "int32")), np.isin, {"invert": True}, order=0, symbolic=False),
    Call("select", ([x > 1, x > 0], [x, y], 0.5), np.select),
]

STATISTICS = [
    Call("average", (x, 1, y**2), np.average),
    Call("average", (x, 0, np.array([1.0, 2.0, 3.0, 4.0])), np.average),
    Call("average", (x,), np.average),
    Call("count_nonzero", (whole, 1), np.count_nonzero, order=0),
    Call("ptp", (x, 1), np.ptp),
    Call("amax", (x, 0), np.max),
    Call("amin", (x,), np.min),
    Call("corrcoef", (x,), np.corrcoef, rtol=1e-5),
    Call("trapezoid", (x,), np.trapezoid if hasattr(np, "trapezoid") else np.trapz),
    Call("trapezoid", (x, np.array([0.0, 1, 3, 4, 7, 9])), np.trapezoid if hasattr(np, "trapezoid") else np.trapz),
    Call("moments", (x, 0), lambda a, axes: (a.mean(axes), a.var(axes))),
    Call("nansum", (holes, 0), np.nansum, order=0),
    Call("nanprod", (holes, 1), np.nanprod, order=0),
    Call("nanmax", (holes, 0), np.nanmax, order=0),
    Call("nanmin", (holes,), np.nanmin, order=0),
    Call("nanmean", (holes, 1), np.nanmean, {"keepdims": True}, order=0),
    Call("nanvar", (holes, 1), np.nanvar, order=0),
    Call("nanstd", (holes,), np.nanstd, order=0),
    Call("nanargmax", (holes, 1), np.nanargmax, order=0),
    Call("nanargmin", (holes,), np.nanargmin, order=0),
    Call("nancumsum", (holes, 1), np.nancumsum, order=0),
    Call("nancumprod", (holes, 1), np.nancumprod, order=0),
    Call("cumsum", (cube, 1), np.cumsum),
    Call("cumsum", (cube,), np.cumsum, symbolic=False),
    Call("cumsum", (whole, 0), np.cumsum, order=0),
    Call("cumprod", (cube, 2), np.cumprod),
    Call("diff", (x, 2), np.diff),
    Call("diff", (x, 1, 0), np.diff, symbolic=False),
]

SHAPES = [
    Call("append", (x, y, 0), np.append),
    Call("append", (x, v), np.append, symbolic=False),
    Call("array_split", (x, 4, 1), np.array_split),
    Call("hsplit", (x, 3), np.hsplit),
    Call("vsplit", (x, 2), np.vsplit, symbolic=False),
    Call("dsplit", (cube, [1, 3]), np.dsplit),
    Call("hstack", ([x, y],), np.hstack),
    Call("vstack", ([v, v],), np.vstack),
    Call("dstack", ([x, y],), np.dstack),
    Call("fliplr", (x,), np.fliplr),
    Call("flipud", (x,), np.flipud),
    Call("roll", (x, 2, 1), np.roll),
    Call("roll", (x, -7), np.roll, symbolic=False),
    Call("roll", (x, (1, 2), (0, 1)), np.roll, symbolic=False),
    *[Call("rot90", (cube, k, (0, 2)), np.rot90) for k in range(-1, 4)],
    Call("meshgrid", (v, w), lambda *a, **k: tuple(np.meshgrid(*a, **k))),
    Call("meshgrid", (v, w, v), lambda *a, **k: tuple(np.meshgrid(*a, **k)), {"indexing": "ij"}),
    *[Call("diag", (v, k), np.diag, symbolic=False) for k in (-2, 0, 1)],
    *[Call("diag", (x, k), np.diag, symbolic=False) for k in (-3, -1, 0, 2, 5)],
    Call("diagflat", (x, -1), np.diagflat, symbolic=False),
    Call("diagonal", (cube, 1, 1, 2), np.diagonal),
    Call("diagonal", (cube, -1, 2, 0), np.diagonal, symbolic=False),
    Call("trace", (cube, 0, 1, 2), np.trace),
    Call("tril", (cube, -1), np.tril),
    Call("triu", (cube, 1), np.triu),
    Call("vander", (w, 3), np.vander),
    Call("vander", (w,), np.vander, {"increasing": True}, symbolic=False),
    *[
        Call("pad", (cube, ((0, 0), (2, 1), (0, 7)), mode), np.pad)
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap")
    ],
]

CALLS = ELEMENTWISE + STATISTICS + SHAPES


class TestCalls(Calls):
    calls = CALLS


def test_windows_and_ranges():
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        for n in (0, 1, 2, 7):
            np.testing.assert_allclose(getattr(ops, name)(n), getattr(np, name)(n), atol=1e-7)
    np.testing.assert_allclose(ops.kaiser(9, 3.5), np.kaiser(9, 3.5), rtol=1e-6)
    np.testing.assert_array_equal(ops.tri(3, 5, -1), np.tri(3, 5, -1))
    a, b = np.array([1.0, 2.0]), np.array([3.0, 50.0])
    np.testing.assert_allclose(ops.logspace(a, b / 10, 5, axis=1), np.logspace(a, b / 10, 5, axis=1), rtol=1e-6)
    np.testing.assert_allclose(ops.geomspace(a, b, 4, axis=1), np.geomspace(a, b, 4, axis=1), rtol=1e-6)
    np.testing.assert_allclose(ops.geomspace(-a, -b, 4, endpoint=False), np.geomspace(-a, -b, 4, False), rtol=1e-6)


def test_running_sums_of_halves_round_once():
    x = ops.ones(4000, dtype="float16")
    assert float(ops.cumsum(x)[-1]) == 4000
