"""Tensors and variables: NumPy's protocol, promotion, indexing, immutability, errors."""

import copy
import pickle

import numpy as np
import pytest

from ckeras import _engine, function, ops
from ckeras._core import dtypes
from ckeras._core.dtypes import NAMES
from ckeras._core.errors import ShapeError
from ckeras._core.tensor import Tensor, convert
from ckeras._core.variable import Variable


def test_numpy_arrays_come_and_go():
    a = np.arange(6, dtype="float32").reshape(2, 3)
    t = convert(a)
    assert (t.shape, t.dtype, t.ndim, t.size, len(t)) == ((2, 3), "float32", 2, 6, 2)
    a[0, 0] = 99
    assert float(t[0, 0]) == 0.0
    view = np.asarray(t)
    assert not view.flags.writeable
    assert np.shares_memory(view, np.asarray(t))
    assert np.asarray(t, "float64").dtype == np.float64
    with pytest.raises(ValueError):
        view[0, 0] = 1


def test_read_only_memory_is_shared_unless_somebody_may_write_it():
    owned = np.arange(4, dtype="float32")
    window = owned[:]
    window.flags.writeable = False
    t = convert(window)
    owned[0] = 5
    assert float(t[0]) == 0.0
    frozen = np.arange(4, dtype="float32")
    frozen.flags.writeable = False
    assert np.shares_memory(convert(frozen).numpy(), frozen)


@pytest.mark.parametrize("layout", ["fortran", "strided", "big-endian", "negative"])
def test_any_layout_is_read_right(layout):
    a = np.arange(12, dtype="float32").reshape(3, 4)
    odd = {
        "fortran": np.asfortranarray(a),
        "strided": np.repeat(a, 2, 1)[:, ::2],
        "big-endian": a.astype(">f4"),
        "negative": a[::-1][::-1],
    }[layout]
    np.testing.assert_array_equal(convert(odd).numpy(), a)


def test_python_values_have_keras_dtypes():
    assert convert(1).dtype == "int32"
    assert convert(1.5).dtype == "float32"
    assert convert(True).dtype == "bool"
    assert convert([1, 2]).dtype == "int32"
    assert convert([1, 2.5]).dtype == "float32"
    assert convert([2**40]).dtype == "int64"
    assert convert(np.zeros(2)).dtype == "float64"
    assert convert([], "float32").shape == (0,)
    assert convert([convert([1.0, 2.0]), [3.0, 4.0]]).numpy().tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("float32", float, "float32"),
        ("int32", float, "float32"),
        ("float16", int, "float16"),
        ("bool", int, "int32"),
        ("uint8", "int8", "int16"),
        ("uint32", "int32", "int64"),
        ("uint64", "int64", "float32"),
        ("int64", "float32", "float32"),
        ("int64", "float16", "float16"),
        ("float16", "bfloat16", "float32"),
        ("float32", "float64", "float64"),
        ("bool", "uint8", "uint8"),
    ],
)
def test_promotion(a, b, expected):
    assert dtypes.result_type(a, b) == dtypes.result_type(b, a) == expected
    if isinstance(b, str) and "bfloat16" not in (a, b):
        x, y = np.ones(2, a), np.ones(2, b)
        assert ops.add(convert(x), convert(y)).dtype == expected


def test_scalars_are_weak():
    half = convert(np.ones(2, "float16"))
    assert (half * 2).dtype == "float16"
    assert (2.5 * half).dtype == "float16"
    assert (half * np.float64(2)).dtype == "float16"
    assert (half * np.ones(2)).dtype == "float64"
    assert (convert([1, 2]) * 2.5).dtype == "float32"
    assert (convert([1, 2]) / 2).dtype == "float32"
    assert (convert([True]) + 1).dtype == "int32"


def test_negative_zero_is_kept():
    assert np.signbit((convert([0.0]) * -0.0).numpy()[0])
    assert not np.signbit((convert([0.0]) * 0.0).numpy()[0])


def test_values_leave_as_python_scalars():
    t = convert(3)
    assert int(t) == 3 and float(t) == 3.0 and bool(t) and t.item() == 3
    assert list(range(t)) == [0, 1, 2]
    assert [1, 2, 3, 4][t] == 4
    assert f"{convert(2.5):.2f}" == "2.50"
    with pytest.raises(ValueError, match="ambiguous"):
        bool(convert([1, 2]))
    with pytest.raises(TypeError):
        len(t)
    with pytest.raises(TypeError):
        list(t)
    with pytest.raises(TypeError):
        t.__index__() if t.dtype != "int32" else convert(1.0).__index__()


