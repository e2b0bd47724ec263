"""Scopes (stateless, symbolic, device, name, remat) and functions of functions (remat, jvp, vectorize, Function)."""

import numpy as np
import pytest

import ckeras
from ckeras import layers, ops
from ckeras._core.program import compile
from ckeras._core.tape import GradientTape, grad
from ckeras._masks import get_mask

rng = np.random.default_rng(0)
X = ops.array(rng.normal(size=(4, 3)).astype("float32"))


def test_stateless_scope_gives_values_and_keeps_the_variables():
    v, w = ckeras.Variable([1.0, 2.0]), ckeras.Variable(3.0)
    with ckeras.StatelessScope([(v, [5.0, 6.0])]) as scope:
        np.testing.assert_array_equal(ops.add(v, w), [8, 9])
        v.assign_add([1.0, 1.0])
        w.assign(7.0)
        assert ckeras.function(lambda: v * w)().numpy().tolist() == [42, 49]  # a program reads them too
        assert ops.cond(w > 6.0, lambda: v * 1.0, lambda: v * 2.0).numpy().tolist() == [6, 7]
        with ckeras.StatelessScope() as inner:
            w.assign(0.0)
        assert float(inner.get_current_value(w)) == 0 and float(w) == 7
    assert scope.get_current_value(v).numpy().tolist() == [6, 7] and float(scope.get_current_value(w)) == 7
    assert v.numpy().tolist() == [1, 2] and float(w) == 3
    assert ckeras.StatelessScope().get_current_value(v) is None


def test_stateless_scope_under_a_tape_and_in_a_trace():
    v = ckeras.Variable([1.0, 2.0])

    def step(x):
        with ckeras.StatelessScope([(v, x)]) as scope:
            v.assign(v * v)
            return scope.get_current_value(v)

    np.testing.assert_array_equal(ckeras.function(step)(ops.array([3.0, 4.0])), [9, 16])
    np.testing.assert_array_equal(grad(lambda x: ops.sum(step(x)))(ops.array([3.0, 4.0])), [6, 8])
    assert v.numpy().tolist() == [1, 2]


