"""Mistakes in arguments of ops: a Python exception of the right kind whose message names the op."""

import numpy as np
import pytest

import ckeras
from ckeras import ops

x = ops.ones((2, 3))
image = ops.ones((1, 4, 4, 2))
CASES = [
    ("sum", lambda: ops.sum(x, axis=2), ValueError),
    ("mean", lambda: ops.mean(x, axis=-3), ValueError),
    ("sum", lambda: ops.sum(x, axis=(0, 0)), ValueError),
    ("max", lambda: ops.max(ops.ones((0, 3)), axis=0), ValueError),
    ("argmax", lambda: ops.argmax(x, axis=5), ValueError),
    ("softmax", lambda: ops.softmax(x, axis=2), ValueError),
    ("add", lambda: ops.add(x, ops.ones((2, 4))), ValueError),
    ("maximum", lambda: ops.maximum(x, ops.ones(2)), ValueError),
    ("where", lambda: ops.where(ops.ones(5), x, x), ValueError),
    ("clip", lambda: ops.clip(x, None, ops.ones(2)), ValueError),
    ("quantile", lambda: ops.quantile(x, 1.5), ValueError),
    ("quantile", lambda: ops.quantile(x, [0.5, -0.5]), ValueError),
    ("quantile", lambda: ops.quantile(x, np.nan), ValueError),
    ("percentile", lambda: ops.percentile(x, 101), ValueError),
    ("matmul", lambda: ops.matmul(x, x), ValueError),
    ("matmul", lambda: ops.matmul(x, 2.0), ValueError),
    ("reshape", lambda: ops.reshape(x, (4, 2)), ValueError),
    ("reshape", lambda: ops.reshape(x, (-1, -1)), ValueError),
    ("transpose", lambda: ops.transpose(x, (0, 0)), ValueError),
    ("transpose", lambda: ops.transpose(x, (0, 5)), ValueError),
    ("concatenate", lambda: ops.concatenate([x, ops.ones((3, 4))], axis=0), ValueError),
    ("broadcast_to", lambda: ops.broadcast_to(x, (2, 4)), ValueError),
    ("squeeze", lambda: ops.squeeze(x, 0), ValueError),
    ("take", lambda: ops.take(x, [7], axis=0), (ValueError, IndexError)),
    ("getitem", lambda: x[5], IndexError),
    ("getitem", lambda: x[0, 0, 0], IndexError),
    ("getitem", lambda: x["a"], IndexError),
    ("conv", lambda: ops.conv(image, ops.ones((3, 3, 3, 4))), ValueError),
    ("conv", lambda: ops.conv(image, ops.ones((5, 5, 2, 4))), ValueError),
    ("conv", lambda: ops.conv(image, ops.ones((3, 3, 2, 4)), padding="full"), ValueError),
    ("conv", lambda: ops.conv(image, ops.ones((3, 3, 2, 4)), strides=0), ValueError),
    ("max_pool", lambda: ops.max_pool(image, 0), ValueError),
    ("max_pool", lambda: ops.max_pool(x, 2), ValueError),
    ("sparse_categorical_crossentropy", lambda: ops.sparse_categorical_crossentropy([1], x), ValueError),
    ("softmax_cross_entropy", lambda: ops.sparse_categorical_crossentropy([0, 9], x, True), ValueError),
    ("categorical_crossentropy", lambda: ops.categorical_crossentropy(ops.ones(3), x), ValueError),
    ("one_hot", lambda: ops.one_hot([1], 3, axis=4), ValueError),
]


@pytest.mark.parametrize("op, call, kind", CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_the_message_names_the_op(op, call, kind):
    with pytest.raises(kind) as e:
        call()
    assert f"[{op}]" in str(e.value) and len(str(e.value)) > 20, str(e.value)


@pytest.mark.parametrize(
    "op, call",
    [
        ("roll", lambda: ops.roll(x, "far")),
        ("sum", lambda: ops.sum(x, keepdims=np.ones(2))),
        ("top_k", lambda: ops.top_k(x, None)),
        ("hsplit", lambda: ops.hsplit(x, [None])),
        ("map", lambda: ops.map(lambda row: ops.roll(row, "far"), x)),  # the outermost
        ("roll", lambda: ops.roll(ckeras.KerasTensor((2, 3)), "far")),
    ],
)
def test_an_error_that_names_no_op_has_a_note(op, call):
    with pytest.raises((TypeError, ValueError)) as e:
        call()
    assert [n for n in e.value.__notes__ if n.startswith("While calling ops.")] == [f"While calling ops.{op}."]


@pytest.mark.parametrize("bad", [object(), np.array(["a"]), np.array([1 + 2j]), {"a": 1}])
def test_what_is_no_tensor_is_refused(bad):
    with pytest.raises((TypeError, ValueError)):
        ops.exp(bad)


@pytest.mark.parametrize("dtype", ["float33", "string", "complex64", 7])
def test_an_unknown_dtype_is_refused(dtype):
    with pytest.raises((TypeError, ValueError), match="dtype"):
        ops.cast(x, dtype)
