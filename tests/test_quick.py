"""The short way of eager calls takes what it may, gives the long way's bits, and leaves the rest to the long way."""

import gc
import inspect
import sys

import numpy as np
import pytest

import ckeras as keras
from ckeras import _engine, ops
from ckeras._core.dtypes import NAMES, numpy_dtype
from ckeras._core.primitive import PRIMITIVES, Elementwise
from ckeras._core.scope import autocast
from ckeras._core.tensor import Tensor

DTYPES = {row["name"]: row["dtypes"] for row in _engine.op_table()}
ARITY = {row["name"]: row["arity"] for row in _engine.op_table()}
PAIRS = [p for p in PRIMITIVES.values() if isinstance(p, Elementwise) and ARITY[p.name] < 3]  # select has two dtypes
ROWS = [(p.name, NAMES[d]) for p in PAIRS for d in DTYPES[p.name]]
add = PRIMITIVES["add"].quick
X, Y = ops.ones((2, 3)), ops.ones((3, 2))


def operands(name, dtype, *shapes):
    rng = np.random.default_rng(7)
    return [ops.convert_to_tensor(rng.integers(1, 4, s).astype(numpy_dtype(dtype))) for s in shapes]


@pytest.mark.parametrize("name, dtype", ROWS)
def test_the_long_way_s_bits(name, dtype):
    primitive = PRIMITIVES[name]
    xs = operands(name, dtype, *[(2, 3), (3,)][: ARITY[name]])
    quick = primitive.quick(*xs)
    (long,) = primitive.execute(xs, {})
    if primitive.result not in (None, "bool"):
        assert quick is None
        return
    assert quick.__class__ is Tensor
    assert (quick.shape, quick.dtype, quick._repeats) == (long.shape, long.dtype, None)
    assert quick.numpy().tobytes() == long.numpy().tobytes()


@pytest.mark.parametrize("shapes", [((), ()), ((0, 3), (3,)), ((4, 1, 3), (5, 1)), ((1,), (2, 2)), ((7,), ())])
def test_shapes_broadcast_as_in_numpy(shapes):
    a, b = operands("add", "float32", *shapes)
    got = add(a, b)
    assert got.shape == np.broadcast_shapes(*shapes)
    np.testing.assert_array_equal(got.numpy(), a.numpy() + b.numpy())


@pytest.mark.parametrize(
    "args",
    [
        (X,),
        (X, X, X),
        (X, 1.0),
        (X, X.numpy()),
        (X, None),
        (X, ops.cast(X, "float64")),
        (X, ops.ones((2, 4))),
        (X, keras.KerasTensor((2, 3))),
    ],
    ids=["one", "three", "scalar", "array", "None", "dtypes", "shapes", "symbolic"],
)
def test_what_is_left_to_the_long_way(args):
    assert add(*args) is None


def test_integers_where_floats_come_out_are_left():
    i = ops.convert_to_tensor([1, 2, 4])
    assert ops.divide(i, i).dtype == "float32"
    assert ops.exp(i).dtype == "float32"
    assert PRIMITIVES["add"].quick(i, i).dtype == "int32"


def test_results_that_nothing_can_count_are_refused():
    a, b = (ops.convert_to_tensor(np.zeros(s, "float32")) for s in ((2**40, 1, 0), (1, 2**40, 0)))
    for op in (add, ops.add):
        with pytest.raises(ValueError, match="too many elements"):
            op(a, b)


def test_products():
    matmul = _engine.quick_matmul(PRIMITIVES["matmul"].op_id, PRIMITIVES["matmul"])
    rng = np.random.default_rng(0)
    a, b = (ops.convert_to_tensor(rng.random(s, "float32")) for s in ((5, 7), (7, 3)))
    (long,) = PRIMITIVES["matmul"].execute((a, b), {})
    assert matmul(a, b).numpy().tobytes() == long.numpy().tobytes() == ops.matmul(a, b).numpy().tobytes()
    assert matmul(ops.ones((2, 0)), ops.ones((0, 3))).numpy().tolist() == [[0, 0, 0]] * 2
    assert matmul(b, b) is None and matmul(a, ops.ones(7)) is None and matmul(X[None], b) is None
    whole = ops.convert_to_tensor([[1]])
    assert matmul(whole, whole) is None
    with pytest.raises(ValueError, match=r"\[matmul\] inner dimensions differ"):
        ops.matmul(b, b)


def test_variables_are_read_as_the_long_way_reads_them():
    v = keras.Variable(np.ones((2, 3), "float32"))
    assert add(v, X).numpy().tolist() == [[2, 2, 2]] * 2
    v.assign(X * 3)
    assert add(X, v).numpy().tolist() == [[4, 4, 4]] * 2
    with keras.StatelessScope(state_mapping=[(v, X * 5)]):
        assert add(X, v) is None
        assert ops.add(X, v).numpy().tolist() == [[6, 6, 6]] * 2
    with autocast("float16"):
        assert add(v, v) is None
        assert ops.add(v, v).dtype == "float16"
    assert keras.function(lambda x: ops.add(x, v))(X).numpy().tolist() == [[4, 4, 4]] * 2
    with keras.GradientTape() as tape:
        y = ops.add(v, v)
    assert tape.gradient(y, v).numpy().tolist() == [[2, 2, 2]] * 2


