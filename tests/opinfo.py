"""One row per primitive: reference, domain, tolerance, derivatives, arguments to try. Every test of ops reads it.

An elementwise row is one line of `ELEMENTWISE`; its dtypes and arity come from `_engine.op_table()`. A structured row
lists its cases. The rest of this file makes arguments of them.
"""

import functools
import itertools
import zlib
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

import opcases
import opref
import opref_rnn
from ckeras import _engine, ops
from ckeras._core import dtypes
from ckeras._core.primitive import PRIMITIVES
from ckeras._core.tensor import convert
from ckeras.ops import random as _random  # noqa: F401  (fills PRIMITIVES)
from ckeras.ops import rnn as _rnn  # noqa: F401
from ckeras.ops import updates as _updates  # noqa: F401

for _name in ops.__all__:  # every module of `ops`, which fills PRIMITIVES
    getattr(ops, _name)
TABLE = {row["name"]: row for row in _engine.op_table()}
FLOATS = ("float16", "bfloat16", "float32", "float64")
# 0, 1, around the 16 lanes and two registers, primes, around the tile of 1,024 elements, rank up to 5
SHAPES = [(), (0,), (1,), (15,), (16,), (17,), (31,), (33,), (1021,), (1025,), (3, 0, 2), (7, 13), (2, 3, 5, 1, 4)]
PAIRS = [((), (5,)), ((7, 1), (1, 9)), ((4, 1, 3), (2, 1)), ((1,), (0,)), ((2, 3, 1, 1, 5), (4, 1)), ((33,), (3, 33))]
# Whether the kernels under test fuse multiply-adds: without, some bounds of csrc/cpu/vmath.h double, and a remainder is
# exact for ordinary quotients alone.
FUSED = _engine.isa() not in ("baseline", "reference")
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e4, -1e4, 1e-3, 6.2e-5, 65504.0)


@dataclass(frozen=True)
class Row:
    name: str
    ref: Any  # float64 arrays -> float64 array (a list for several results); None for random numbers
    # Derivatives to check; 0: there is none, or it is zero everywhere; None: operands follow from one another, and the
    # second order of the op whose gradient this is checks them.
    order: int | None = 2
    ulp: float = 0.5  # float32 and float64, beside the rounding of the result: 0.5 is exact
    rtol: float = 0.0  # relative to the largest result, for sums: float32; float64 a millionth of it
    domain: Any = (-3.0, 3.0)  # of all operands, or one a operand
    cases: Any = None  # rng -> list of (args, attrs); float64 arrays take the dtype under test, others stay
    bench: tuple = ()  # shapes of operands for bench/kernels.py
    kept: int = 0  # the last results, which only the derivative reads
    refuses: bool = False  # order 0: asking for a derivative is an error that says what to do instead
    special: bool = True  # whether special values follow the reference
    halves: int | None = None  # so many arguments may be halves; beside them later floats are float32

    @property
    def primitive(self):
        return PRIMITIVES[self.name]

    @property
    def elementwise(self):
        return TABLE[self.name]["kind"] == "elementwise"

    @property
    def dtypes(self):
        return [_engine.DTYPES[code] for code in TABLE[self.name]["dtypes"]]


def _row(name, *args, **options):
    return Row(name, *args, **options)


