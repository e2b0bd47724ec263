"""Optimizers beside real Keras 3, from the table: weights and state after ten steps, configs, and state exchanged."""

import numpy as np
import pytest
from beside import MARKS, ckeras, real

import optimizer_table as table

pytestmark = MARKS


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("row", table.ROWS, ids=table.ids())
def test_ten_steps_state_and_configs(row):
    (want, theirs), (got, ours) = (table.run(k, row) for k in (real, ckeras))
    for a, b in zip(got, want, strict=True):
        close(a, b)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        close(np.asarray(a), np.asarray(b))
    want, got = theirs.get_config(), ours.get_config()
    for config in (want, got):
        config.pop("name")
    assert got == want


@pytest.mark.parametrize("name", sorted({name for name, _ in table.ROWS}))
def test_training_goes_on_with_the_others_state(name):
    row = (name, {"learning_rate": 0.05})
    (values, theirs), _ = (table.run(k, row) for k in (real, ckeras))
    store = {}
    theirs.save_own_variables(store)
    variables = [ckeras.Variable(w, name=n) for w, n in zip(values, table.SHAPES)]
    fresh = getattr(ckeras.optimizers, name)(learning_rate=0.5)
    fresh.build(variables)
    fresh.load_own_variables({k: np.asarray(v) for k, v in store.items()})
    assert int(fresh.iterations) == table.STEPS
    beside = [real.Variable(w, name=n) for w, n in zip(values, table.SHAPES)]
    again = getattr(real.optimizers, name)(learning_rate=0.5)
    again.build(beside)
    again.load_own_variables(store)
    for optimizer, vs, k in ((fresh, variables, ckeras), (again, beside, real)):
        optimizer.apply([k.ops.convert_to_tensor(g) for g in table.GRADS[0]], vs)
    for a, b in zip(variables, beside):
        close(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("options", [{}, {"initial_scale": 2.0**10, "dynamic_growth_steps": 3}], ids=str)
def test_loss_scaling(options):
    """Steps with a gradient that overflows among them: weights, the scale, the state and the config."""
    ends = []
    for k in (real, ckeras):
        variables = [k.Variable(w, name=n) for w, n in zip(table.START, table.SHAPES)]
        optimizer = k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.05), name="o", **options)
        optimizer.build(variables)
        scales = []
        for step, grads in enumerate(table.GRADS):
            scale = float(optimizer.scale_loss(k.ops.convert_to_tensor(1.0)))
            grads = [g * np.float32(scale) for g in grads]
            if step in (2, 7):
                grads[1] = grads[1] * np.float32(np.inf)
            grads = [k.ops.convert_to_tensor(g) for g in grads]
            if k is real:  # which scales only without state here
                values, state = optimizer.stateless_apply(optimizer.variables, grads, [v.value for v in variables])
                for v, value in zip([*variables, *optimizer.variables], [*values, *state], strict=True):
                    v.assign(value)
            else:
                optimizer.apply(grads, variables)
            scales.append(scale)
        store = {}
        optimizer.save_own_variables(store)
        state = [np.asarray(store[str(i)]) for i in range(len(store))]
        config = optimizer.get_config()
        for c in (config["inner_optimizer"], config["inner_optimizer"]["config"]):
            c.pop("name", None)
        ends.append(([np.asarray(v) for v in variables], scales, state, config, int(optimizer.iterations)))
    (v1, scales1, state1, config1, n1), (v2, scales2, state2, config2, n2) = ends
    assert scales1 == scales2 and config1 == config2 and n1 == n2 == table.STEPS - 2
    for a, b in zip([*v1, *state1], [*v2, *state2], strict=True):
        assert a.shape == b.shape
        close(b, a)


@pytest.mark.parametrize(
    "options", [{}, {"t_mul": 1.0, "m_mul": 0.8}, {"t_mul": 1.5, "m_mul": 0.5, "alpha": 0.1}], ids=str
)
def test_cosine_decay_with_restarts(options):
    theirs, ours = (k.optimizers.schedules.CosineDecayRestarts(0.3, 7, **options) for k in (real, ckeras))
    assert ours.get_config() == theirs.get_config()
    for step in (0, 1, 3, 6, 7, 8, 13, 14, 17, 18, 20, 21, 28, 33, 34, 35, 41, 48, 49, 59):  # around the restarts
        close(float(ours(step)), float(theirs(step)))
