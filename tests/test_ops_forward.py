"""Every primitive against its float64 reference: dtypes, shapes, special values. And that the table is complete."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import ckeras
import opinfo
from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.primitive import PRIMITIVES
from ckeras._core.tape import grad
from ckeras._core.tensor import convert

with_ref = [row for row in opinfo.ROWS.values() if row.ref is not None]


def test_every_primitive_has_a_record_and_a_row():
    assert set(opinfo.TABLE) == set(opinfo.ROWS), "one row of tests/opinfo.py per row of csrc/ops/ops.def"
    assert set(opinfo.TABLE) <= set(PRIMITIVES), "one record in ckeras/ops per row of csrc/ops/ops.def"


@pytest.mark.parametrize("row", opinfo.ROWS.values(), ids=lambda r: r.name)
def test_every_record_says_its_rules(row):
    record = row.primitive
    assert callable(record.spec) and callable(record.pack) and record.doc is not None
    assert (record.vjp is None) <= (row.order == 0), "a record without vjp needs order 0 in its row"


def each_dtype(rows, names):
    """Every row with every dtype of `names` that it takes."""
    return [pytest.param(r, d, id=f"{r.name}-{d}") for r in rows for d in names if d in r.dtypes]


@pytest.mark.parametrize(("row", "dtype"), each_dtype(with_ref, dtypes.NAMES))
def test_values(row, dtype):
    for args, attrs in opinfo.cases(row, dtype):
        if 0 in args[0].shape and row.name in ("reduce_max", "reduce_min"):
            continue
        opinfo.check(row, dtype, args, attrs)


@pytest.mark.parametrize(("row", "dtype"), each_dtype([r for r in opinfo.ELEMENTWISE if r.special], opinfo.FLOATS))
def test_special_values(row, dtype):
    special = np.array(opinfo.SPECIAL).astype(dtypes.numpy_dtype(dtype))
    arity = opinfo.TABLE[row.name]["arity"]
    args = [special] if arity == 1 else [a.ravel() for a in np.meshgrid(special, special, indexing="ij")]
    if row.name == "select":
        args = [np.arange(args[0].size) % 3 == 0, *args]
    opinfo.check(row, dtype, args, {})


@pytest.mark.parametrize("name", ["reduce_max", "reduce_min", "max_pool"])
def test_nan_wins(name):
    x = np.array([[1.0, np.nan], [3.0, 2.0]], "float32")
    if name == "max_pool":
        got = PRIMITIVES[name].bind(convert(x.reshape(1, 2, 2, 1)), size=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0))
    else:
        got = PRIMITIVES[name].bind(convert(x), axes=(0, 1))
    assert np.isnan(got.numpy()).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_rows_with_minus_infinity(name):
    x = np.array([[0.0, -np.inf, 0.0], [-1e30, 0.0, -1e30], [1e30, 1e30, -1e30]])
    with np.errstate(all="ignore"):
        want = opinfo.ROWS[name].ref(x)
    np.testing.assert_allclose(PRIMITIVES[name].bind(convert(x.astype("float32")), axis=1).numpy(), want, rtol=1e-6)


@pytest.mark.parametrize("name", ["exp", "add", "tanh"])
def test_non_contiguous_inputs(name):
    x = np.random.default_rng(0).normal(size=(7, 9)).astype("float32")
    fn = getattr(ops, name)
    for view in (x.T, x[::2, ::-1], np.broadcast_to(x[0], (3, 9)), np.asfortranarray(x)):
        args = [view] * (2 if name == "add" else 1)
        np.testing.assert_array_equal(fn(*args).numpy(), fn(*[a.copy() for a in args]).numpy())


# ---- random numbers: what they promise


def _draw(name, n=200_003, dtype="float32", seed=5, **attrs):
    seed = convert(np.array([seed, 0], "uint32"))
    return PRIMITIVES[name].bind(seed, shape=(n,), dtype=dtype, **attrs).numpy().astype("float64")


@pytest.mark.parametrize("dtype", opinfo.FLOATS)
def test_random_numbers(dtype):
    u = _draw("random_uniform", dtype=dtype, low=-1.0, high=3.0)
    assert u.min() >= -1 and u.max() <= 3 and (dtype in ("float16", "bfloat16") or u.max() < 3)
    assert abs(u.mean() - 1) < 0.02 and abs(u.std() - 4 / 12**0.5) < 0.02
    n = _draw("random_normal", dtype=dtype, mean=1.0, stddev=2.0)
    assert abs(n.mean() - 1) < 0.03 and abs(n.std() - 2) < 0.03 and n.max() > 6
    t = _draw("random_truncated_normal", dtype=dtype, mean=1.0, stddev=2.0)
    assert np.abs(t - 1).max() <= 4.04 and abs(t.mean() - 1) < 0.03 and abs(t.std() - 2 * 0.8796) < 0.03


def test_seeds_make_streams():
    a, b = (_draw("random_normal", 1000, seed=s, mean=0.0, stddev=1.0) for s in (1, 2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.15 and np.array_equal(
        a, _draw("random_normal", 1000, seed=1, mean=0.0, stddev=1.0)
    )
    prefix = _draw("random_normal", 77, seed=1, mean=0.0, stddev=1.0)
    assert np.array_equal(a[:77], prefix), "element i depends on the seed and i alone"


@pytest.mark.parametrize("dtype", opinfo.FLOATS)
def test_dropout(dtype):
    x = np.ones(100_003, dtypes.numpy_dtype(dtype))
    y = PRIMITIVES["dropout"].bind(convert(x), convert(opinfo.SEED), rate=0.25).numpy().astype("float64")
    np.testing.assert_allclose(y[y != 0], 1 / 0.75, rtol=1e-2 if dtype in ("float16", "bfloat16") else 1e-6)
    assert abs((y != 0).mean() - 0.75) < 0.01


# ---- shapes and axes by hypothesis

modest = settings(
    derandomize=True, max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@modest
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=5, max_side=7, min_side=0))
def test_broadcasting_follows_numpy(shapes):
    a, b = (np.random.default_rng(i).normal(size=s).astype("float32") for i, s in enumerate(shapes.input_shapes))
    np.testing.assert_array_equal(ops.add(a, b).numpy(), a + b)


@modest
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=5, max_side=6))
def test_reductions_over_any_axes(data, shape):
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), unique_by=lambda a: a % len(shape)))
    keep = data.draw(st.booleans())
    x = np.random.default_rng(0).integers(-9, 9, shape).astype("float32")
    for fn, ref in ((ops.sum, np.sum), (ops.max, np.max)):
        got = fn(x, axis=tuple(axes), keepdims=keep).numpy()
        np.testing.assert_array_equal(got, ref(x, axis=tuple(axes), keepdims=keep))


@modest
@given(st.data(), hnp.array_shapes(min_dims=0, max_dims=5, max_side=6))
def test_transpose_any_permutation(data, shape):
    perm = data.draw(st.permutations(range(len(shape))))
    x = np.arange(int(np.prod(shape)), dtype="int32").reshape(shape)
    np.testing.assert_array_equal(ops.transpose(x, perm).numpy(), x.transpose(perm))


@modest
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=4, max_side=6))
def test_basic_indexing_follows_numpy(data, shape):
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=6))
    x = np.arange(int(np.prod(shape)), dtype="float32").reshape(shape)
    got = convert(x)[key].numpy()
    np.testing.assert_array_equal(got, x[key])


@st.composite
def keys_with_arrays(draw):
    """A shape and a key for it with arrays of indices or masks among slices, integers, None and Ellipsis."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    lead = draw(st.sampled_from([(), (3,), (2, 1), (1, 3)]))
    key = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["array", "array", "slice", "integer", "mask"]))
        index = st.integers(-size, size - 1)
        if kind == "array":
            key.append(np.array(draw(st.lists(index, min_size=3, max_size=3)))[: lead[-1] if lead else 1])
            if lead[:-1]:
                key[-1] = np.resize(key[-1], lead)
        elif kind == "slice":
            key.append(draw(st.slices(size)))
        elif kind == "integer":
            key.append(draw(index))
        else:
            key.append(np.arange(size) == draw(st.integers(0, size - 1)))
    for extra in draw(st.lists(st.sampled_from([None, None]), max_size=2)):
        key.insert(draw(st.integers(0, len(key))), extra)
    if draw(st.booleans()):
        key.append(Ellipsis)
    return shape, tuple(key)