def records(tape):
    return [(r.primitive.name, [id(x) for x in r.inputs], r.attrs, [id(y) for y in r.outputs]) for r in tape._records]


def test_tapes_are_told_what_the_long_way_tells_them():
    v = keras.Variable(np.full((2, 3), 2.0, "float32"))
    fixed = keras.Variable(np.ones((2, 3), "float32"), trainable=False)
    with keras.GradientTape() as outer, keras.GradientTape(watch_accessed_variables=False) as inner:
        inner.watch(X)
        a = add(X, X)
        b = add(v, fixed)
        c = PRIMITIVES["greater"].quick(a, b)
        d = add(fixed, fixed)
        e = PRIMITIVES["exp"].quick(a)
        m = _engine.quick_matmul(PRIMITIVES["matmul"].op_id, PRIMITIVES["matmul"])(b, Y)
        with inner.stop_recording():
            add(X, X)
        alone = add(ops.ones(3), ops.ones(3))
    assert records(inner) == [
        ("add", [id(X), id(X)], {}, [id(a)]),
        ("greater", [id(a), id(b)], {}, [id(c)]),
        ("exp", [id(a)], {}, [id(e)]),
    ]
    assert records(outer) == [
        ("add", [id(v.value), id(fixed.value)], {}, [id(b)]),
        ("greater", [id(a), id(b)], {}, [id(c)]),
        ("matmul", [id(b), id(Y)], {}, [id(m)]),
    ]
    assert [inner.follows(t) for t in (a, b, c, d, e, alone)] == [True, False, False, False, True, False]
    assert outer.watched_variables() == (v,) and inner.watched_variables() == ()


def test_tapes_of_other_classes_are_asked_themselves():
    class Counting(keras.GradientTape):
        seen = 0

        def record(self, primitive, inputs, attrs, outputs):
            self.seen += 1
            super().record(primitive, inputs, attrs, outputs)

    with Counting() as tape:
        tape.watch(X)
        y = ops.add(X, X)
    assert tape.seen == 1 and tape.gradient(y, X).numpy().tolist() == [[2, 2, 2]] * 2


def test_records_do_not_leak():
    def step():
        with keras.GradientTape() as tape:
            tape.watch(X)
            ops.add(X, X)
            ops.exp(X)
            ops.matmul(X, Y)
            ops.add(X, 1.0)

    for _ in range(100):  # by then all of it is learnt
        step()
    gc.collect()
    before = [sys.getrefcount(o) for o in (X, X._array, PRIMITIVES["add"], None, ())]
    in_use = _engine.memory()["in_use"]
    for _ in range(1000):
        step()
    after = [sys.getrefcount(o) for o in (X, X._array, PRIMITIVES["add"], None, ())]
    assert after[:3] == before[:3] and all(abs(a - b) < 100 for a, b in zip(after[3:], before[3:]))
    assert _engine.memory()["in_use"] == in_use


def test_nothing_leaks():
    before = [sys.getrefcount(o) for o in (X, X.shape, X.dtype, X._array, None)]
    in_use = _engine.memory()["in_use"]
    for _ in range(1000):
        add(X, X)
        add(X, 1.0)
        ops.less(X, X)
        ops.matmul(X, Y)
    after = [sys.getrefcount(o) for o in (X, X.shape, X.dtype, X._array, None)]
    assert after[:4] == before[:4]
    assert abs(after[4] - before[4]) < 100
    assert _engine.memory()["in_use"] == in_use


def test_a_result_outlives_its_operands():
    result = ops.exp(ops.zeros((3,)))
    assert result.shape == (3,)
    result._array = None
    assert add(result, result) is None
    del result._array
    assert add(result, result) is None


def test_public_functions_keep_their_signature_and_messages():
    assert list(inspect.signature(ops.add).parameters) == ["x1", "x2"]
    assert list(inspect.signature(ops.exp).parameters) == ["x"]
    assert list(inspect.signature(ops.matmul).parameters) == ["x1", "x2"]
    assert ops.add(x1=X, x2=X).shape == (2, 3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x2'"):
        ops.add(X)
    with pytest.raises(TypeError, match=r"add\(\) takes 2 positional arguments but 3 were given"):
        ops.add(X, X, X)
    with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
        ops.add(X, y=X)
    with pytest.raises(ValueError, match=r"\[add\].*\(2, 3\).*\(2, 4\)"):
        ops.add(X, ops.ones((2, 4)))


@pytest.mark.parametrize("op, arity", [(-1, 2), (10**6, 2), (0, 0), (0, 3)])
def test_ops_that_are_none_are_refused(op, arity):
    with pytest.raises(ValueError, match="quick"):
        _engine.quick_elementwise(op, arity, False, False, None)


@pytest.mark.parametrize(
    "name, arity, gives_bool", [("add", 1, False), ("add", 2, True), ("less", 2, False), ("matmul", 2, False)]
)
def test_ops_of_another_form_are_refused(name, arity, gives_bool):
    with pytest.raises(ValueError, match=f"quick: {name} is no elementwise op of this arity and result"):
        _engine.quick_elementwise(PRIMITIVES[name].op_id, arity, False, gives_bool, None)
