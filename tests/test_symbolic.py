"""Symbolic tensors: shapes with unknown dimensions, nodes, operations."""

import numpy as np
import pytest

import ckeras
from ckeras import _engine, layers, ops
from ckeras._core import scope
from ckeras._core.errors import ConcreteValueError
from ckeras._core.symbolic import KerasTensor, Operation, any_symbolic
from ckeras._core.tensor import convert
from ckeras._core.variable import Variable


@pytest.fixture(autouse=True)
def _fresh_names():
    scope.clear_session()


def test_equality_is_identity():
    x, y = KerasTensor((3,)), KerasTensor((3,))
    assert (x == x, x == y, x == 1) == (True, False, False) and y in [x, y] and y not in [x] and [x, y].index(y) == 1
    assert (x != y).dtype == "bool" and ops.equal(x, y).shape == (3,)  # as Keras has it
    with pytest.raises(ConcreteValueError, match="`in` asks for the value"):
        y in x  # noqa: B015


def test_repr_and_shape():
    x = KerasTensor((None, 3))
    assert repr(x) == "<KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=keras_tensor>"
    assert x.ndim == 2 and KerasTensor((2, 3)).size == 6
    with pytest.raises(ValueError, match="must not be negative"):
        KerasTensor((-1, 3))
    with pytest.raises(ValueError, match="sparse and ragged"):
        KerasTensor((2,), sparse=True)


@pytest.mark.parametrize(
    ("fn", "shape", "dtype"),
    [
        (lambda x: x + 1, (None, 6), "float32"),
        (lambda x: 1 - x * x[0], (None, 6), "float32"),
        (lambda x: x[:, 0], (None,), "float32"),
        (lambda x: x[0], (6,), "float32"),
        (lambda x: x > 0, (None, 6), "bool"),
        (lambda x: ops.reshape(x, (-1, 2, 3)), (None, 2, 3), "float32"),
        (lambda x: ops.reshape(x, (-1,)), (None,), "float32"),
        (lambda x: ops.matmul(x, np.ones((6, 4), "float32")), (None, 4), "float32"),
        (lambda x: ops.transpose(x), (6, None), "float32"),
        (lambda x: ops.sum(x, axis=0), (6,), "float32"),
        (lambda x: ops.sum(x, axis=1, keepdims=True), (None, 1), "float32"),
        (lambda x: ops.argmax(x, axis=-1), (None,), "int32"),
        (lambda x: ops.concatenate([x, x, ops.zeros((5, 6))], axis=0), (None, 6), "float32"),
        (lambda x: ops.concatenate([x, x], axis=1), (None, 12), "float32"),
        (lambda x: ops.cast(x, "float16") * 2, (None, 6), "float16"),
        (lambda x: ops.softmax(x), (None, 6), "float32"),
        (lambda x: ops.one_hot(ops.cast(x, "int32"), 9), (None, 6, 9), "float32"),
        (lambda x: x + np.ones((3, 6), "float32"), (3, 6), "float32"),
        (lambda x: ops.zeros_like(x), (None, 6), "float32"),
    ],
)
def test_output_shapes_keep_unknown_dimensions(fn, shape, dtype):
    y = fn(KerasTensor((None, 6)))
    assert (y.shape, y.dtype) == (shape, dtype)


def test_images():
    x = KerasTensor((None, None, None, 3))
    assert ops.conv(x, np.ones((3, 3, 3, 8), "float32"), strides=2, padding="same").shape == (None, None, None, 8)
    x = KerasTensor((None, 28, 28, 3))
    assert ops.max_pool(x, 2).shape == (None, 14, 14, 3)


def test_errors_come_while_the_graph_is_made():
    with pytest.raises(ValueError, match=r"\[matmul\] inner dimensions differ"):
        ops.matmul(KerasTensor((None, 3)), np.ones((4, 5), "float32"))


def test_functions_make_nodes():
    x = KerasTensor((None, 3))
    y = ops.add(x, 2.0)
    z = ops.multiply(y, x)
    history = z._keras_history
    assert (history.operation.name, history.node_index, history.tensor_index) == ("multiply", 0, 0)
    node = history.operation._inbound_nodes[0]
    assert node.input_tensors == [y, x] or all(a is b for a, b in zip(node.input_tensors, [y, x]))
    assert [p.operation.name for p in node.parent_nodes] == ["add"]
    assert y._keras_history.operation._outbound_nodes == [node]
    assert ops.relu(x)._keras_history.operation.name == "relu"
    assert ops.add(x, 1)._keras_history.operation.name == "add_1"