class Costly(layers.Layer):
    """Adds a loss, a weight penalty and a mask, and counts its calls."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", regularizer="l2", name="w")
        self.n = self.add_weight(shape=(), initializer="zeros", trainable=False, name="n")

    def call(self, x):
        self.n.assign_add(1.0)
        y = ops.sin(ops.exp(x * self.w))
        self.add_loss(ops.sum(y))
        return y


def test_stateless_scope_collects_losses():
    layer = Costly()
    layer(X)
    before = len(layer.losses)
    with ckeras.StatelessScope([(layer.w, ops.zeros(3))], collect_losses=True) as scope:
        layer(X)
        assert len(layer.losses) == before and float(layer.losses[1]) == 0  # the penalty of the given value
    assert len(scope.losses) == 1
    with ckeras.StatelessScope() as scope:
        layer(X)
    assert scope.losses == []
    outputs, rest, losses = layer.stateless_call([ops.zeros(3)], [ops.array(4.0)], X, return_losses=True)
    assert float(rest[0]) == 5 and float(layer.n) == 1 and len(losses) == 2
    np.testing.assert_allclose(outputs, np.full((4, 3), np.sin(1)), rtol=1e-6)


def test_predict_in_a_stateless_scope_reads_its_values():
    model = ckeras.Sequential([ckeras.Input((3,)), layers.Dense(1, use_bias=False)])
    model.predict(X.numpy(), verbose=0)
    with ckeras.StatelessScope([(model.weights[0], np.zeros((3, 1)))]):
        assert not model.predict(X.numpy(), verbose=0).any()
    assert model.predict(X.numpy(), verbose=0).any()


def test_stateless_scope_refuses():
    v = ckeras.Variable(1.0)
    with pytest.raises(ValueError, match="state_mapping must hold pairs"):
        ckeras.StatelessScope([("v", 1.0)])
    with pytest.raises(ValueError, match="must have shape"):
        ckeras.StatelessScope([(v, [1.0, 2.0])])
    with ckeras.StatelessScope():
        with pytest.raises(ValueError, match="makes no variables"):
            ckeras.Variable(1.0)
        assert ckeras.Variable("ones", shape=(2,)).numpy().tolist() == [1, 1]
    with ckeras.StatelessScope(initialize_variables=False), pytest.raises(ValueError, match="initialize_variables"):
        ckeras.Variable("ones", shape=(2,))


def test_symbolic_scope():
    from ckeras._core.stateless import in_symbolic_scope

    seen = []

    class Looks(layers.Layer):
        def call(self, x):
            seen.append(in_symbolic_scope())
            return x

    Looks()(ckeras.Input((2,)))
    Looks()(X)
    with ckeras.SymbolicScope():
        Looks()(X)
    assert seen == [True, True, False, True]
    assert not in_symbolic_scope()


def test_device():
    for name in ("cpu", "CPU:0", "cpu:0"):
        with ckeras.device(name):
            assert ops.ones(2).numpy().tolist() == [1, 1]
    with pytest.raises(ValueError, match="did you mean 'cpu'"), ckeras.device("cpuu"):
        pass
    for name in ("tpu:0", "cpu:1"):
        with pytest.raises(RuntimeError, match="'cpu:0' can"), ckeras.device(name):
            pass


def test_name_scope():
    def path():
        return ckeras.Variable(0.0, name="v").path

    me = object()
    with ckeras.name_scope("a"):
        assert path() == "a/v"
        with ckeras.name_scope("a"):
            assert path() == "a/a/v"
        with ckeras.name_scope("b", override_parent="x/y"):
            assert path() == "x/y/b/v"
        with ckeras.name_scope("c", caller=me), ckeras.name_scope("c", caller=me):
            assert path() == "a/c/v"
        with ckeras.name_scope("c", caller=me), ckeras.name_scope("c", caller=me, deduplicate=False):
            assert path() == "a/c/c/v"
    assert path() == "v"
    for bad in (3, "a/b"):
        with pytest.raises(ValueError, match="without '/'"):
            ckeras.name_scope(bad)


# ---- rematerialization


def _chain(x):
    for _ in range(6):
        x = ops.tanh(ops.matmul(ops.exp(ops.sin(x)), ops.transpose(x)) @ x)
    return x


def test_remat_gives_the_same_gradients_in_less_memory():
    x = ops.array(rng.normal(size=(64, 64)).astype("float32") * 0.1)

    def total(f):
        return lambda x: ops.sum(f(x) ** 2)

    def again(x):
        for _ in range(8):
            x = ckeras.remat(_chain)(x)
        return x

    def kept(x):
        for _ in range(8):
            x = _chain(x)
        return x

    np.testing.assert_array_equal(ckeras.remat(_chain)(x), _chain(x))
    one, other = grad(total(kept))(x), grad(total(again))(x)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * float(ops.max(ops.abs(one))))
    aval = (x.shape, x.dtype)
    whole, less = (compile(grad(total(f)), aval) for f in (kept, again))
    assert less.planned_bytes < 0.5 * whole.planned_bytes
    np.testing.assert_array_equal(less.run([x]), other)
    with pytest.raises(TypeError, match="expected a function"):
        ckeras.remat(3)


def test_remat_of_nested_arguments_and_variables():
    v = ckeras.Variable(2.0)
    count = ckeras.Variable(0.0, trainable=False)

    @ckeras.remat
    def f(pair, *, scale):
        count.assign_add(1.0)
        return {"y": ops.exp(pair[0] * v) * scale, "z": pair[1] + 1.0}

    with GradientTape() as tape:
        tape.watch(X)
        out = f((X, X.numpy()), scale=3.0)
        loss = ops.sum(out["y"])
    gx, gv = tape.gradient(loss, [X, v])
    y = np.exp(X.numpy() * 2.0) * 3
    np.testing.assert_allclose(gx, 2 * y, rtol=1e-5)
    np.testing.assert_allclose(gv, (X.numpy() * y).sum(), rtol=1e-5)
    np.testing.assert_allclose(out["z"], X.numpy() + 1)
    assert float(count) == 1


SCOPES = {
    "full": {},
    "list_of_layers": {"layer_names": ["one"]},
    "larger_than": {"output_size_threshold": 11},
    "activations": {},
}


def _layer(mode):
    ckeras.utils.set_random_seed(1)
    with ckeras.RematScope(mode, **SCOPES.get(mode, {})):
        return ckeras.Sequential(
            [Costly(name="one"), layers.Dense(3, activation="tanh"), Costly(name="three"), layers.Masking()]
        )


@pytest.mark.parametrize("mode", SCOPES)
def test_layers_of_a_remat_scope(mode):
    """The same outputs, losses, masks, state and gradients; some calls are made again."""
    results = []
    for model in (_layer(None), _layer(mode)):
        model(X)
        with GradientTape() as tape:
            y = model(X)
            loss = ops.sum(y**2) + sum(model.losses)
        found = [r for r in tape._records if getattr(r.primitive, "name", "") == "switch"]
        grads = tape.gradient(loss, model.trainable_variables)
        state = [v.value for v in model.variables]
        results.append((bool(found), [y, loss, get_mask(y), *model.losses, *grads, *state]))
    assert [r[0] for r in results] == [False, True]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_remat_modes_cover_what_they_say():
    def covered(mode, x=X, **options):
        with ckeras.RematScope(mode, **options):
            layer = Costly(name="it")
        layer.build((None, 3))
        return layer._remat.covers(layer, (x,), {})

    assert covered("full") and not covered(None) and not covered("activations")
    assert covered("larger_than", output_size_threshold=11) and not covered("larger_than", output_size_threshold=12)
    assert covered("list_of_layers", layer_names=["it"]) and not covered("list_of_layers", layer_names=["other"])
    with pytest.raises(ValueError, match="mode must be one of"):
        ckeras.RematScope("some")


def test_a_model_of_remat_layers_trains_as_another():
    losses = []
    for mode in (None, "full"):
        model = _layer(mode)
        model.compile("sgd", "mse")
        losses.append(model.fit(X.numpy(), X.numpy(), epochs=3, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


# ---- jvp and vectorize


def test_jvp():
    def f(a, b):
        return {"y": ops.sin(a["x"]) * b, "z": ops.matmul(a["x"], ops.transpose(b))}

    x, b, dx, db = (rng.normal(size=(3, 4)) for _ in range(4))
    y, dy = ops.jvp(f, ({"x": x}, b), ({"x": dx}, db))
    np.testing.assert_allclose(y["y"], np.sin(x) * b, rtol=1e-12)
    np.testing.assert_allclose(dy["y"], np.cos(x) * dx * b + np.sin(x) * db, rtol=1e-12)
    np.testing.assert_allclose(dy["z"], dx @ b.T + x @ db.T, rtol=1e-12)
    out, move, aux = ops.jvp(lambda t: (t * t, "aux"), (2.0,), (1.0,), has_aux=True)
    assert (float(out), float(move), aux) == (4, 4, "aux")
    traced = ckeras.function(lambda x, v: ops.jvp(lambda t: ops.exp(t) + 1.0, (x,), (v,))[1])
    np.testing.assert_allclose(traced(x, dx), np.exp(x) * dx, rtol=1e-12)
    assert float(ops.jvp(lambda t: ops.ones(()), (1.0,), (1.0,))[1]) == 0
    x, same = ops.array(x), ops.array(1.0)
    np.testing.assert_allclose(ops.jvp(ops.multiply, (x, x), (dx, db))[1], x * (dx + db), rtol=1e-12)
    out, move = ops.jvp(lambda a, b: (a * 2.0, b * 3.0), (same, same), (1.0, 0.0))
    assert [float(m) for m in move] == [2, 0]
    # the derivative of a derivative
    np.testing.assert_allclose(grad(lambda t: ops.jvp(lambda u: u**3, (t,), (1.0,))[1])(ops.array(2.0)), 12.0)


@pytest.mark.parametrize(
    "primals, tangents, message",
    [
        (1.0, (1.0,), "primals must be a tuple"),
        ((1.0,), (1.0, 2.0), "differ in structure"),
        ((1,), (1,), "must be floats"),
        (([1.0, 2.0],), ([1.0],), "differ in structure"),
        ((np.ones(2),), (np.ones(3),), "equal shapes"),
    ],
)
def test_jvp_refuses(primals, tangents, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ops.jvp(ops.sin, primals, tangents)


def test_vectorize():
    a, b = rng.normal(size=(5, 1)), rng.normal(size=4)
    total, product = ops.vectorize(lambda x, y: (x + y, x * y))(a, b)
    np.testing.assert_allclose(total, a + b)
    np.testing.assert_allclose(product, a * b)
    m, v = rng.normal(size=(2, 5, 2, 3)), rng.normal(size=(5, 3))
    matvec = ops.vectorize(ops.matmul, signature="(m,n),(n)->(m)")
    want = np.einsum("abij,bj->abi", m, v)
    np.testing.assert_allclose(matvec(m, v), want, rtol=1e-6)
    np.testing.assert_allclose(ckeras.function(matvec)(ops.array(m), ops.array(v)), want, rtol=1e-6)
    np.testing.assert_allclose(ops.vectorize(lambda x, n: x + sum(n), excluded={1})(b, [1.0, 2.0]), b + 3)
    assert float(ops.vectorize(lambda x, scale: x * scale)(2.0, scale=4.0)) == 8
    assert ops.vectorize(lambda x: ops.stack([x, x]))(b).shape == (4, 2)
    assert ops.vectorize(ops.sin).__name__ == "sin"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.vectorize(3), "pyfunc must be a function"),
        (lambda: ops.vectorize(ops.sin, signature="(n->n"), "must be written as"),
        (
            lambda: ops.vectorize(ops.matmul, signature="(m,n),(n)->(m)")(np.ones((2, 3)), np.ones(4)),
            "sizes must agree",
        ),
        (lambda: ops.vectorize(ops.matmul, signature="(m,n),(n)->(m)")(np.ones((2, 3))), "is of 2 arrays, got 1"),
        (lambda: ops.vectorize(ops.sum, signature="(n)->(n)")(np.ones(3)), "a result of shape"),
        (lambda: ops.vectorize(lambda x: (x, x), signature="(n)->(n)")(np.ones(3)), "gives 1 results"),
        (lambda: ops.vectorize(ops.sum, signature="(n)->()")(np.float32(3)), "wants 1 dimensions"),
        (lambda: ops.vectorize(lambda x, y: x + y)(np.ones(3), np.ones(2)), "broadcast"),
    ],
)
def test_vectorize_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- Function, KerasTensor


def test_function_between_symbols():
    a, b = ckeras.Input((3,), name="a"), ckeras.Input((3,), name="b")
    dense = layers.Dense(2)
    mid = dense(a)
    f = ckeras.Function({"a": a, "b": b}, [mid, ops.add(a, b)])
    assert f.name.startswith("function") and len(f.inputs) == len(f.outputs) == 2 and dense in f.operations
    y, s = f({"a": X.numpy(), "b": X})
    np.testing.assert_array_equal(y, dense(X))
    np.testing.assert_array_equal(s, X + X)
    assert f.compute_output_shape({"a": (7, 3), "b": (7, 3)}) == [(7, 2), (7, 3)]
    z, _ = f({"a": ckeras.Input((3,)), "b": ckeras.Input((3,))})
    assert z.shape == (None, 2) and z._keras_history.operation is f
    part = ckeras.Function(mid, ops.exp(mid))
    np.testing.assert_allclose(part(np.zeros((1, 2))), np.ones((1, 2)))
    assert dense not in part.operations and len(part.operations) == 1
    inside = ckeras.Model([a, b], f({"a": a, "b": b}))
    np.testing.assert_array_equal(inside([X, X])[0], dense(X))
    np.testing.assert_array_equal(f.rematerialized_call(f.call, {"a": X, "b": X})[0], dense(X))


def test_function_refuses():
    a = ckeras.Input((3,), name="a")
    f = ckeras.Function(a, ops.exp(a))
    for call, message in (
        (lambda: ckeras.Function(np.ones(3), ops.exp(a)), "inputs must be symbolic"),
        (lambda: ckeras.Function([], ops.exp(a)), "inputs must be symbolic"),
        (lambda: ckeras.Function(a, ops.exp(ckeras.Input((2,)))), r"\[Function\] the output"),
        (lambda: f(np.ones((2, 4))), "must have the shape"),
        (lambda: f([np.ones((2, 3))]), "must be structured as"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(NotImplementedError, match="quantization is not supported"):
        f.quantized_call(X)


def test_keras_tensor_methods():
    t = ckeras.KerasTensor((2, 1, 6), "int32")
    assert t.reshape((3, 4)).shape == t.reshape(3, 4).shape == (3, 4) and t.reshape(-1).shape == (12,)
    assert t.squeeze(1).shape == t.squeeze().shape == (2, 6)
    assert (t.ndim, t.sparse, t.ragged, t.ragged_rank, t.row_splits_dtype) == (3, False, False, None, None)


def test_layers_say_that_they_are_not_quantized():
    layer = layers.Dense(2)
    assert layer.quantization_mode is None
    for call in (
        lambda: layer.quantize("int8"),
        lambda: layer.quantized_build((1,), "int8"),
        lambda: layer.add_metric(1),
    ):
        with pytest.raises(NotImplementedError, match=layer.name):
            call()


# ---- the state of a model


def _trained():
    ckeras.utils.set_random_seed(0)
    model = ckeras.Sequential([ckeras.Input((3,)), layers.Dense(2, name="d"), layers.BatchNormalization(name="bn")])
    model.compile("adam", "mse")
    model.fit(X.numpy(), X.numpy()[:, :2], verbose=0)
    return model


def test_state_trees():
    model = _trained()
    tree = model.get_state_tree("numpy_array")
    assert sorted(tree) == [
        "metrics_variables",
        "non_trainable_variables",
        "optimizer_variables",
        "trainable_variables",
    ]
    assert len(ckeras.tree.flatten(tree)) == len(model.variables) + len(model.optimizer.variables) + 2
    assert isinstance(ckeras.tree.flatten(tree)[0], np.ndarray)
    kernel = model.layers[0].kernel
    inner = model.get_state_tree()["trainable_variables"]
    for key in kernel.path.split("/"):
        inner = inner[key]
    np.testing.assert_array_equal(inner, kernel.value)
    for v in (*model.variables, *model.optimizer.variables):
        v.assign(ops.zeros_like(v))
    model.set_state_tree(tree)
    for a, b in zip(ckeras.tree.flatten(tree), ckeras.tree.flatten(model.get_state_tree("numpy_array")), strict=True):
        np.testing.assert_array_equal(a, b)
    for call, message in (
        (lambda: model.get_state_tree("q"), "value_format"),
        (lambda: model.set_state_tree({"x": {}}), "expected keys"),
        (lambda: model.set_state_tree({"trainable_variables": {"e": {"bias": [1.0]}}}), "no variable 'e/bias'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_stateless_compute_loss():
    model = _trained()
    groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    values = [[v.value for v in group] for group in groups]
    before = [v.numpy().copy() for group in groups for v in group]
    loss, after = model.stateless_compute_loss(*values, x=X, y=ops.ones((4, 2)), y_pred=ops.zeros((4, 2)))
    assert float(loss) == 1 and [len(a) for a in after] == [len(v) for v in values]
    weighted, _ = model.stateless_compute_loss(
        *values, x=X, y=ops.ones((4, 2)), y_pred=ops.zeros((4, 2)), sample_weight=ops.array([0.0, 0, 0, 1])
    )
    assert float(weighted) == 0.25
    for v, old in zip([v for group in groups for v in group], before, strict=True):
        np.testing.assert_array_equal(v, old)
    assert model.get_quantization_layer_structure("int8") is None
    with pytest.raises(NotImplementedError, match="quantization"):
        model.quantize("int8", filters=[])


def test_functions_of_steps():
    model = _trained()
    x, y = X.numpy(), X.numpy()[:, :2]
    for make in (model.make_train_function, model.make_test_function, model.make_predict_function):
        make()
    first = model.train_function
    model.make_train_function()
    assert model.train_function is first
    model.make_train_function(force=True)
    assert model.train_function is not first
    steps = int(model.optimizer.iterations)
    logs = model.train_function(iter([(x, y)]))
    assert int(model.optimizer.iterations) == steps + 1 and np.isfinite(float(logs["loss"]))
    model.reset_metrics()
    want = model.evaluate(x, y, verbose=0)
    model.reset_metrics()
    np.testing.assert_allclose(float(model.test_function(iter([(x, y)]))["loss"]), want, rtol=1e-6)
    np.testing.assert_array_equal(model.predict_function(iter([(x,)])), model.predict(x, verbose=0))
    with pytest.raises(StopIteration):
        model.train_function(iter([]))
    model.compile("sgd", "mse", steps_per_execution=2)
    model.train_function(iter([(x, y)] * 3))
    assert int(model.optimizer.iterations) == 2
    assert model.predict_function(iter([(x,)] * 3)).shape == (8, 2)
    with pytest.raises(ValueError, match="not compiled"):
        ckeras.Sequential([layers.Dense(1)]).make_train_function()


def test_own_functions_of_steps_are_not_ignored():
    class Own(ckeras.Sequential):
        def make_train_function(self, force=False):
            self.train_function = lambda iterator: {}

        def make_predict_function(self, force=False):
            self.predict_function = lambda iterator: 0

    model = Own([ckeras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="override train_step"):
        model.fit(X.numpy(), X.numpy()[:, :2], verbose=0)
    with pytest.raises(NotImplementedError, match="override predict_step"):
        model.predict(X.numpy(), verbose=0)
    assert np.isfinite(model.evaluate(X.numpy(), X.numpy()[:, :2], verbose=0))
