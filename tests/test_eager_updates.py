"""Eager updates run as programs from the second step on: same bits, nothing held changes, arguments may change."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import ckeras
from ckeras import ops
from ckeras._core import program
from ckeras.optimizers import ruled
from optimizer_table import GRADS, ROWS, START

IDS = [f"{name}-{i}" for i, (name, _) in enumerate(ROWS)]


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    # Once a GPU was used in this process updates run one by one.
    monkeypatch.setattr(program, "before_run", None)
    monkeypatch.setattr(program, "make_program", program.engine_program)


def made(name, arguments, variables=None):
    optimizer = getattr(ckeras.optimizers, name)(**arguments)
    return optimizer, variables or [ckeras.Variable(w) for w in START]


def step(optimizer, variables, grads):
    optimizer.apply([ops.convert_to_tensor(g) for g in grads], variables)


def bits(optimizer, variables):
    return [v.numpy().tobytes() for v in (*variables, *optimizer.variables)]


@pytest.mark.parametrize(("name", "arguments"), ROWS, ids=IDS)
def test_programs_give_the_bits_of_single_operations(name, arguments):
    fast, plain = made(name, arguments), made(name, arguments)
    for _ in range(3):  # 30 steps: what the short ways learn takes part too
        for grads in GRADS:
            step(*fast, grads)
            with ckeras.GradientTape():  # under a tape nothing runs as a program
                step(*plain, grads)
    assert bits(*fast) == bits(*plain)
    assert plain[0] not in ruled._programs


def test_a_program_runs_from_the_second_step_on():
    optimizer, variables = made("Adam", {})
    for grads in GRADS[:2]:
        step(optimizer, variables, grads)
    (program,) = ruled._programs[optimizer].values()
    assert program.n_kernels == 1
    step(optimizer, variables, GRADS[2])
    assert list(ruled._programs[optimizer].values()) == [program]


def test_tensors_that_were_read_stay():
    optimizer, variables = made("SGD", {"momentum": 0.9})
    seen = []
    for grads in GRADS:
        tensors = [v.value for v in (*variables, *optimizer.variables)]
        seen.append((tensors, [t.numpy().copy() for t in tensors]))
        step(optimizer, variables, grads)
    for tensors, values in seen:
        for t, value in zip(tensors, values):
            np.testing.assert_array_equal(t.numpy(), value)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("beta_1", 0.5), ("epsilon", 0.1), ("learning_rate", 0.3), ("weight_decay", 0.2), ("clipvalue", 0.01)],
)
def test_arguments_may_change_between_steps(attribute, value):
    fast, plain = made("Adam", {}), made("Adam", {})
    for i, grads in enumerate(GRADS):
        if i == 5:
            setattr(fast[0], attribute, value)
            setattr(plain[0], attribute, value)
        step(*fast, grads)
        with ckeras.GradientTape():
            step(*plain, grads)
    assert bits(*fast) == bits(*plain)
    unchanged = made("Adam", {})
    for grads in GRADS:
        step(*unchanged, grads)
    assert bits(*unchanged) != bits(*fast)


def test_some_of_the_variables_may_be_updated():
    fast, plain = made("Adam", {}), made("Adam", {})
    for optimizer, variables in (fast, plain):
        optimizer.build(variables)
    for i, grads in enumerate(GRADS):
        some = slice(i % 2, None) if i % 3 else slice(None)
        fast[0].apply([ops.convert_to_tensor(g) for g in grads[some]], fast[1][some])
        with ckeras.GradientTape():
            plain[0].apply([ops.convert_to_tensor(g) for g in grads[some]], plain[1][some])
    assert bits(*fast) == bits(*plain)


def test_only_so_many_programs_are_kept():
    optimizer = ckeras.optimizers.SGD(0.1)
    variables = [ckeras.Variable([1.0]) for _ in range(12)]
    optimizer.build(variables)
    for _ in range(3):
        for v in variables:
            optimizer.apply([ops.ones(1)], [v])
            assert len(ruled._programs[optimizer]) <= ruled._KEPT
    np.testing.assert_allclose([v.numpy()[0] for v in variables], 0.7, rtol=1e-6)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_go_their_own_way(again):
    optimizer, variables = made("Adam", {})
    for grads in GRADS[:4]:
        step(optimizer, variables, grads)
    other, others = again((optimizer, variables))
    before = bits(optimizer, variables)
    assert bits(other, others) == before
    for grads in GRADS[4:]:
        step(other, others, grads)
    assert bits(optimizer, variables) == before
    for grads in GRADS[4:]:
        step(optimizer, variables, grads)
    assert bits(optimizer, variables) == bits(other, others)


def test_programs_go_with_their_optimizer():
    optimizer, variables = made("Adam", {})
    for grads in GRADS[:3]:
        step(optimizer, variables, grads)
    ref = weakref.ref(next(iter(ruled._programs[optimizer].values())))
    del optimizer
    assert ref() is None