def test_a_graph_runs_on_values():
    x = KerasTensor((None, 2))
    v = Variable([1.0, 2.0])
    y = ops.concatenate([ops.exp(x) * v, x[:, ::-1]], axis=-1)
    values = {id(x): convert([[0.0, 1.0]])}

    def value(t):
        if id(t) not in values:
            node = t._keras_history.operation._inbound_nodes[t._keras_history.node_index]
            for s in node.input_tensors:
                value(s)
            args, kwargs = node.fill_in(values)
            values[id(t)] = node.operation(*args, **kwargs)
        return values[id(t)]

    np.testing.assert_allclose(value(y).numpy(), [[1.0, 2 * np.e, 1.0, 0.0]], rtol=1e-6)


def test_operations():
    class Scale(Operation):
        def __init__(self, factor, name=None):
            super().__init__(name=name)
            self.factor = factor

        def call(self, x):
            return {"out": x * self.factor, "sum": ops.sum(x, 1)}

    op = Scale(3.0)
    assert op.name == "scale" and op(convert([[2.0]]))["out"].numpy() == 6
    x = KerasTensor((None, 4))
    out = op(x)
    assert out["out"].shape == (None, 4) and out["sum"].shape == (None,)
    assert (op.input is x and op.output == [out["out"], out["sum"]]) or len(op.output) == 2
    assert op.get_config() == {"factor": 3.0, "name": "scale"}
    twin = Scale.from_config(op.get_config())
    assert twin.factor == 3.0
    with pytest.raises(TypeError, match="does not fit __init__"):
        Scale.from_config({"nope": 1})
    first = op.output
    op(KerasTensor((None, 5)))
    assert op.input is x and op.output == first
    with pytest.raises(AttributeError, match="has not been called on a symbolic input"):
        _ = twin.output


def test_no_values():
    x = KerasTensor((None, 3))
    assert any_symbolic({"a": [1, (x,)]}) and not any_symbolic([1, None])
    for ask in (lambda: bool(x), lambda: float(x), lambda: np.asarray(x), lambda: x.numpy()):
        with pytest.raises(ConcreteValueError, match=r"test_symbolic\.py"):
            ask()
    with pytest.raises(TypeError, match="first dimension is not known"):
        list(x)
    assert len(list(KerasTensor((2, 3)))) == 2


MASKS = {  # of batch x steps x steps, from constants alone
    "tile": lambda rows, b: ops.tile(rows, ops.concatenate([ops.expand_dims(b, -1), ops.convert_to_tensor([1, 1])])),
    "broadcast": lambda rows, b: ops.broadcast_to(rows, (b, *rows.shape[1:])),
    "ones": lambda rows, b: ops.ones((b, *rows.shape[1:]), rows.dtype),
    "add": lambda rows, b: ops.zeros((b, 1, 1), rows.dtype) + rows,
    "matmul": lambda rows, b: ops.matmul(ops.ones((b * rows.shape[1], 1)), ops.ones((1, rows.shape[1]))),
    "random": lambda rows, b: ckeras.random.uniform((b, *rows.shape[1:]), seed=1),
}


@pytest.mark.parametrize("how", MASKS)
def test_constants_of_unknown_sizes_take_no_memory(how):
    def mask(x):
        batch, steps = ops.shape(x)
        rows = ops.cast(ops.arange(steps)[:, None] >= ops.arange(steps), "int32")[None]
        return MASKS[how](rows, batch)

    _engine.release()
    _engine.reset_peak()
    before = _engine.memory()["in_use"]
    out = layers.Lambda(mask)(ckeras.Input((None,)))
    assert _engine.memory()["peak"] - before < 100 << 20
    assert out.shape == ((None, None) if how == "matmul" else (None, None, None))
    values = mask(np.zeros((2, 3), "float32"))
    assert values.shape == ((6, 3) if how == "matmul" else (2, 3, 3)) and np.isfinite(values).all()


def test_large_weights_of_unknown_inputs_have_values():
    dense = layers.Dense(3000)
    dense(ckeras.Input((None, 1500)))
    assert np.abs(dense.kernel).max() > 0


@pytest.mark.parametrize("name", ["a/b", "a\0", "\ud800", "x\udfff", 5, b"a"])
def test_names_that_no_path_can_hold_are_refused(name):
    with pytest.raises(ValueError, match="name must be text without '/'"):
        layers.Dense(1, name=name)


@pytest.mark.parametrize("name", ["", "a b", "é", "\ud7ff\ue000", "\U0001f600"])
def test_names_that_paths_can_hold(name):
    assert layers.Dense(1, name=name).name == name