def test_equality_is_elementwise_and_the_hash_the_identity():
    a, b = convert([1.0, 2.0]), convert([1.0, 3.0])
    assert (a == b).numpy().tolist() == [True, False]
    assert (a != b).numpy().tolist() == [False, True]
    assert len({a, b, a}) == 2
    assert (a == None) is False  # noqa: E711
    assert 3.0 in b and 4.0 not in b


def test_numpy_on_the_left_gives_a_tensor():
    t = convert([1.0, 2.0])
    out = np.ones(2, "float32") + t
    assert isinstance(out, Tensor)
    assert isinstance(np.float32(2) * t, Tensor)
    assert out.numpy().tolist() == [2.0, 3.0]


def test_numpy_functions_give_numpy_arrays():
    t = ops.convert_to_tensor(np.float32([[0.1, 0.2, 0.7]]))
    v = Variable(np.ones((1, 3), "float32"))
    for made in (
        np.squeeze(t),
        np.squeeze(v, axis=0),
        np.reshape(t, (3, 1)),
        np.concatenate([t, v, np.zeros((1, 3))]),
        np.where(t > 0.15, t, 0),
        np.stack((t, v)),
        np.mean(t, axis=None, keepdims=True),
    ):
        assert type(made) is np.ndarray
    np.testing.assert_array_equal(np.squeeze(t), t.numpy()[0])
    np.testing.assert_array_equal(np.mean(t, axis=None, keepdims=True), t.numpy().mean(keepdims=True))
    assert np.random.default_rng(0).choice(3, p=np.squeeze(t)) in (0, 1, 2)  # of a float32 array sums are taken loosely
    assert t.squeeze().shape == (3,)

    @function
    def traced(x):
        return np.squeeze(x) * 2

    np.testing.assert_array_equal(traced(t), np.squeeze(t) * 2)


def test_operators():
    a, b = convert([7.0, -7.0]), convert([2.0, 2.0])
    x, y = a.numpy(), b.numpy()
    for op in ("__add__", "__sub__", "__mul__", "__truediv__", "__floordiv__", "__mod__", "__pow__"):
        np.testing.assert_allclose(getattr(a, op)(b).numpy(), getattr(x, op)(y), rtol=1e-6)
    assert (-a).numpy().tolist() == [-7, 7]
    assert abs(a).numpy().tolist() == [7, 7]
    assert (~convert([True, False])).numpy().tolist() == [False, True]
    assert (convert([True, False]) & True).numpy().tolist() == [True, False]
    assert float(a @ b) == 0.0
    assert (1 - a).numpy().tolist() == [-6, 8]
    assert (2**b).numpy().tolist() == [4, 4]


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        (1, 2),
        slice(1, 3),
        slice(None, None, -1),
        slice(3, 0, -2),
        slice(10, 20),
        (slice(None), 1),
        (Ellipsis, 0),
        (None, 1, Ellipsis, None),
        (slice(None, None, 2), slice(-2, None), slice(0, 0)),
        ([2, 0],),
        (slice(None), np.array([[0, 1], [2, -1]])),
        np.array([True, False, True, False]),
    ],
    ids=str,
)
def test_indexing_is_numpys(key):
    a = np.arange(4 * 3 * 5, dtype="float32").reshape(4, 3, 5)
    np.testing.assert_array_equal(convert(a)[key].numpy(), a[key])


def test_indexing_errors_name_what_is_wrong():
    t = convert(np.zeros((2, 3), "float32"))
    with pytest.raises(IndexError, match=r"index 2 is out of range for axis 0 of shape \(2, 3\)"):
        t[2]
    with pytest.raises(IndexError, match="too many indices"):
        t[0, 0, 0]
    with pytest.raises(IndexError, match="step must not be 0"):
        t[::0]
    with pytest.raises(ValueError, match="index 7 is out of range for an axis of size 2"):
        t[[0, 7]]
    with pytest.raises(IndexError, match="got 'a'"):
        t["a"]


def test_a_tensor_once_seen_never_changes():
    v = Variable([1.0, 2.0, 3.0])
    before, row = v.value, v.value[1:]
    v.assign([9.0, 9.0, 9.0])
    v.assign_add([1.0, 1.0, 1.0])
    assert before.numpy().tolist() == [1, 2, 3]
    assert row.numpy().tolist() == [2, 3]
    assert v.numpy().tolist() == [10, 10, 10]
    assert v.value is v.value


