"""Optimizers against their formulas in NumPy; schedules, clipping, averages, state."""

import math

import numpy as np
import pytest

import ckeras as keras
from ckeras import optimizers

STEPS = 5
RNG = np.random.default_rng(0)
GRADS = [[RNG.normal(size=s).astype("float32") for s in ((3, 2), (4,))] for _ in range(STEPS)]
START = [RNG.normal(size=s).astype("float32") for s in ((3, 2), (4,))]


def run(optimizer, grads=GRADS):
    variables = [keras.Variable(w) for w in START]
    for step in grads:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
    return [v.numpy() for v in variables]


def by_hand(update, slots):
    out = []
    for i, w in enumerate(START):
        w, state = w.astype("float64"), [np.zeros(w.shape) for _ in range(slots)]
        for t in range(STEPS):
            w, state = update(w, GRADS[t][i].astype("float64"), state, t + 1)
        out.append(w)
    return out


def close(got, expected):
    for a, b in zip(got, expected):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd(momentum, nesterov):
    def update(w, g, state, t):
        m = momentum * state[0] - 0.1 * g
        return w + (momentum * m - 0.1 * g if nesterov else m), [m]

    close(run(optimizers.SGD(0.1, momentum=momentum, nesterov=nesterov)), by_hand(update, 1))


@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(amsgrad):
    def update(w, g, state, t):
        m, v, top = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g**2, state[2]
        top = np.maximum(top, v)
        alpha = 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - alpha * m / (np.sqrt(top if amsgrad else v) + 1e-7), [m, v, top]

    close(run(optimizers.Adam(0.01, amsgrad=amsgrad)), by_hand(update, 3))


def test_adamw_decays_first():
    def update(w, g, state, t):
        w = w - 0.01 * 0.1 * w
        m, v = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g**2
        alpha = 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return w - alpha * m / (np.sqrt(v) + 1e-7), [m, v]

    close(run(optimizers.AdamW(0.01, weight_decay=0.1)), by_hand(update, 2))


@pytest.mark.parametrize(("momentum", "centered"), [(0.0, False), (0.8, True)])
def test_rmsprop(momentum, centered):
    def update(w, g, state, t):
        v, mean = 0.9 * state[0] + 0.1 * g**2, 0.9 * state[1] + 0.1 * g
        step = 0.01 * g / np.sqrt(v - (mean**2 if centered else 0) + 1e-7)
        m = momentum * state[2] + step
        return w - m, [v, mean, m]

    close(run(optimizers.RMSprop(0.01, momentum=momentum, centered=centered)), by_hand(update, 3))


def test_clipping():
    norm = [np.linalg.norm(g) for g in GRADS[0]]
    total = math.hypot(*norm)
    one = [GRADS[0]]
    close(run(optimizers.SGD(1.0, clipvalue=0.3), one), [w - np.clip(g, -0.3, 0.3) for w, g in zip(START, GRADS[0])])
    each = [w - g * min(1, 0.5 / n) for w, g, n in zip(START, GRADS[0], norm)]
    close(run(optimizers.SGD(1.0, clipnorm=0.5), one), each)
    together = [w - g * 0.5 / total for w, g in zip(START, GRADS[0])]
    close(run(optimizers.SGD(1.0, global_clipnorm=0.5), one), together)


def test_gradient_accumulation_updates_with_the_mean():
    expected = [w - 0.1 * (a + b) / 2 - 0.1 * (c + d) / 2 for w, a, b, c, d in zip(START, *GRADS[:4])]
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=2)
    close(run(optimizer), expected)
    assert int(optimizer.iterations) == 2


def test_exponential_average():
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    variables = [keras.Variable(w) for w in START]
    averages = None
    for step in GRADS:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
        now = [v.numpy() for v in variables]
        averages = now if averages is None else [0.5 * a + 0.5 * w for a, w in zip(averages, now)]
    optimizer.finalize_variable_values(variables)
    close([v.numpy() for v in variables], averages)


