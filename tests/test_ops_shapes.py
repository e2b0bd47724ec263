"""Shapes and axes as hypothesis finds them: every function here equals NumPy's, in value and shape."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ckeras as keras
from ckeras import ops

modest = settings(
    derandomize=True, max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)

SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, 17, 33])
SOME = st.sampled_from([1, 2, 3, 5, 8, 17])


def shapes(least=0, most=4, sizes=SIZES):
    return st.lists(sizes, min_size=least, max_size=most).map(tuple)


def values(shape, dtype="float32", seed=0):
    """Small whole numbers: sums and products of them are exact in any order."""
    return np.random.default_rng([seed, *shape]).integers(-4, 5, shape).astype(dtype)


def same(got, want):
    want = np.asarray(want)
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.asarray(got), want)


def axis_of(draw, rank):
    return draw(st.integers(-rank, rank - 1))


REDUCTIONS = ["sum", "max", "min", "any", "all", "prod", "count_nonzero"]


@pytest.mark.parametrize("name", REDUCTIONS)
@modest
@given(st.data())
def test_reductions(name, data):
    shape = data.draw(shapes(1))
    axes = data.draw(st.one_of(st.none(), st.sets(st.integers(0, len(shape) - 1)).map(tuple), st.integers(-1, -1)))
    keepdims = data.draw(st.booleans())
    x = values(shape, "bool" if name in ("any", "all") else "float32")
    if name == "count_nonzero":
        same(ops.count_nonzero(x, axis=axes), np.count_nonzero(x, axis=axes))
        return
    try:
        want = getattr(np, name)(x, axis=axes, keepdims=keepdims)
    except ValueError:  # the largest of no values
        with pytest.raises(ValueError):
            getattr(ops, name)(x, axis=axes, keepdims=keepdims)
        return
    same(getattr(ops, name)(x, axis=axes, keepdims=keepdims), want)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@modest
@given(st.data())
def test_places_of_extremes(name, data):
    shape = data.draw(shapes(1, sizes=SOME))
    axis, keepdims = axis_of(data.draw, len(shape)), data.draw(st.booleans())
    x = values(shape)
    same(getattr(ops, name)(x, axis=axis, keepdims=keepdims), getattr(np, name)(x, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("name", ["sort", "argsort", "cumsum", "cumprod", "flip"])
@modest
@given(st.data())
def test_along_an_axis(name, data):
    shape = data.draw(shapes(1, sizes=SOME if name == "cumprod" else SIZES))
    axis = axis_of(data.draw, len(shape))
    x = values(shape)
    options = {"kind": "stable"} if name == "argsort" else {}
    same(getattr(ops, name)(x, axis=axis), getattr(np, name)(x, axis=axis, **options))


@modest
@given(st.data())
def test_swap_and_move_axes(data):
    shape = data.draw(shapes(1))
    rank = len(shape)
    x = values(shape)
    a, b = axis_of(data.draw, rank), axis_of(data.draw, rank)
    same(ops.swapaxes(x, a, b), np.swapaxes(x, a, b))
    same(ops.moveaxis(x, a, b), np.moveaxis(x, a, b))


@modest
@given(st.data())
def test_broadcast_of_two(data):
    shape = data.draw(shapes())
    parts = [tuple(1 if data.draw(st.booleans()) else d for d in shape) for _ in range(2)]
    parts[1] = parts[1][data.draw(st.integers(0, len(shape))) :]
    x, y = values(parts[0]), values(parts[1], seed=1)
    for name in ("add", "multiply", "maximum", "less_equal"):
        same(getattr(ops, name)(x, y), getattr(np, name)(x, y))
        same(keras.function(getattr(ops, name))(x, y), getattr(np, name)(x, y))
    same(ops.broadcast_to(x, np.broadcast_shapes(*parts)), np.broadcast_to(x, np.broadcast_shapes(*parts)))


@modest
@given(st.data())
def test_matmul_with_batches_that_broadcast(data):
    batch = data.draw(shapes(0, 2, SOME))
    left = tuple(1 if data.draw(st.booleans()) else d for d in batch)[data.draw(st.integers(0, len(batch))) :]
    m, k, n = (data.draw(SIZES) for _ in range(3))
    a, b = values((*left, m, k)), values((*batch, k, n), seed=1)
    same(ops.matmul(a, b), np.matmul(a, b))
    same(keras.function(ops.matmul)(a, b), np.matmul(a, b))


@modest
@given(st.data())
def test_concatenate_stack_and_split(data):
    shape = data.draw(shapes(1))
    axis = axis_of(data.draw, len(shape))
    parts = []
    for i in range(data.draw(st.integers(1, 4))):
        part = list(shape)
        part[axis] = data.draw(SIZES)
        parts.append(values(tuple(part), seed=i))
    whole = np.concatenate(parts, axis=axis)
    same(ops.concatenate(parts, axis=axis), whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, whole.shape[axis]), max_size=3)))
    got, want = ops.split(whole, cuts, axis=axis), np.split(whole, cuts, axis=axis)
    assert len(got) == len(want)
    for g, w in zip(got, want):
        same(g, w)
    same(ops.stack([parts[0]] * 2, axis=axis), np.stack([parts[0]] * 2, axis=axis))


@pytest.mark.parametrize("dtype, rows, widths", [("float32", 300, (200, 1, 99)), ("float64", 2100, (200, 300))])
def test_rows_joined_by_several_threads(dtype, rows, widths):
    """Of the second the result goes past the caches."""
    parts = [np.arange(rows * n, dtype=dtype).reshape(rows, n) for n in widths]
    same(ops.concatenate(parts, axis=1), np.concatenate(parts, axis=1))


@modest
@given(st.data())
def test_pad_roll_tile_and_repeat(data):
    shape = data.draw(shapes(1, 3, SOME))
    x = values(shape)
    axis = axis_of(data.draw, len(shape))
    width = [(data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))) for _ in shape]
    for mode in ("constant", "edge", "symmetric", "wrap"):
        same(ops.pad(x, width, mode=mode), np.pad(x, width, mode=mode))
    shift = data.draw(st.integers(-40, 40))
    same(ops.roll(x, shift, axis=axis), np.roll(x, shift, axis=axis))
    times = tuple(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4)))
    same(ops.tile(x, times), np.tile(x, times))
    count = data.draw(st.integers(0, 4))
    same(ops.repeat(x, count, axis=axis), np.repeat(x, count, axis=axis))


@modest
@given(st.data())
def test_indices(data):
    shape = data.draw(shapes(1, 3, SOME))
    axis = axis_of(data.draw, len(shape))
    x = values(shape)
    index = np.random.default_rng(3).integers(-shape[axis], shape[axis], data.draw(shapes(0, 2, SOME))).astype("int32")
    same(ops.take(x, index, axis=axis), np.take(x, index, axis=axis))
    along = np.argsort(x, axis=axis, kind="stable")
    same(ops.take_along_axis(x, along, axis=axis), np.take_along_axis(x, along, axis=axis))
    key = tuple(
        slice(*sorted((data.draw(st.integers(0, d)), data.draw(st.integers(0, d)))), data.draw(st.integers(1, 3)))
        for d in shape
    )
    same(ops.convert_to_tensor(x)[key], x[key])


@modest
@given(st.data())
def test_einsum_of_two(data):
    letters = "abcde"
    size = {c: data.draw(SOME) for c in letters}
    left = "".join(data.draw(st.lists(st.sampled_from(letters), unique=True, min_size=1, max_size=3)))
    right = "".join(data.draw(st.lists(st.sampled_from(letters), unique=True, min_size=1, max_size=3)))
    names = sorted(set(left + right))
    out = "".join(data.draw(st.lists(st.sampled_from(names), unique=True)))
    x, y = values(tuple(size[c] for c in left)), values(tuple(size[c] for c in right), seed=1)
    rule = f"{left},{right}->{out}"
    same(ops.einsum(rule, x, y), np.einsum(rule, x, y))


@modest
@given(st.data())
def test_gradients_of_sums_have_the_shapes_of_what_they_are_of(data):
    shape = data.draw(shapes())
    part = tuple(1 if data.draw(st.booleans()) else d for d in shape)[data.draw(st.integers(0, len(shape))) :]
    x, y = ops.convert_to_tensor(values(shape)), ops.convert_to_tensor(values(part, seed=1))
    with keras.GradientTape() as tape:
        tape.watch([x, y])
        z = ops.sum(x * y)
    dx, dy = tape.gradient(z, [x, y])
    same(dx, np.broadcast_to(y, shape))
    summed = np.asarray(x)
    summed = summed.sum(axis=tuple(range(len(shape) - len(part))))
    summed = summed.sum(axis=tuple(i for i, d in enumerate(part) if d == 1), keepdims=True)
    same(dy, summed)


@pytest.mark.parametrize("dtype", [None, "int32", "int64", "float32", "float64"])
def test_long_ranges(dtype):
    for args in [(5000,), (1, 20011, 3), (-0.5, 700.0, 0.1), (9000, 0, -1), (2**24 - 9, 2**24 + 5000), (0.0, 8191.0)]:
        want = np.arange(*args)
        floats = any(isinstance(v, float) for v in args)
        same(ops.arange(*args, dtype=dtype), want.astype(dtype or ("float32" if floats else "int32")))
    if dtype in ("float32", "float64"):
        want = np.linspace(-1.0, 2.0, 5003, dtype=dtype)
        np.testing.assert_allclose(ops.linspace(-1.0, 2.0, 5003, dtype=dtype), want, rtol=1e-6, atol=1e-7)


def test_places_of_what_is_not_zero():
    rng = np.random.default_rng(0)
    for shape in [(7,), (0,), (3, 0, 2), (4, 5), (3, 1, 4, 2)]:
        for dtype in ("bool", "int8", "float32", "bfloat16"):
            x = rng.integers(0, 2, shape).astype("float32")
            for got, want in zip(ops.nonzero(ops.cast(x, dtype)), x.nonzero(), strict=True):
                same(got, want.astype("int32"))
    assert [i.numpy().tolist() for i in ops.nonzero([[np.nan, 0.0], [-0.0, np.inf]])] == [[0, 1], [0, 1]]


def test_triangles_and_diagonals_of_any_offset():
    x = np.arange(1.0, 13.0, dtype="float32").reshape(3, 4)
    for k in (-9, -3, -1, 0, 1, 4, 2**40):
        same(ops.tril(x, k), np.tril(x, k))
        same(ops.triu(x, k), np.triu(x, k))
    for k in (-2, 0, 3):
        for n in (0, 1, 5):
            same(ops.diag(x.ravel()[:n], k), np.diag(x.ravel()[:n], k))
        same(ops.diagonal(ops.stack([x, -x]), k, 1, 2), np.diagonal(np.stack([x, -x]), k, 1, 2))


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (3, 0), (2, 3), (-1, -2)])
def test_diagonals_of_any_two_dimensions(axes):
    x = np.arange(2 * 5 * 3 * 4, dtype="float32").reshape(2, 5, 3, 4)
    for offset in (0, 1, 2, 7, -1, -3, -9):
        same(ops.diagonal(x, offset, *axes), np.diagonal(x, offset, *axes))
        same(ops.trace(x, offset, *axes), np.trace(x, offset, *axes))


@pytest.mark.parametrize(
    ("shape", "axes"), [((5, 7, 1), (0, 2, 1)), ((1, 5, 1, 7), (1, 0, 3, 2)), ((1, 0, 3), (1, 0, 2))]
)
def test_dimensions_of_one_move_without_a_copy(shape, axes):
    x = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    tensor = ops.convert_to_tensor(x)
    moved = ops.transpose(tensor, axes)
    assert np.array_equal(np.asarray(moved), x.transpose(axes))
    assert x.size == 0 or np.shares_memory(np.asarray(moved), np.asarray(tensor))


def test_long_dimensions_that_change_places_are_moved():
    x = np.arange(30, dtype="float32").reshape(5, 1, 6)
    assert np.array_equal(np.asarray(ops.transpose(ops.convert_to_tensor(x), (2, 1, 0))), x.transpose(2, 1, 0))