def test_variables():
    v = Variable(lambda shape, dtype: np.ones(shape, dtype), shape=(2,), dtype="float64", name="w", trainable=False)
    assert (v.shape, v.dtype, v.name, v.path, v.trainable) == ((2,), "float64", "w", "w", False)
    assert (v + 1).numpy().tolist() == [2, 2]
    assert (np.ones(2) * v).dtype == "float64"
    assert ops.sum(v).numpy() == 2
    with pytest.raises(ValueError, match=r"\[Variable w\] assign: expected a value of shape \(2,\), got \(3,\)"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="needs `shape`"):
        Variable(lambda shape, dtype: np.ones(shape, dtype))
    with pytest.raises(ValueError, match="without '/'"):
        Variable(1.0, name="a/b")


def test_copies_and_pickles():
    t = convert([[1.0, 2.0]])
    assert copy.deepcopy(t) is t
    again = pickle.loads(pickle.dumps(t))
    assert again.dtype == "float32" and again.numpy().tolist() == [[1, 2]]
    v = Variable([1.0], name="w")
    for twin in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        twin.assign([5.0])
        assert v.numpy().tolist() == [1.0] and twin.name == "w"


def test_repr():
    assert repr(convert([1.0, 2.0])) == "Tensor([1., 2.], dtype=float32)"
    assert repr(Variable([1.0], name="w")) == "<Variable path=w, shape=(1,), dtype=float32, value=[1.]>"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[1, 2], [3]], "no rectangular array"),
        (["a", "b"], "got a NumPy array of dtype <U1"),
        (None, "Python objects"),
        (object(), "Python objects"),
        (np.array([1 + 2j]), "complex128"),
        (2**40, "out of the range of int32"),
    ],
    ids=["ragged", "strings", "none", "object", "complex", "large"],
)
def test_what_is_no_tensor_says_so(value, message):
    with pytest.raises(ValueError, match=message):
        convert(value)


def test_shape_errors_name_op_and_shapes():
    with pytest.raises(ValueError, match=r"\[add\] .*\(2,\).*\(3,\)"):
        ops.add(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match=r"\[matmul\] inner dimensions differ: 3 .* 4 "):
        ops.matmul(np.zeros((2, 3)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"\[reshape\] cannot fit 6 elements"):
        ops.reshape(np.zeros(6), (4, -1))
    with pytest.raises(ValueError, match=r"\[sum\] axis=2 is out of range for a tensor of rank 2"):
        ops.sum(np.zeros((2, 2)), axis=2)
    with pytest.raises(ValueError, match=r"label 9 is out of range for 4 classes"):
        ops.sparse_categorical_crossentropy([9], np.zeros((1, 4), "float32"), from_logits=True)


def test_bfloat16():
    t = ops.cast([1.0, 2.5], "bfloat16")
    assert t.dtype == "bfloat16" and t.numpy().dtype.name == "bfloat16"
    assert convert(t.numpy()).dtype == "bfloat16"
    assert (t * 2).numpy().astype("float32").tolist() == [2.0, 5.0]


def test_dlpack():
    np.testing.assert_array_equal(np.from_dlpack(convert([1.0, 2.0])), [1, 2])
    large = convert(np.zeros(2000, "float32"))
    theirs = np.from_dlpack(large)
    assert np.shares_memory(theirs, large.numpy()) and not theirs.flags.writeable


CONSTANTS = [lambda: convert(2.0), lambda: ops.zeros(3), lambda: ops.arange(4), lambda: ops.eye(2)]


@pytest.mark.parametrize("make", CONSTANTS)
def test_dlpack_gives_no_way_to_constants(make):
    for _ in range(18):  # calls that come again may give what is kept
        taken = make()
    before = taken.numpy().copy()
    capsule = taken.__dlpack__(max_version=(1, 0))
    view = _engine.Array.from_dlpack(capsule).numpy()
    assert not np.shares_memory(view, taken.numpy())
    np.testing.assert_array_equal(view, before)
    assert make().numpy().tolist() == before.tolist()


@pytest.mark.parametrize("dtype", NAMES)
def test_single_numbers(dtype):
    top = {"bool": 1, "float16": 60000, "bfloat16": 3e38}.get(dtype)
    for value in (0, 1, 2, top or (np.finfo if "float" in dtype else np.iinfo)(dtype).max):
        t = ops.convert_to_tensor(np.array([[value]], "float64" if "float" in dtype else dtype), dtype=dtype)
        got, expected = t.item(), t.numpy().astype("float32" if dtype == "bfloat16" else dtype).item()
        assert got == expected and type(got) is type(expected) is type(t[0, 0].item())
        assert bool(t) is bool(expected) and float(t) == float(expected) and int(t) == int(expected)
    assert np.isnan(float(ops.convert_to_tensor(float("nan"))))
    for several in (ops.ones((2,), dtype), ops.ones((0, 1), dtype)):
        with pytest.raises(ShapeError, match="one element"):
            several.item()
        with pytest.raises(ValueError, match="ambiguous"):
            bool(several)