def test_names_and_order_of_the_state():
    optimizer = optimizers.Adam(use_ema=True, amsgrad=True, name="adam")
    optimizer.build([keras.Variable(np.zeros(2), name="a"), keras.Variable(np.zeros(3), name="b")])
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/a_average",
        "adam/b_average",
        "adam/a_momentum",
        "adam/a_velocity",
        "adam/b_momentum",
        "adam/b_velocity",
        "adam/a_velocity_hat",
        "adam/b_velocity_hat",
    ]


def test_state_is_saved_and_read():
    first, second = optimizers.Adam(0.01), optimizers.Adam(0.5)
    variables = [keras.Variable(w) for w in START]
    for step in GRADS[:2]:
        first.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
    store = {}
    first.save_own_variables(store)
    second.build(variables)
    second.load_own_variables(store)
    assert int(second.iterations) == 2 and float(second.learning_rate) == pytest.approx(0.01)
    for a, b in zip(first.variables, second.variables):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_one_update_for_all_variables():
    class Counts(optimizers.SGD):
        calls = 0

        def fused_update(self, grads, variables, learning_rate):
            Counts.calls += 1
            super().fused_update(grads, variables, learning_rate)

    run(Counts(0.1))
    assert Counts.calls == STEPS


def test_an_optimizer_of_ones_own():
    class Halves(optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            variable.assign(variable * 0.5)

    close(run(Halves(0.1)), [w * 0.5**STEPS for w in START])


def test_stateless_apply_leaves_everything():
    optimizer = optimizers.SGD(0.1)
    variables = [keras.Variable(w) for w in START]
    optimizer.build(variables)
    after, state = optimizer.stateless_apply(optimizer.variables, GRADS[0], [v.value for v in variables])
    close([t.numpy() for t in after], [w - 0.1 * g for w, g in zip(START, GRADS[0])])
    assert int(state[0]) == 1 and int(optimizer.iterations) == 0
    np.testing.assert_array_equal(variables[0].numpy(), START[0])


def test_schedules():
    s = optimizers.schedules
    assert float(s.ExponentialDecay(1.0, 10, 0.5)(5)) == pytest.approx(0.5**0.5)
    assert float(s.ExponentialDecay(1.0, 10, 0.5, staircase=True)(19)) == pytest.approx(0.5)
    assert float(s.InverseTimeDecay(1.0, 10, 2.0)(5)) == pytest.approx(0.5)
    assert [float(s.PiecewiseConstantDecay([1, 3], [3.0, 2.0, 1.0])(i)) for i in range(5)] == [3, 3, 2, 2, 1]
    assert float(s.PolynomialDecay(1.0, 10, 0.0, power=2.0)(5)) == pytest.approx(0.25)
    cosine = s.CosineDecay(0.1, 100, warmup_target=0.2, warmup_steps=10)
    assert float(cosine(5)) == pytest.approx(0.15)
    assert float(cosine(60)) == pytest.approx(0.1)
    optimizer = optimizers.SGD(s.ExponentialDecay(0.1, 1, 0.5))
    run(optimizer, GRADS[:2])
    assert float(optimizer.learning_rate) == pytest.approx(0.025)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: optimizers.get("adamm"), ["adamm", "'adam'"]),
        (lambda: optimizers.SGD("fast"), ["learning_rate", "fast"]),
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), ["at most one"]),
        (lambda: optimizers.SGD(momentum=2.0), ["momentum", "2.0"]),
        (lambda: optimizers.SGD(foo=1), ["foo"]),
        (lambda: optimizers.SGD().apply([None], [keras.Variable(1.0)]), ["no gradient"]),
        (lambda: optimizers.SGD().apply([1.0, 2.0], [keras.Variable(1.0)]), ["2 for 1"]),
    ],
)
def test_messages(make, words):
    with pytest.raises(ValueError) as e:
        make()
    for word in words:
        assert word in str(e.value)


def test_unknown_variable():
    optimizer = optimizers.SGD()
    optimizer.build([keras.Variable(1.0)])
    with pytest.raises(ValueError, match="'other'"):
        optimizer.apply([keras.ops.ones(())], [keras.Variable(1.0, name="other")])


