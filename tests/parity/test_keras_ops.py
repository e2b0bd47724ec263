"""Every function of keras.ops beside ours: values, shapes and dtypes of four input dtypes, and symbolic shapes.

A row is a function and how to call it: `n(shape)` gives numbers of the dtype under test, `p` positive ones, `u` ones in
(0, 1). A function of keras.ops without a row fails.
"""

import os
import warnings

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    real = pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
import ckeras
from ckeras._core import nest

pytestmark = [
    pytest.mark.skipif(not real.__version__.startswith("3"), reason="the oracle is Keras 3"),
    pytest.mark.filterwarnings("ignore"),  # the oracle's own
]
DTYPES = ("float32", "int32", "bool", "float16")
I = np.array([1, 0, 2], "int32")  # noqa: E741


class Numbers:
    """Makes the arrays of a call in one dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.rng = np.random.default_rng(7)

    def _as(self, x, scale):
        if self.dtype == "bool":
            return x > np.median(x)
        return (x * scale).round().astype("int32") if self.dtype == "int32" else x.astype(self.dtype)

    def n(self, *shape):
        return self._as(self.rng.normal(size=shape), 3)

    def p(self, *shape):
        return self._as(self.rng.uniform(0.5, 2.0, shape), 3)

    def u(self, *shape):
        return self._as(self.rng.uniform(0.1, 0.9, shape), 1)

    def matrix(self, n):
        """Positive definite."""
        x = self.rng.normal(size=(n, n))
        return self._as(x @ x.T + n * np.eye(n), 1)


def call(*args, **kwargs):
    return args, kwargs


ROWS = {}


def rows(names, make, **options):
    for name in names.split():
        ROWS.setdefault(name, []).append((make, options))


FLOAT = {"dtypes": ("float32", "float16")}
FLOAT32 = {"dtypes": ("float32",)}
rows(
    """abs absolute angle arcsinh arctan cbrt ceil celu conj conjugate copy cos cosh deg2rad elu erf erfc exp exp2
    expm1 fabs floor gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh i0 imag isfinite isinf
    isnan isneginf isposinf isreal leaky_relu log_sigmoid logical_not negative rad2deg ravel real relu relu6
    round selu sigmoid sign signbit silu sin sinc sinh size soft_shrink softplus softsign sparse_plus
    sparse_sigmoid square squareplus swish tan tanh tanh_shrink trunc transpose nan_to_num zeros_like
    ones_like argmax argmin all any amax amin max min mean median prod ptp std var sum count_nonzero nanmax
    nanmin nanmean nanmedian nanprod nanstd nansum nanvar nanargmax nanargmin logsumexp softmax log_softmax
    sort cumsum cumprod nancumsum nancumprod diff ndim shape dtype is_tensor nonzero unique stop_gradient
    flip fliplr flipud rot90 squeeze convert_to_tensor array convert_to_numpy empty_like""",
    lambda g: call(g.n(3, 4)),
)
rows("view", lambda g: call(g.n(3, 4), "int32"), **FLOAT32)
rows("arccos arcsin arctanh erfinv", lambda g: call(g.u(3, 4)))
rows("arccosh", lambda g: call(g.p(3, 4) + g.p(1, 1)))
rows("log log10 log1p log2 reciprocal rsqrt sqrt", lambda g: call(g.p(3, 4)))
rows("sparsemax", lambda g: call(g.n(3, 4)), **FLOAT)
rows("bitwise_invert bitwise_not", lambda g: call(g.n(3, 4)), dtypes=("int32", "bool"))
rows(
    """add divide_no_nan equal fmax fmin greater greater_equal heaviside hypot isclose less less_equal logaddexp
    logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal subtract
    arctan2 allclose true_divide divide""",
    lambda g: call(g.n(3, 4), g.n(4)),
)
rows("add multiply subtract maximum divide power less", lambda g: call(g.p(3, 4), 2))
rows("add multiply subtract maximum divide power less", lambda g: call(g.p(3, 4), 2.5))
rows("add multiply maximum divide power equal", lambda g: call(g.p(3, 4), I[:, None]))
rows("floor_divide mod fmod power", lambda g: call(g.p(3, 4), g.p(4)))
rows("ldexp", lambda g: call(g.n(3, 3), I))
rows("bitwise_and bitwise_or bitwise_xor", lambda g: call(g.n(3, 4), g.n(4)), dtypes=("int32", "bool"))
rows("gcd lcm", lambda g: call(g.p(3, 4), g.p(4)), dtypes=("int32",))
rows(
    "bitwise_left_shift bitwise_right_shift left_shift right_shift",
    lambda g: call(g.p(3, 3), I),
    dtypes=("int32",),
)
AXIS = """all any amax amin max min mean median prod std var sum ptp nanmax nanmin nanmean nanmedian nanprod nanstd
    nansum nanvar argmax argmin nanargmax nanargmin logsumexp"""
rows(AXIS, lambda g: call(g.n(3, 4, 2), axis=1, keepdims=True))
rows("count_nonzero", lambda g: call(g.n(3, 4, 2), axis=(0, 2)))
rows("max min", lambda g: call(g.n(3, 4), initial=2))
rows("sum mean var any amax", lambda g: call(g.n(3, 4, 2), axis=(0, -1)))
rows("cumsum cumprod nancumsum nancumprod", lambda g: call(g.n(3, 4), axis=1))
rows("sort argsort flip softmax log_softmax", lambda g: call(g.n(3, 4), axis=0))
rows("argsort", lambda g: call(g.n(12).reshape(3, 4)))
rows("argpartition", lambda g: call(np.arange(8)[::-1].astype(g.dtype), 3), shapes_only=True)
rows("adaptive_average_pool adaptive_max_pool", lambda g: call(g.n(1, 8, 6, 2), (4, 3)), **FLOAT)
rows("average_pool max_pool", lambda g: call(g.n(1, 8, 6, 2), 2, padding="same"), **FLOAT)
rows("conv", lambda g: call(g.n(1, 6, 6, 2), g.n(3, 3, 2, 4), strides=2, padding="same"), **FLOAT)
rows("depthwise_conv", lambda g: call(g.n(1, 6, 6, 2), g.n(3, 3, 2, 2)), **FLOAT)
rows("separable_conv", lambda g: call(g.n(1, 6, 6, 2), g.n(3, 3, 2, 1), g.n(1, 1, 2, 3)), **FLOAT)
rows("conv_transpose", lambda g: call(g.n(1, 4, 4, 2), g.n(3, 3, 4, 2), strides=2), **FLOAT)
rows("append", lambda g: call(g.n(3, 4), g.n(2, 4), axis=0))
rows("arange", lambda g: call(1, 9, 2, dtype=g.dtype), dtypes=("float32", "int32", "float16"))
rows("arange", lambda g: call(5), **FLOAT32)
rows("arange", lambda g: call(0.5, 3.0), **FLOAT32)
rows("array convert_to_tensor cast saturate_cast", lambda g: call(g.n(3), "float16"))
rows("array convert_to_tensor", lambda g: call([1, 2]), **FLOAT32)
rows("array convert_to_tensor", lambda g: call([1.5, 2]), **FLOAT32)
rows("array convert_to_tensor", lambda g: call([True, False]), **FLOAT32)
rows("array_split split", lambda g: call(g.n(6, 2), 3))
rows("array_split", lambda g: call(g.n(7, 2), 3))
rows("split", lambda g: call(g.n(6, 2), [1, 4]))
rows("hsplit", lambda g: call(g.n(2, 4), 2))
rows("vsplit", lambda g: call(g.n(4, 2), 2))
rows("dsplit", lambda g: call(g.n(2, 3, 4), 2))
rows("average", lambda g: call(g.n(3, 4), 1, g.p(3, 4)))
rows("bartlett blackman hamming hanning", lambda g: call(7), **FLOAT32)
rows("kaiser", lambda g: call(7, 5.0), **FLOAT32)
rows(
    "batch_normalization",
    lambda g: call(g.n(3, 4), g.n(4), g.p(4), 1, offset=g.n(4), scale=g.n(4)),
    **FLOAT,
)
rows("binary_crossentropy", lambda g: call(np.float32([[0, 1, 1]]), g.u(1, 3)), **FLOAT)
rows("categorical_crossentropy", lambda g: call(np.float32([[0, 1, 0]]), g.n(1, 3), from_logits=True), **FLOAT)
rows("sparse_categorical_crossentropy", lambda g: call(np.int32([1]), g.n(1, 3), from_logits=True), **FLOAT)
rows("bincount", lambda g: call(I, weights=g.n(3), minlength=5))
rows("bincount", lambda g: call(I, minlength=2), **FLOAT32)
rows("broadcast_to", lambda g: call(g.n(1, 4), (3, 4)))
rows("cdist", lambda g: call(g.n(3, 4), g.n(2, 4)), **FLOAT)
rows("cholesky", lambda g: call(g.matrix(3)), **FLOAT32)
rows("cholesky_inverse", lambda g: call(np.linalg.cholesky(g.matrix(3))), **FLOAT32)
rows("det inv pinv logdet slogdet matrix_rank", lambda g: call(g.matrix(3)), **FLOAT32)
rows("eig eigh", lambda g: call(g.matrix(3)), up_to_signs=True, **FLOAT32)
rows("svd qr lu_factor", lambda g: call(g.matrix(3)), up_to_signs=True, **FLOAT32)
rows("svd", lambda g: call(g.matrix(3), compute_uv=False), **FLOAT32)
rows("lstsq", lambda g: call(g.n(4, 2), g.n(4)), **FLOAT32)
rows("solve solve_triangular", lambda g: call(g.matrix(3), g.n(3, 2)), **FLOAT32)
rows("norm", lambda g: call(g.n(3, 4), axis=1))
rows("norm", lambda g: call(g.n(3, 4), ord=1, axis=0))
rows("normalize", lambda g: call(g.n(3, 4)), **FLOAT)
rows("clip", lambda g: call(g.n(3, 4), 0, 2))
rows("clip", lambda g: call(g.n(3, 4), -0.5, 0.5))
rows("concatenate dstack hstack stack vstack", lambda g: call([g.n(3, 4), g.n(3, 4)]))
rows("concatenate stack", lambda g: call([g.n(3, 4), I[:, None] * np.ones((1, 4), "int32")], 1))
rows("corrcoef", lambda g: call(g.n(3, 8)), **FLOAT)
rows("correlate", lambda g: call(g.n(6), g.n(3), mode="same"))
rows("cross", lambda g: call(g.n(2, 3), g.n(2, 3)))
rows("ctc_decode", lambda g: call(g.n(1, 5, 4), np.int32([5])), **FLOAT32)
rows(
    "ctc_loss",
    lambda g: call(np.int32([[1, 2]]), g.n(1, 5, 4), np.int32([2]), np.int32([5])),
    **FLOAT32,
)
rows("depth_to_space", lambda g: call(g.n(1, 2, 2, 8), 2))
rows("space_to_depth", lambda g: call(g.n(1, 4, 4, 2), 2))
rows("diag", lambda g: call(g.n(3), k=1))
rows("diag diagonal trace", lambda g: call(g.n(3, 3)))
rows("diagflat", lambda g: call(g.n(3)))
rows("tril triu", lambda g: call(g.n(3, 4), k=1))
rows("digitize", lambda g: call(g.n(5), np.float32([-1, 0, 1])))
rows("searchsorted", lambda g: call(np.sort(g.n(5)), g.n(3)), dtypes=("float32", "int32", "float16"))
rows("dot matmul", lambda g: call(g.n(3, 4), g.n(4, 2)))
rows("inner", lambda g: call(g.n(3, 4), g.n(2, 4)))
rows("vdot", lambda g: call(g.n(4), g.n(4)))
rows("outer kron", lambda g: call(g.n(2), g.n(3)))
rows("tensordot", lambda g: call(g.n(2, 3, 4), g.n(3, 4, 2)))
rows("einsum", lambda g: call("ij,jk->ik", g.n(2, 3), g.n(3, 2)))
rows("dot_product_attention", lambda g: call(g.n(1, 3, 2, 4), g.n(1, 5, 2, 4), g.n(1, 5, 2, 4)), **FLOAT)
rows("empty", lambda g: call((2, 3), g.dtype), shapes_only=True)
rows("ones zeros", lambda g: call((2, 3), g.dtype))
rows("full", lambda g: call((2, 3), 2, g.dtype))
rows("full", lambda g: call((2, 3), 2), **FLOAT32)
rows("full_like", lambda g: call(g.n(2, 3), 2))
rows("eye identity tri", lambda g: call(3, dtype=g.dtype))
rows("expand_dims", lambda g: call(g.n(3, 4), (0, 2)))
rows("extract_sequences", lambda g: call(g.n(2, 8), 4, 2))
COMPLEX = lambda g: call((g.n(4, 4), g.n(4, 4)))  # noqa: E731
rows("fft fft2 ifft2", COMPLEX, **FLOAT32)
rows("irfft", lambda g: call((g.n(2, 5), g.n(2, 5))), rtol=1e-4, **FLOAT32)
rows("rfft", lambda g: call(g.n(2, 8)), **FLOAT32)
rows("stft", lambda g: call(g.n(1, 16), 4, 2, 8), **FLOAT32)
rows("istft", lambda g: call((g.n(1, 9, 5), g.n(1, 9, 5)), 4, 2, 8), rtol=1e-4, **FLOAT32)
rows("fold", lambda g: call(g.n(1, 8, 9), (4, 4), 2), **FLOAT)
rows("unfold", lambda g: call(g.n(1, 2, 4, 4), 2), **FLOAT)
rows("get_item", lambda g: call(g.n(3, 4), (slice(0, 2), 1)))
rows("glu", lambda g: call(g.n(3, 4)), **FLOAT)
rows("histogram", lambda g: call(g.n(9), bins=4))
rows("in_top_k", lambda g: call(np.int32([1, 0]), g.n(2, 4), 2), **FLOAT)
rows("isin", lambda g: call(g.n(3, 4), g.n(5)))
rows("layer_normalization rms_normalization", lambda g: call(g.n(3, 4)), **FLOAT)
rows("linspace", lambda g: call(g.n(3), g.n(3), 5))
rows("logspace", lambda g: call(g.u(3), g.u(3), 5), **FLOAT32)
rows("geomspace", lambda g: call(g.p(3), g.p(3), 5), **FLOAT32)
rows("meshgrid", lambda g: call(g.n(3), g.n(2)))
rows("moments", lambda g: call(g.n(3, 4), [0]), **FLOAT)
rows("moveaxis", lambda g: call(g.n(2, 3, 4), 0, 2))
rows("swapaxes", lambda g: call(g.n(2, 3, 4), 0, 2))
rows("transpose", lambda g: call(g.n(2, 3, 4), (1, 0, 2)))
rows("multi_hot one_hot", lambda g: call(np.int32([[0, 2], [1, 1]]), 4, dtype=g.dtype))
rows("nanpercentile percentile", lambda g: call(g.n(3, 4), 30, axis=1), **FLOAT)
rows("nanquantile quantile", lambda g: call(g.n(3, 4), 0.3, axis=1), **FLOAT)
rows("nanquantile quantile", lambda g: call(g.n(3, 4), np.float32([0.3, 0.5])), dtypes=("float32", "int32"))
rows("pad", lambda g: call(g.n(3, 4), ((1, 0), (2, 1))))
rows("pad", lambda g: call(g.n(3, 4), ((1, 0), (2, 1)), "reflect"))
rows("polar", lambda g: call(g.p(3), g.n(3)), **FLOAT32)
rows("psnr", lambda g: call(g.u(3, 4), g.u(3, 4), 1.0), **FLOAT)
rows("rearrange", lambda g: call(g.n(4, 6), "a (b c) -> c b a", b=2))
rows("repeat", lambda g: call(g.n(3, 4), 2, axis=1))
rows("reshape", lambda g: call(g.n(3, 4), (2, -1)), symbolic=False)
rows("reshape", lambda g: call(g.n(3, 4), (-1, 2, 2)))
rows("roll", lambda g: call(g.n(3, 4), 1, axis=1))
rows("round", lambda g: call(g.n(3, 4), 1), **FLOAT)
rows("scatter", lambda g: call(I[:, None], g.n(3), (5,)))
rows("scatter_update", lambda g: call(g.n(4), I[:, None], g.n(3)))
rows("segment_max segment_min segment_prod segment_sum", lambda g: call(g.n(3), np.int32([0, 0, 1]), 3))
rows("select", lambda g: call([np.array([True, False])], [g.n(2)], 1))
rows("slice", lambda g: call(g.n(3, 4), (1, 0), (2, 3)))
rows("slice_update", lambda g: call(g.n(3, 4), (1, 0), g.n(2, 3)))
rows("take", lambda g: call(g.n(3, 4), I, axis=0))
rows("take_along_axis", lambda g: call(g.n(3, 4), I[:, None], axis=1))
rows("threshold", lambda g: call(g.n(3, 4), 0.5, 2.0), **FLOAT)
rows("tile", lambda g: call(g.n(3, 4), (2, 1)))
rows("top_k", lambda g: call(g.n(3, 7), 3), dtypes=("float32", "float16"))
rows("trapezoid", lambda g: call(g.n(3, 4), dx=0.5))
rows("unravel_index", lambda g: call(I, (3, 4)))
rows("unstack", lambda g: call(g.n(4, 3), axis=1))
rows("vander", lambda g: call(g.n(3), 4))
rows("view_as_complex", lambda g: call(g.n(3, 2)), **FLOAT32)
rows("view_as_real", lambda g: call(g.n(3).astype("complex64")), **FLOAT32)
rows("where", lambda g: call(np.array([[True], [False], [True]]), g.n(3, 4), g.n(4)))
rows("where", lambda g: call(np.array([[True], [False], [True]]), g.n(3, 4), 1.5))
# Functions of functions: of the module, since its operations are called inside.
OF_FUNCTIONS = {
    "associative_scan": lambda k: k.ops.associative_scan(k.ops.add, np.arange(5, dtype="float32")),
    "cond": lambda k: k.ops.cond(True, lambda: k.ops.ones(2), lambda: k.ops.zeros(2)),
    "custom_gradient": lambda k: k.ops.custom_gradient(lambda x: (x * 2, lambda *a, upstream=None: upstream))(
        k.ops.ones(2)
    ),
    "fori_loop": lambda k: k.ops.fori_loop(0, 4, lambda i, v: v + k.ops.cast(i, "float32"), k.ops.ones(2)),
    "jvp": lambda k: k.ops.jvp(lambda x: k.ops.sin(x) * x, (np.float32([1, 2]),), (np.float32([3, 4]),)),
    "map": lambda k: k.ops.map(lambda x: x * 2, I),
    "scan": lambda k: k.ops.scan(lambda c, x: (c + x, c * x), np.float32(1), np.float32([2, 3])),
    "switch": lambda k: k.ops.switch(1, [lambda x: x, lambda x: x * 3], np.float32([2])),
    "vectorize": lambda k: k.ops.vectorize(lambda x, y: x @ y, signature="(n),(n)->()")(
        np.float32([[1, 2], [3, 4]]), np.float32([5, 6])
    ),
    "vectorized_map": lambda k: k.ops.vectorized_map(lambda x: x + 1, I),
    "while_loop": lambda k: k.ops.while_loop(lambda i: i < 5, lambda i: (i + 2,), (np.int32(0),)),
}
# (function, dtype or None for all) -> why the answers differ.
DIFFERENT = {
    ("binary_crossentropy", "float16"): "ours has the dtype of the output",
    ("categorical_crossentropy", "float16"): "ours has the dtype of the output",
    ("divide", "bool"): "0 / 0 is NaN",
    ("eig", None): "there is no complex dtype: a pair of real parts and imaginary parts",
    ("einsum", "bool"): "ours counts, in int32",
    ("floor_divide", "bool"): "division of integers by 0",
    ("fmod", "bool"): "division of integers by 0",
    ("polar", None): "there is no complex dtype: a pair of real parts and imaginary parts",
    ("sparse_categorical_crossentropy", "float16"): "ours has the dtype of the output",
    ("sparsemax", None): "the oracle's rows do not add up to 1",
    ("true_divide", "bool"): "0 / 0 is NaN",
    ("vdot", "bool"): "ours counts, in int32",
    ("view_as_complex", None): "there is no complex dtype: a pair of real parts and imaginary parts",
}
LARGE = "ours takes an unknown dimension for a large one"
NO_SYMBOLS = {
    "adaptive_average_pool": "the oracle's shape is not that of its result",
    "adaptive_max_pool": "the oracle's shape is not that of its result",
    "corrcoef": "the oracle's shape is not that of its result",
    "diag": LARGE,
    "diagonal": LARGE,
    "get_item": LARGE,
    "is_tensor": "ours says that symbolic tensors are tensors",
    "logdet": "the matrix must be square",
    "slogdet": "the matrix must be square",
    "ndim": "ours is an int",
    "nonzero": "ours needs values",
    "polar": "there is no complex dtype",
    "searchsorted": "the oracle's dtype is not that of its result",
    "size": "ours is None",
    "take_along_axis": "ours takes an unknown dimension against a known one for any",
    "unique": "ours needs values",
    "view_as_complex": "there is no complex dtype",
}


def test_every_function_has_a_row():
    names = {n for n in dir(real.ops) if not n.startswith("_") and callable(getattr(real.ops, n))}
    assert names == set(ROWS) | set(OF_FUNCTIONS)


def leaves(x):
    if isinstance(x, dict):
        return [leaf for key in x for leaf in leaves(x[key])]
    return [leaf for part in x for leaf in leaves(part)] if isinstance(x, (tuple, list)) else [x]


def compare(got, want, rtol, up_to_signs=False, shapes_only=False):
    got, want = leaves(got), leaves(want)
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        if not hasattr(b, "shape"):
            assert str(a) == str(b)
            continue
        a_dtype = a.dtype if isinstance(a.dtype, str) else str(a.dtype)
        assert tuple(a.shape) == tuple(b.shape), f"shape {tuple(a.shape)}, Keras {tuple(b.shape)}"
        assert a_dtype == str(b.dtype), f"dtype {a_dtype}, Keras {b.dtype}"
        if shapes_only:
            continue
        a, b = np.asarray(a), np.asarray(b)
        if up_to_signs:
            a, b = np.sort(np.abs(a), axis=None), np.sort(np.abs(b), axis=None)
        if a.dtype.kind in "fc":
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        else:
            np.testing.assert_array_equal(a, b)


CASES = [
    pytest.param(name, make, dtype, options, id=f"{name}-{i}-{dtype}")
    for name, found in ROWS.items()
    for i, (make, options) in enumerate(found)
    for dtype in options.get("dtypes", DTYPES[: 2 if i else None])  # later rows of a function vary the other arguments
]


@pytest.mark.parametrize("name, make, dtype, options", CASES)
def test_values(name, make, dtype, options):
    if (name, dtype) in DIFFERENT or (name, None) in DIFFERENT:
        pytest.skip(DIFFERENT.get((name, dtype)) or DIFFERENT[name, None])
    args, kwargs = make(Numbers(dtype))
    try:
        want = getattr(real.ops, name)(*args, **kwargs)
        leaves_of = [np.asarray(x) for x in leaves(want) if hasattr(x, "shape")]
    except Exception as e:
        pytest.skip(f"Keras raises {type(e).__name__}")
    del leaves_of
    args, kwargs = make(Numbers(dtype))
    got = getattr(ckeras.ops, name)(*args, **kwargs)
    rtol = options.get("rtol", 2e-5) if dtype != "float16" else 5e-3
    compare(got, want, rtol, options.get("up_to_signs", False), options.get("shapes_only", False))


@pytest.fixture(autouse=True, scope="module")
def _quick_compiler():
    """The oracle compiles every call."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_functions_of_functions(name):
    compare(OF_FUNCTIONS[name](ckeras), OF_FUNCTIONS[name](real), 1e-6)