@settings(modest, max_examples=80)
@given(keys_with_arrays())
def test_indexing_with_arrays_follows_numpy(case):
    shape, key = case
    x = np.arange(int(np.prod(shape)), dtype="float32").reshape(shape)
    try:
        want = x[key]
    except (IndexError, ValueError):
        with pytest.raises((IndexError, ValueError)):
            convert(x)[key]
        return
    np.testing.assert_array_equal(convert(x)[key].numpy(), want, strict=True)
    traced = ckeras.function(lambda t: t[key])(convert(x))
    np.testing.assert_array_equal(traced.numpy(), want, strict=True)


def test_arrays_of_indices_in_traces_and_gradients():
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    i, j = np.array([0, -1, 2], "int32"), np.array([[4], [1]], "int32")
    got = ckeras.function(lambda x, i, j: x[i, j, 1:])(convert(x), convert(i), convert(j))
    np.testing.assert_array_equal(got.numpy(), x[i, j, 1:])
    np.testing.assert_array_equal(
        ckeras.function(lambda x, i: x[i[0], :, i])(convert(x), convert(i % 3)).numpy(), x[0, :, i % 3]
    )
    g = grad(lambda t: ops.sum(t[i, j] * 2))(convert(x))
    want = np.zeros_like(x)
    np.add.at(want, (i, j), 2)
    np.testing.assert_array_equal(g.numpy(), want)
    for bad in (np.array([4]), np.array([-5])):
        for run in (lambda x, k: x[k, 0], ckeras.function(lambda x, k: x[k, 0])):
            with pytest.raises(ValueError, match="out of range"):
                run(convert(x), convert(bad))
    with pytest.raises(ValueError, match="do not broadcast"):
        convert(x)[i, np.array([0, 1])]
    assert ckeras.Input((5, 3))[:, i, np.array([0, 1, 2])].shape == (None, 3)


@modest
@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_matmul_of_any_size_is_exact_on_integers(m, k, n):
    rng = np.random.default_rng(m * 1681 + k * 41 + n)
    a, b = rng.integers(-4, 5, (m, k)).astype("float32"), rng.integers(-4, 5, (k, n)).astype("float32")
    np.testing.assert_array_equal(ops.matmul(a, b).numpy(), a @ b)
