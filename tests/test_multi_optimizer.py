"""Different optimizers for different variables."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers, optimizers


def variables():
    found = []
    for name in ("a", "b", "c"):
        with keras.name_scope(name):
            found.append(keras.Variable(np.full((2, 1), 2.0, "float32"), name="kernel"))
    return found


def maps():
    default = optimizers.SGD(0.0)
    return optimizers.OptimizerMap(default, {"^a/": optimizers.SGD(0.1), "^b/": optimizers.SGD(1.0)}), default


def test_each_variable_has_the_optimizer_of_the_key_that_its_path_matches():
    found, default = maps()
    a, b, c = variables()
    assert [found(v) for v in (a, b, c)] == [found["^a/"], found["^b/"], default]
    assert (list(found), len(found), "^a/" in found, "a/kernel" in found) == (["^a/", "^b/"], 2, True, False)
    del found["^b/"]
    assert found(b) is default
    found[".*kernel"] = optimizers.Adam()
    with pytest.raises(ValueError, match="several keys"):
        found(a)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda m: m.update({"^a/": optimizers.SGD()}), ValueError, "already"),
        (lambda m: m.update({"x": 3}), ValueError, "optimizer"),
        (lambda m: m.update({3: optimizers.SGD()}), ValueError, "string"),
        (lambda m: m.update({"(": optimizers.SGD()}), ValueError, "regular expression"),
        (lambda m: optimizers.OptimizerMap(3), TypeError, "default_optimizer"),
        (lambda m: optimizers.MultiOptimizer(3), TypeError, "optimizer_map"),
        (lambda m: optimizers.MultiOptimizer(lambda v: 3).build(variables()), ValueError, "'a/kernel'"),
        (lambda m: optimizers.MultiOptimizer(m).learning_rate, AttributeError, "learning rate"),
        (lambda m: setattr(optimizers.MultiOptimizer(m), "learning_rate", 1.0), AttributeError, "learning rate"),
    ],
)
def test_what_is_refused(act, error, words):
    with pytest.raises(error, match=words):
        act(maps()[0])


def test_updates_state_and_loss_scale():
    found, _ = maps()
    multi = optimizers.MultiOptimizer(found, loss_scale_factor=5.0)
    state = variables()
    multi.apply([keras.ops.full((2, 1), 10.0)] * 3, state)
    for v, want in zip(state, (1.8, 0.0, 2.0)):
        np.testing.assert_allclose(v.numpy(), np.full((2, 1), want), rtol=1e-6)
    assert float(multi.scale_loss(keras.ops.convert_to_tensor(2.0))) == 10.0
    assert [int(multi.iterations), *[int(part.iterations) for part in multi.optimizers]] == [1, 1, 1, 1]
    assert len(multi.variables) == 2 + 3 * 2
    again = optimizers.deserialize(optimizers.serialize(multi))
    again.build(variables())
    again.set_weights([v.numpy() for v in multi.variables])
    assert [type(p).__name__ for p in again.optimizers] == ["SGD"] * 3
    assert again.get_config() == multi.get_config()


def test_averages_and_decay_of_the_parts():
    fast = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5, weight_decay=0.1)
    multi = optimizers.MultiOptimizer(lambda v: fast)
    v = keras.Variable(np.ones(2, "float32"), name="w")
    multi.build([v])
    multi.exclude_from_weight_decay(var_list=[v])
    for _ in range(2):
        multi.apply([keras.ops.ones(2)], [v])
    np.testing.assert_allclose(v.numpy(), [0.0, 0.0], atol=1e-6)
    multi.finalize_variable_values([v])
    np.testing.assert_allclose(v.numpy(), [0.25, 0.25], atol=1e-6)


def test_fits_saves_and_goes_on(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(64, 4)).astype("float32"), np.zeros((64, 1), "float32")

    def made():
        keras.utils.set_random_seed(3)
        stack = [keras.Input((4,)), layers.Dense(3, name="first"), layers.Dense(1, name="last")]
        model = keras.Sequential(stack)
        found = optimizers.OptimizerMap(optimizers.SGD(0.0), {".*first/": optimizers.Adam(0.01)})
        model.compile(optimizers.MultiOptimizer(found), "mse")
        return model

    model = made()
    before = model.get_weights()
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    after = model.get_weights()
    assert [bool(np.any(a != b)) for a, b in zip(after, before)] == [True, True, False, False]
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    for m in (model, loaded):
        m.fit(x, y, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), loaded.get_weights()):
        np.testing.assert_array_equal(a, b)