def test_loss_scale_optimizer_refuses_what_belongs_inside():
    adam = keras.optimizers.Adam
    scaling = keras.optimizers.LossScaleOptimizer
    assert scaling(adam(), use_ema=False).inner_optimizer.loss_scale_factor is None
    for arguments in ({"clipnorm": 1.0}, {"learning_rate": 0.1}):
        with pytest.raises(ValueError, match="give them to inner_optimizer"):
            scaling(adam(), **arguments)
    with pytest.raises(ValueError, match="must be positive"):
        scaling(adam(), initial_scale=0.0)
    with pytest.raises(ValueError, match="already"):
        scaling(scaling(adam()))
    with pytest.raises(ValueError, match="must be an optimizer"):
        scaling("adam")
    optimizer = scaling(adam(0.25), 8.0, 5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    again.learning_rate = 0.5
    assert float(again.inner_optimizer.learning_rate) == 0.5


def test_legacy_names_say_what_to_use():
    legacy = optimizers.legacy
    assert legacy.Adam is legacy.Adagrad is legacy.Ftrl is legacy.Optimizer is legacy.RMSprop is legacy.SGD
    with pytest.raises(ImportError, match=r"ckeras\.optimizers"):
        legacy.Adam(0.1, decay=1e-3)


@pytest.mark.parametrize("part", ["lr_adjust", "transpose_last_axis", "zeropower_via_newtonschulz5"])
def test_what_a_subclass_of_muon_redefines_is_used(part):
    called = []

    def own(self, *args):
        called.append(part)
        return getattr(keras.optimizers.Muon, part)(self, *args)

    kind = type("Own", (keras.optimizers.Muon,), {part: own})
    results = []
    for cls in (keras.optimizers.Muon, kind):
        for shape in ((6, 4), (3, 5)):
            v = keras.Variable(np.linspace(-1, 1, shape[0] * shape[1]).reshape(shape).astype("float32"))
            optimizer = cls(0.1)
            for step in range(3):
                optimizer.apply(
                    [
                        keras.ops.reshape(
                            keras.ops.sin(keras.ops.arange(v.shape[0] * v.shape[1], dtype="float32") * (step + 1)),
                            shape,
                        )
                    ],
                    [v],
                )
            results.append(v.numpy())
    assert called
    for ours, theirs in zip(results[:2], results[2:]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_an_optimizer_of_ones_own_finds_its_slots():
    class Heavy(keras.optimizers.Optimizer):
        def build(self, variables):
            if not self.built:
                super().build(variables)
                self.speeds = [self.add_variable_from_reference(v, name="speed") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            speed = self.speeds[self._get_variable_index(variable)]
            self.assign(speed, 0.5 * speed + gradient)
            self.assign_sub(variable, learning_rate * speed)

    variables = [keras.Variable(np.zeros(2, "float32")), keras.Variable(np.zeros(3, "float32"))]
    optimizer = Heavy(learning_rate=0.1)
    for _ in range(2):
        optimizer.apply([keras.ops.ones(2), 2 * keras.ops.ones(3)], variables)
    np.testing.assert_allclose(variables[0], np.full(2, -0.25), rtol=1e-6)
    np.testing.assert_allclose(variables[1], np.full(3, -0.5), rtol=1e-6)


FIRST = ["SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Ftrl", "Lion", "Lamb", "Muon", "ScheduleFreeAdamW"]


@pytest.mark.parametrize("name", FIRST)
def test_an_optimizer_first_built_in_a_traced_step_takes_the_steps_of_an_eager_one(name):
    x = np.linspace(-1, 1, 24).reshape(6, 4).astype("float32")

    def losses(eager):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_initializer="ones")])
        model.compile(getattr(optimizers, name)(0.05), "mse", run_eagerly=eager)
        return model.fit(x, x[:, :2], batch_size=2, epochs=3, shuffle=False, verbose=0).history["loss"]

    np.testing.assert_allclose(losses(False), losses(True), rtol=1e-5)