POSITIVE, UNIT = (0.1, 4.0), (-0.9, 4.0)
BIG = ((1 << 20,),)
ELEMENTWISE = [
    _row("add", np.add, bench=BIG * 2),
    _row("subtract", np.subtract),
    _row("multiply", np.multiply, bench=BIG * 2),
    _row("divide", np.divide, domain=((-3, 3), POSITIVE)),
    _row("floor_divide", np.floor_divide, 0, domain=((-9, 9), POSITIVE), special=FUSED),
    _row("mod", np.mod, domain=((-9, 9), POSITIVE), rtol=0.0 if FUSED else 4e-7, special=FUSED),
    _row("maximum", np.maximum, bench=BIG * 2),
    _row("minimum", np.minimum),
    _row("power", np.power, 2, 2 if FUSED else 4, domain=(POSITIVE, (-3, 3))),
    _row("power_int", np.power, 0, domain=((-3, 3), (0, 4))),
    _row("gcd", np.gcd, 0, domain=((-60, 60), (-60, 60))),
    _row("negative", np.negative),
    _row("absolute", np.abs),
    _row("sign", np.sign, 0),
    _row("square", np.square),
    _row("sqrt", np.sqrt, domain=POSITIVE),
    _row("rsqrt", lambda x: 1 / np.sqrt(x), 2, 1.5, domain=POSITIVE),
    _row("reciprocal", np.reciprocal, domain=POSITIVE),
    _row("floor", np.floor, 0),
    _row("ceil", np.ceil, 0),
    _row("round", np.round, 0),
    _row("trunc", np.trunc, 0),
    _row("exp", np.exp, 2, 1, bench=BIG),
    _row("exp2", np.exp2, 2, 2),
    _row("expm1", np.expm1, 2, 2),
    _row("log", np.log, 2, 2, domain=POSITIVE, bench=BIG),
    _row("log1p", np.log1p, 2, 3, domain=UNIT),
    _row("sin", np.sin, 2, 2),
    _row("cos", np.cos, 2, 2),
    _row("tan", np.tan, 4, 4),
    _row("arcsin", np.arcsin, 2, 2, domain=(-0.9, 0.9)),
    _row("arccos", np.arccos, 2, 2, domain=(-0.9, 0.9)),
    _row("arctan", np.arctan, 2, 2),
    _row("tanh", np.tanh, 2, 3, bench=BIG),
    _row("sigmoid", opref.sigmoid, 2.5, 3, bench=BIG),
    _row("softplus", lambda x: np.logaddexp(x, 0), 2, 2),
    _row("gelu", lambda x: 0.5 * x * (1 + opref.erf(x / np.sqrt(2))), 2, 3, rtol=1.2e-7, bench=BIG),
    _row("gelu_tanh", opref.gelu_tanh, 2, 16, bench=BIG),
    _row("leaky_relu", lambda x, slope: np.where(x > 0, x, x * slope)),
    _row("hard_sigmoid", opref.hard_sigmoid, 2, 2),
    _row("hard_silu", lambda x: x * opref.hard_sigmoid(x), 2, 3),
    _row("erf", opref.erf, 2, 3, bench=BIG),
    _row("erfinv", opref.erfinv, 2, 6, domain=(-0.9, 0.9), special=False),
    _row("arctan2", np.arctan2, 2, 3),
    _row("bitwise_and", np.bitwise_and, 0),
    _row("bitwise_or", np.bitwise_or, 0),
    _row("bitwise_xor", np.bitwise_xor, 0),
    _row("bitwise_not", np.bitwise_not, 0),
    _row("left_shift", np.left_shift, 0, domain=((-3, 3), (0, 5))),
    _row("right_shift", np.right_shift, 0, domain=((-90, 90), (0, 5))),
    _row("equal", np.equal, 0),
    _row("not_equal", np.not_equal, 0),
    _row("less", np.less, 0),
    _row("less_equal", np.less_equal, 0),
    _row("greater", np.greater, 0),
    _row("greater_equal", np.greater_equal, 0),
    _row("logical_and", np.logical_and, 0),
    _row("logical_or", np.logical_or, 0),
    _row("logical_xor", np.logical_xor, 0),
    _row("logical_not", np.logical_not, 0),
    _row("isnan", np.isnan, 0),
    _row("isinf", np.isinf, 0),
    _row("isfinite", np.isfinite, 0),
    _row("select", np.where),
]


# ---- structured rows


def _n(rng, *shape):
    return rng.normal(size=shape)


def _cast_cases(rng):
    x = rng.uniform(0, 100, (3, 37))
    return [((x,), {"dtype": name}) for name in _engine.DTYPES]


def _cast_ref(x, dtype):
    if dtype in FLOATS:
        return x.astype(dtypes.numpy_dtype(dtype)).astype("float64")
    return x.astype(dtype)


def _matmul_cases(rng):
    sizes = [(1, 1, 1), (0, 3, 2), (3, 0, 2), (1, 64, 33), (17, 16, 15), (33, 257, 31), (130, 31, 67), (97, 521, 101)]
    plain = [((_n(rng, m, k), _n(rng, k, n)), {}) for m, k, n in sizes]
    turned = [
        (
            (_n(rng, *((9, 7) if ta else (7, 9))), _n(rng, *((5, 9) if tb else (9, 5)))),
            {"transpose_a": ta, "transpose_b": tb},
        )
        for ta, tb in ((True, False), (False, True), (True, True))
    ]
    ended = [
        ((_n(rng, 6, 7), _n(rng, 7, 5), _n(rng, 6, 5)), {"residual": True}),
        ((_n(rng, 2, 6, 7), _n(rng, 2, 7, 5), _n(rng, 5), _n(rng, 2, 6, 5)), {"residual": True}),
        ((_n(rng, 6, 7), _n(rng, 7, 5), _n(rng, 5)), {}),
    ]
    return plain + turned + ended + [((_n(rng, 3, 5, 8), _n(rng, 3, 8, 4)), {})]