def _is_alike(x, first):
    return isinstance(x, np.ndarray) and x.ndim > 0 and x.shape[0] == first.shape[0]


SYMBOLIC = [p for p in CASES if p.values[2] == "float32" and p.values[3].get("symbolic", True)]


@pytest.mark.parametrize("name, make, dtype, options", SYMBOLIC)
def test_symbolic_shapes(name, make, dtype, options):
    """With the first dimension unknown, of every array that has as many rows as the first."""
    if name in NO_SYMBOLS:
        pytest.skip(NO_SYMBOLS[name])
    found = []
    for k in (real, ckeras):
        args, kwargs = make(Numbers(dtype))
        arrays = [x for x in nest.leaves(args) if isinstance(x, np.ndarray) and x.ndim and x.dtype == np.float32]
        if not arrays or np.iscomplexobj(arrays[0]):
            pytest.skip("no array")
        unknown = {id(x) for x in nest.leaves(args) if _is_alike(x, arrays[0])}

        def symbol(x):
            return k.KerasTensor((None, *x.shape[1:]), str(x.dtype)) if id(x) in unknown else x  # noqa: B023

        args = nest.map_leaves(symbol, args)
        try:
            found.append(leaves(getattr(k.ops, name)(*args, **kwargs)))
        except Exception as e:
            if k is ckeras:
                raise
            pytest.skip(f"Keras raises {type(e).__name__}")
    want, got = found
    if not hasattr(want[0], "shape"):
        assert list(map(str, got)) == list(map(str, want))
        return
    assert [(tuple(t.shape), t.dtype) for t in got] == [(tuple(t.shape), t.dtype) for t in want]