_CONVS = [  # image, filter, strides, dilation, pads, groups
    ((2, 5, 6, 3), (3, 3, 3, 4), (1, 1), (1, 1), (1, 1, 1, 1), 1),
    ((1, 9, 8, 1), (3, 2, 1, 17), (2, 1), (1, 1), (0, 0, 0, 1), 1),
    ((2, 7, 7, 4), (1, 1, 4, 5), (1, 1), (1, 1), (0, 0, 0, 0), 1),
    ((1, 8, 9, 6), (3, 3, 2, 9), (1, 2), (1, 1), (1, 0, 2, 1), 3),
    ((1, 9, 9, 5), (3, 3, 1, 5), (1, 1), (2, 2), (2, 2, 2, 2), 5),
    ((0, 4, 4, 2), (3, 3, 2, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1),
    ((2, 11, 3), (3, 3, 5), (1,), (2,), (4, 0), 1),
    ((1, 13, 4), (4, 2, 6), (3,), (1,), (1, 2), 2),
    ((1, 4, 5, 6, 3), (2, 3, 3, 3, 4), (1, 1, 1), (1, 1, 1), (0, 1, 1, 1, 1, 1), 1),
    ((1, 5, 5, 7, 4), (2, 3, 2, 1, 4), (2, 1, 3), (1, 2, 1), (0, 0, 2, 2, 1, 0), 4),
]


def _conv_cases(which):
    def cases(rng):
        out = []
        for image, filters, strides, dilation, pads, groups in _CONVS:
            attrs = {"strides": strides, "dilation": dilation, "pads": pads, "groups": groups}
            x, k = _n(rng, *image), _n(rng, *filters)
            dy = _n(rng, *opref.conv(x, k, **attrs).shape)
            out.append(
                {
                    "forward": ((x, k), attrs),
                    "input": ((dy, k), {**attrs, "shape": x.shape}),
                    "filter": ((x, dy), {**attrs, "shape": k.shape}),
                }[which]
            )
        return out

    return cases


def _pool_cases(which):
    def cases(rng):
        out = []
        for shape, size, strides, pads in [
            ((2, 6, 8, 3), (2, 2), (2, 2), (0, 0, 0, 0)),
            ((1, 7, 5, 17), (3, 3), (2, 2), (1, 1, 1, 1)),
            ((1, 5, 9, 1), (3, 2), (1, 3), (0, 0, 0, 0)),
            ((0, 4, 4, 2), (2, 2), (2, 2), (0, 0, 0, 0)),
            ((2, 9, 5), (3,), (2,), (1, 1)),
            ((1, 4, 5, 6, 3), (2, 3, 2), (1, 2, 2), (1, 0, 1, 1, 0, 0)),
            ((1, 18, 19, 3), (17, 16), (1, 2), (0, 0, 0, 0)),
        ]:
            if "average" in which and np.prod(size) > 256:
                continue  # that many places are for the maxima's numbers
            x = rng.permutation(int(np.prod(shape))).reshape(shape) / 8.0  # no ties, exact in halves
            attrs = {"size": size, "strides": strides, "pads": pads}
            y, places = opref.max_pool_places(x, **attrs)
            dy, places = _n(rng, *y.shape), places.astype("uint8" if np.prod(size) <= 256 else "int32")
            out.append(
                {
                    "forward": ((x,), attrs),
                    "grad": ((dy, places), {**attrs, "shape": shape}),
                    "pick": ((_n(rng, *shape), places), attrs),
                    "average": ((_n(rng, *shape),), attrs),
                    "average grad": ((dy,), {**attrs, "shape": shape}),
                }[which]
            )
        return out

    return cases


def _reduce_cases(rng):
    cases = [
        ((33,), (0,)),
        ((1025,), (0,)),
        ((7, 13), (1,)),
        ((7, 13), (0,)),
        ((2, 3, 5, 1, 4), (0, 2, 4)),
        ((0, 3), (1,)),
    ]
    return [((rng.permutation(int(np.prod(s))).reshape(s) * 0.002 + 0.5,), {"axes": axes}) for s, axes in cases]


def _reduction(fn):
    return lambda x, axes: fn(x, axis=axes)


def _arg_cases(rng):
    return [
        ((rng.integers(0, 50, s).astype("float64"),), {"axis": a})
        for s, a in [((33,), 0), ((7, 1025), 1), ((5, 4, 3), 1)]
    ]


def _softmax_cases(rng):
    shapes = [((1,), 0), ((3, 1), 1), ((4, 10), 1), ((5, 17), 0), ((2, 3, 1025), 2), ((0, 4), 1), ((2, 3, 5), 1)]
    return [((_n(rng, *shape) * 3,), {"axis": axis}) for shape, axis in shapes]


def _labels_cases(with_grad):
    def cases(rng):
        out = []
        for rows, classes, ignore in [(1, 2, -(2**31)), (17, 10, -(2**31)), (9, 1025, 3), (0, 4, -1)]:
            args = (_n(rng, rows, classes) * 3, rng.integers(0, classes, rows).astype("int32"))
            out.append((args + ((_n(rng, rows),) if with_grad else ()), {"ignore": ignore}))
        return out

    return cases


SEED = np.array([7, 3], "uint32")


def _random_cases(**attrs):
    return lambda rng: [((SEED,), {"shape": s, "dtype": "float32", **attrs}) for s in [(), (0,), (17,), (100, 701)]]


def _scatter_cases(rng):
    return [
        ((_n(rng, 5, 3), np.array([3, -1, 0], "int32"), _n(rng, 3, 3)), {"mode": None}),
        ((_n(rng, 4, 2), np.array([1, 1, 3, 1]), _n(rng, 4, 2)), {"mode": None}),
        ((_n(rng, 3), np.zeros(0, "int32"), _n(rng, 0)), {"mode": None}),
    ]


def _argsort_cases(rng):
    cases = [((33,), 33, False), ((7, 65), 65, True), ((3, 5, 40), 7, True), ((2, 1), 1, False), ((0, 4), 2, False)]
    return [((rng.integers(0, 30, s) * 0.5,), {"k": k, "descending": d}) for s, k, d in cases]


def _transpose_cases(rng):
    cases = [((7, 13), (1, 0)), ((2, 3, 5, 1, 4), (4, 2, 0, 3, 1)), ((33, 65, 2), (1, 0, 2)), ((0, 3), (1, 0))]
    return [((_n(rng, *s),), {"perm": perm}) for s, perm in cases]


def _slice_cases(rng):
    return [
        ((_n(rng, 9, 7),), {"starts": (1, 6), "steps": (2, -3), "shape": (4, 3)}),
        ((_n(rng, 40),), {"starts": (3,), "steps": (1,), "shape": (33,)}),
        ((_n(rng, 4, 3),), {"starts": (0, 0), "steps": (1, 1), "shape": (0, 3)}),
    ]


def _pad_cases(rng):
    value = np.array(2.0)
    return [
        ((_n(rng, 3, 4), value), {"lows": (1, 0), "highs": (2, 3), "interiors": (0, 1)}),
        ((_n(rng, 6, 5), value), {"lows": (-1, 2), "highs": (1, -2), "interiors": (2, 0)}),
    ]


def _update_cases(per_variable, scalars=1, **attrs):
    def cases(rng):
        shapes = [(), (17,), (33, 31), (0,)]
        args = [rng.uniform(0.1, 1, s) for s in shapes for _ in range(per_variable)]
        return [((*[np.array(0.125 * (i + 1)) for i in range(scalars)], *args), attrs)]

    return cases


def _update_row(name, scalars, slots, rule, **attrs):
    cases = _update_cases(slots + 2, scalars, **attrs)
    return _row(name, opref.update(scalars, slots, rule), 0, rtol=8e-6, cases=cases)


def _scaled_cases(scalars, slots, shapes, **attrs):
    """Of updates whose step depends on the whole variable; `slots(shape)` gives the shapes of its slots."""

    def cases(rng):
        args = [rng.uniform(0.1, 1, s) for shape in shapes for s in (shape, shape, *slots(shape))]
        return [((*[np.array(0.125 * (i + 1)) for i in range(scalars)], *args), attrs)]

    return cases


def _factored(shape):
    return [shape[:-1], (*shape[:-2], shape[-1]), shape] if len(shape) > 1 else [(), (), shape]


def _ctc_cases(rng):
    def logs(*shape):
        x = _n(rng, *shape)
        return x - np.log(np.exp(x).sum(-1, keepdims=True))

    def whole(*values):
        return np.array(values, "int32")

    return [
        ((logs(2, 6, 4), whole([1, 2, 2], [3, 1, 0]), whole(3, 2), whole(6, 5)), {"blank": 0}),
        ((logs(3, 9, 5), whole([1, 2], [0, 0], [3, 3]), whole(0, 2, 1), whole(9, 7, 8)), {"blank": 4}),
    ]


def _scan_cases(n):
    def cases(rng):
        out = []
        for shape, axis, reverse in [((17,), 0, False), ((3, 40), 1, True), ((5, 2, 35), 0, False), ((4, 0), 1, True)]:
            out.append((tuple(_n(rng, *shape) for _ in range(n)), {"axis": axis, "reverse": reverse}))
        return out

    return cases


def _norm_cases(grad):
    def cases(rng):
        out = []
        for rows, n in ((3, 17), (70, 33), (1, 1025), (5, 1)):
            for rms, gamma, beta in itertools.product((False, True), repeat=3):
                x, weights = _n(rng, rows, n), [_n(rng, n) for _ in range(int(gamma) + (0 if grad else int(beta)))]
                middle, factor = opref.row_moments(x, rms, 0.1)
                moments = (_n(rng, rows, n), middle, factor) if grad else ()
                out.append(((x, *moments, *weights), {"rms": rms, "gamma": gamma, "beta": beta, "epsilon": 0.1}))
        return out

    return cases


# queries [B, T, N, H], keys and groups, causal, shapes of bias and mask, cap
ATTENTIONS = [
    ((2, 5, 4, 3), 7, 2, False, (2, 4, 5, 7), (2, 1, 5, 7), 0.0),
    ((1, 7, 2, 5), 7, 2, True, None, None, 0.0),
    ((2, 3, 2, 4), 9, 1, True, (1, 2, 1, 9), (2, 1, 1, 9), 2.0),
    ((1, 97, 1, 17), 131, 1, False, (1, 1, 97, 1), None, 0.0),
]


def _attention_cases(grad):
    def cases(rng):
        out = []
        for queries, keys, groups, causal, bias, mask, cap in ATTENTIONS:
            q, k, v = _n(rng, *queries), *_n(rng, 2, queries[0], keys, groups, queries[3])
            extras = [] if bias is None else [_n(rng, *bias)]
            if mask is not None:
                extras.append((rng.random(mask) < 0.7) | (np.arange(mask[3]) == 0))
            attrs = {"causal": causal, "bias": bias is not None, "mask": mask is not None, "scale": 0.3, "cap": cap}
            if not grad:
                out.append(((q, k, v, *extras), attrs))
                continue
            y, *rows = opref.attention(q, k, v, *extras, **attrs)
            for wants_bias in {False, bias is not None}:
                out.append(((q, k, v, y, _n(rng, *queries), *rows, *extras), {**attrs, "wants_bias": wants_bias}))
        return out

    return cases


def _dft_cases(rng):
    return [((_n(rng, *s), _n(rng, *s)), {"sign": g}) for s, g in [((16,), -1), ((3, 12), 1), ((2, 2, 31), -1)]]


def _parameter_cases(*domains):
    return lambda rng: [((SEED, *[rng.uniform(*d, s) for d in domains]), {}) for s in [(), (0,), (17,), (20, 33)]]


def _bitcast_cases(rng):
    x = rng.integers(0, 99, (3, 4)).astype("int32")
    return [((x,), {"shape": (3, 4), "dtype": "uint32"})]


SGD = {"has_momentum": False, "nesterov": False, "momentum": 0.0}
MOMENTS = {"one_minus_beta_1": 0.125, "one_minus_beta_2": 0.0078125, "epsilon": 1e-7}
DECAY = {"rho": 0.875, "one_minus_rho": 0.125, "epsilon": 1e-7}
RECURRENT = (("lstm", 2), ("gru", 1), ("simple_rnn", 0))
STRUCTURED = [
    _row("cast", _cast_ref, 2, cases=_cast_cases),
    _row("matmul", opref.matmul, rtol=2e-6, cases=_matmul_cases),
    _row("conv", opref.conv, rtol=2e-6, cases=_conv_cases("forward")),
    _row("conv_grad_input", opref.conv_grad_input, rtol=2e-6, cases=_conv_cases("input")),
    _row("conv_grad_filter", opref.conv_grad_filter, rtol=2e-6, cases=_conv_cases("filter")),
    _row("max_pool", opref.max_pool, cases=_pool_cases("forward")),
    _row("max_pool_places", opref.max_pool_places, cases=_pool_cases("forward"), kept=1),
    _row("max_pool_grad", opref.max_pool_grad, rtol=1e-6, cases=_pool_cases("grad")),
    _row("max_pool_pick", opref.max_pool_pick, cases=_pool_cases("pick")),
    _row("avg_pool", opref.avg_pool, rtol=5e-7, cases=_pool_cases("average")),
    _row("avg_pool_grad", opref.avg_pool_grad, rtol=5e-7, cases=_pool_cases("average grad")),
    _row("reduce_sum", _reduction(np.sum), rtol=1e-6, cases=_reduce_cases),
    _row("reduce_prod", _reduction(np.prod), rtol=4e-5, cases=_reduce_cases),
    _row("reduce_max", _reduction(np.max), cases=_reduce_cases),
    _row("reduce_min", _reduction(np.min), cases=_reduce_cases),
    _row("reduce_any", _reduction(np.any), 0, cases=_reduce_cases),
    _row("reduce_all", _reduction(np.all), 0, cases=_reduce_cases),
    _row("argmax", np.argmax, 0, cases=_arg_cases),
    _row("argmin", np.argmin, 0, cases=_arg_cases),
    _row("softmax", opref.softmax, rtol=1e-6, cases=_softmax_cases),
    _row("log_softmax", opref.log_softmax, rtol=1e-6, cases=_softmax_cases),
    _row("softmax_cross_entropy", opref.softmax_cross_entropy, rtol=1e-6, cases=_labels_cases(False)),
    _row("softmax_cross_entropy_grad", opref.softmax_cross_entropy_grad, rtol=1e-6, cases=_labels_cases(True)),
    _row("layer_norm", opref.layer_norm, rtol=4e-6, cases=_norm_cases(False), kept=2, halves=1),
    _row("layer_norm_grad", opref.layer_norm_grad, order=None, rtol=8e-6, cases=_norm_cases(True), halves=2),
    _row("attention", opref.attention, rtol=4e-6, cases=_attention_cases(False), kept=2, halves=3),
    _row("attention_grad", opref.attention_grad, order=None, rtol=8e-6, cases=_attention_cases(True), halves=5),
    _row("random_bits", None, 0, cases=lambda rng: [((SEED,), {"shape": s}) for s in [(), (0,), (17,), (100, 701)]]),
    _row("random_uniform", None, 0, cases=_random_cases(low=-1.0, high=3.0)),
    _row("random_normal", None, 0, cases=_random_cases(mean=1.0, stddev=2.0)),
    _row("random_truncated_normal", None, 0, cases=_random_cases(mean=1.0, stddev=2.0)),
    _row("dropout", None, 2, cases=lambda rng: [((_n(rng, *s), SEED), {"rate": 0.25}) for s in [(17,), (100, 701)]]),
    _row("gather", opref.gather, cases=opcases.gather),
    _row("gather_grad", opref.gather_grad, rtol=1e-6, cases=opcases.gather_grad),
    _row("scatter", opref.scatter, cases=_scatter_cases),
    _row(
        "sort",
        lambda x, descending: np.sort(x)[..., ::-1] if descending else np.sort(x),
        cases=lambda rng: [((_n(rng, 3, 17),), {"descending": False}), ((_n(rng, 70),), {"descending": True})],
    ),
    _row("argsort", opref.argsort, 0, cases=_argsort_cases),
    _row("searchsorted", np.searchsorted, 0, cases=opcases.search),
    _row("bincount", lambda x, bins: np.bincount(x, minlength=bins), 0, cases=opcases.bincount),
    _row("resample", opref.resample, rtol=4e-7, cases=opcases.resample),
    _row("transpose", lambda x, perm: x.transpose(perm), cases=_transpose_cases),
    _row(
        "concatenate",
        lambda *xs, axis: np.concatenate(xs, axis),
        cases=lambda rng: [((_n(rng, 3, 2), _n(rng, 3, 0), _n(rng, 3, 17)), {"axis": 1}), ((_n(rng, 5),), {"axis": 0})],
    ),
    _row("slice", opref.slice_, cases=_slice_cases),
    _row("pad", opref.pad, cases=_pad_cases),
    _row("extend", lambda x, pairs, mode: np.pad(x, pairs, mode), cases=opcases.extend),
    _row("frames", opref.frames, cases=opcases.frames),
    _row(
        "broadcast",
        np.broadcast_to,
        cases=lambda rng: [((_n(rng, *a),), {"shape": np.broadcast_shapes(a, b)}) for a, b in PAIRS],
    ),
    *[
        _row(name, opref_rnn.forward(name), 1, rtol=2e-6, cases=opref_rnn.cases(name, False), kept=kept)
        for name, kept in RECURRENT
    ],
    *[
        _row(f"{name}_grad", opref_rnn.gradient(name), 0, rtol=4e-6, cases=opref_rnn.cases(name, True), refuses=True)
        for name, _ in RECURRENT
    ],
    _row("ctc_loss", opref.ctc_loss, 1, rtol=2e-6, cases=_ctc_cases, kept=1),
    _row("cumulative_sum", opref.cumulative(np.add), rtol=1e-6, cases=_scan_cases(1)),
    _row("cumulative_prod", opref.cumulative(np.multiply), rtol=1e-6, cases=_scan_cases(1)),
    _row("recurrence", opref.recurrence, rtol=1e-6, cases=_scan_cases(2)),
    _row("dft", opref.dft, rtol=1e-6, cases=_dft_cases),
    _row(
        "real_dft",
        opref.real_dft,
        rtol=1e-6,
        cases=lambda rng: [((_n(rng, *s),), {}) for s in [(1,), (2,), (3, 8), (9, 16), (6, 15), (2, 3, 12), (0, 4)]],
    ),
    _row("short_time_dft", opref.short_time_dft, rtol=1e-6, cases=opcases.short_time_dft),
    _row("random_gamma", None, 0, cases=_parameter_cases((0.2, 5.0))),
    _row("random_binomial", None, 0, cases=_parameter_cases((0.0, 40.0), (0.0, 1.0))),
    _row("bitcast", lambda x, shape, dtype: x, 0, cases=_bitcast_cases),
    _row("sgd_update", opref.sgd_update, 0, rtol=1e-6, cases=_update_cases(2, **SGD)),
    _update_row("adam_update", 1, 2, opref.adam_rule, amsgrad=False, **MOMENTS),
    _update_row("rmsprop_update", 1, 2, opref.rmsprop_rule, has_momentum=True, centered=False, momentum=0.125, **DECAY),
    _update_row("adagrad_update", 1, 1, opref.adagrad_rule, epsilon=1e-7),
    _update_row("adadelta_update", 1, 2, opref.adadelta_rule, **DECAY),
    _update_row("adamax_update", 1, 2, opref.adamax_rule, one_minus_beta_1=0.125, beta_2=0.75, epsilon=1e-7),
    _update_row("nadam_update", 4, 2, opref.nadam_rule, **MOMENTS),
    _update_row(
        "lion_update",
        1,
        1,
        opref.lion_rule,
        beta_1=0.875,
        one_minus_beta_1=0.125,
        beta_2=0.75,
        one_minus_beta_2=0.25,
    ),
    _update_row("schedule_free_update", 3, 2, opref.schedule_free_rule, beta_1=0.875, **MOMENTS),
    _row(
        "lamb_update",
        opref.update(3, 2, opref.lamb_rule),
        0,
        rtol=8e-6,
        cases=_scaled_cases(3, lambda s: (s, s), [(), (17,), (33, 31)], **MOMENTS),
    ),
    _row(
        "adafactor_update",
        opref.update(2, 3, opref.adafactor_rule),
        0,
        rtol=8e-6,
        cases=_scaled_cases(
            2, _factored, [(), (17,), (33, 31), (2, 5, 70)], epsilon_1=1e-30, epsilon_2=0.125, clip_threshold=0.5
        ),
    ),
    _row(
        "muon_update",
        opref.update(1, 1, opref.muon_rule),
        0,
        rtol=2e-5,
        cases=_scaled_cases(
            1,
            lambda s: (s,),
            [(3, 4), (33, 17), (1, 1)],
            nesterov=True,
            ns_steps=5,
            has_rms_rate=True,
            momentum=0.875,
            a=3.5,
            b=-4.75,
            c=2.0,
            rms_rate=0.25,
        ),
    ),
    _update_row("ftrl_update", 2, 2, opref.ftrl_rule, power=-0.5, l1=0.25, twice_shrinkage=0.5),
]
ROWS = {row.name: row for row in ELEMENTWISE + STRUCTURED}


# ---- arguments


def generator(*key):
    """Random numbers that depend on the key alone."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def values(rng, domain, shape, dtype):
    """Numbers of the domain in a dtype, as NumPy holds them."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    low, high = domain
    if dtype not in FLOATS:
        low = max(low, 0) if dtype.startswith("u") else low
        return rng.integers(int(np.ceil(low)), int(high) + 1, shape).astype(dtype)
    return np.asarray(rng.uniform(low, high, shape)).astype(dtypes.numpy_dtype(dtype))


def domains(row):
    arity = TABLE[row.name]["arity"]
    domain = row.domain if isinstance(row.domain[0], tuple) else (row.domain,) * arity
    return domain


def elementwise_args(row, rng, shapes, dtype):
    args = [values(rng, d, s, dtype) for d, s in zip(domains(row), shapes)]
    if row.name == "select":
        args[0] = values(rng, None, shapes[0], "bool")
    return args


def shape_lists(row, shapes=SHAPES):
    """Shapes of all operands: equal ones and, for several operands, pairs that broadcast."""
    arity = TABLE[row.name]["arity"]
    out = [(s,) * arity for s in shapes]
    if arity > 1:
        out += [(a, b, a)[:arity] for a, b in PAIRS] + [(b, a, b)[:arity] for a, b in PAIRS]
    return out


def cases(row, dtype, shapes=SHAPES):
    """All (args, attrs) of a row in one dtype, as NumPy arrays."""
    rng = generator(row.name, dtype)
    if row.cases is None:
        return [(elementwise_args(row, rng, s, dtype), {}) for s in shape_lists(row, shapes)]
    out = []
    for args, attrs in row.cases(rng):
        later = "float32" if row.halves is not None and dtypes.SIZES[dtype] == 2 else dtype
        kinds = [dtype if row.halves is None or i < row.halves else later for i in range(len(args))]
        args = [
            a.astype(dtypes.numpy_dtype(t)) if np.asarray(a).dtype == np.float64 else a for a, t in zip(args, kinds)
        ]
        attrs = {**attrs, "dtype": dtype} if row.ref is None and "dtype" in attrs else attrs
        out.append((args, attrs))
    return out


def tensors(args):
    return [convert(np.asarray(a)) for a in args]


def run(row, args, attrs):
    """The primitive on NumPy arguments: a list of NumPy results."""
    out = row.primitive.bind(*tensors(args), **attrs)
    return [t.numpy() for t in (out if isinstance(out, (tuple, list)) else [out])]


def reference(row, args, attrs):
    """The reference on the same values, floats widened to float64: a list."""
    wide = [a.astype("float64") if a.dtype.kind == "f" or a.dtype.name == "bfloat16" else a for a in args]
    with np.errstate(all="ignore"):
        out = row.ref(*wide, **attrs)
    return out if isinstance(out, list) else [out]


def check(row, dtype, args, attrs):
    """Compares the primitive with its reference; raises `AssertionError`."""
    for got, want in zip(run(row, args, attrs), reference(row, args, attrs), strict=True):
        want = np.asarray(want)
        assert got.shape == want.shape, (got.shape, want.shape)
        if want.dtype.kind != "f" or got.dtype.kind in "biu" or dtype not in FLOATS:
            np.testing.assert_array_equal(got, want.astype(got.dtype))
            continue
        close(row, dtype, got.astype("float64"), want)


@functools.cache
def _info(dtype):
    """Unit roundoff step, smallest normal and largest number."""
    info = ml_dtypes.finfo(dtypes.numpy_dtype(dtype))
    return float(info.eps), float(info.smallest_normal), float(info.max)


def close(row, dtype, got, want):
    eps, tiny, top = _info(dtype)
    overflow = np.abs(want) > top * (1 - eps / 4)
    finite = np.isfinite(want) & ~overflow
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_array_equal(np.sign(got[overflow]), np.sign(want[overflow]))
    if not finite.any():
        return
    got, want = got[finite], want[finite]
    with np.errstate(under="ignore"):
        step = np.maximum(2.0 ** np.floor(np.log2(np.maximum(np.abs(want), tiny))), tiny) * eps
    ulp = row.ulp + {"float64": 2.5, "float32": 0.01}.get(dtype, 0.5)  # the reference has float64's own error
    allowed = ulp * step + (tiny if row.elementwise else 0)
    if row.rtol:
        # float64 sums differ from the reference's own order of summing, halves by the rounding of the result
        scale = {"float64": 1e-8, "float32": 1.0}.get(dtype, eps / row.rtol)
        allowed = allowed + row.rtol * scale * np.abs(want).max()
    worst = np.argmax(np.abs(got - want) - allowed)
    assert np.all(np.abs(got - want) <= allowed), (
        f"{row.name} {dtype}: got {got[worst]!r}, expected {want[worst]!r}, "
        f"{abs(got[worst] - want[worst]) / np.ravel(step)[worst]:.2f} ULP"
    )
