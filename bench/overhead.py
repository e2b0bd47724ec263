"""What small calls cost: an eager operation, one row through a model, a training step of a tiny one."""

import numpy as np

import ckeras
from ckeras import ops
from harness import Case
from models import TINY, data, fit, jax, jnp, keras, keras_model, keras_name, torch, torch_module, torch_step


def eager_ops():
    x = np.ones(8, "float32")
    w = np.ones((20, 32), "float32")
    rows = np.ones((32, 20), "float32")
    for name, arrays, ours, plain in [
        ("add of 8 floats", (x, x), ops.add, np.add),
        ("matmul 32x20x32", (rows, w), ops.matmul, np.matmul),
    ]:
        t = [ops.convert_to_tensor(a) for a in arrays]
        contestants = {"ckeras": lambda f=ours, t=t: f(*t), "numpy": lambda f=plain, a=arrays: f(*a)}
        if torch:
            tt, f = [torch.from_numpy(a) for a in arrays], getattr(torch, plain.__name__)
            contestants["torch"] = lambda f=f, t=tt: f(*t)
        if jax:
            jj, f = [jnp.asarray(a) for a in arrays], getattr(jnp, plain.__name__)
            contestants["jax"] = lambda f=f, t=jj: f(*t).block_until_ready()
        yield Case(f"eager {name}", contestants)


def one_row():
    row = np.random.default_rng(0).random((1, *TINY.shape), "float32")
    ours = keras_model(ckeras, TINY)
    call = {"ckeras": lambda: np.asarray(ours(row))}
    predict = {"ckeras": lambda: ours.predict(row, verbose=0)}
    if keras:
        theirs = keras_model(keras, TINY)
        call[keras_name()] = lambda: np.asarray(theirs(row))
        predict[keras_name()] = lambda: theirs.predict(row, verbose=0)
    if torch:
        module = torch_module(TINY).eval()

        def in_torch():
            with torch.no_grad():
                return module(torch.from_numpy(row)).numpy()

        call["torch"] = predict["torch"] = in_torch
    yield Case(f"{TINY.name}: np.asarray(model(x[:1]))", call)
    yield Case(f"{TINY.name}: predict(x[:1])", predict)


def steps():
    x, y = data(TINY)
    contestants = {"ckeras": fit(ckeras, TINY, x, y, ["mae"])}
    if keras:
        contestants[keras_name()] = fit(keras, TINY, x, y, ["mae"])
    yield Case(f"{TINY.name}, batch {TINY.batch}: step of fit with a metric", contestants, steps=TINY.steps)

    xb, yb = x[: TINY.batch], y[: TINY.batch]
    ours = keras_model(ckeras, TINY)
    contestants = {"ckeras": lambda: ours.train_on_batch(xb, yb)}
    if keras:
        theirs = keras_model(keras, TINY)
        contestants[keras_name()] = lambda: theirs.train_on_batch(xb, yb)
    yield Case(f"{TINY.name}, batch {TINY.batch}: train_on_batch", contestants)
    yield Case(f"{TINY.name}, batch {TINY.batch}: eager step with GradientTape", _taped(xb, yb))


def _taped(xb, yb):
    model = keras_model(ckeras, TINY)
    optimizer, weights = model.optimizer, model.trainable_variables
    x, y = ops.convert_to_tensor(xb), ops.convert_to_tensor(yb)

    def step():
        with ckeras.GradientTape() as tape:
            loss = ops.mean(ops.square(model(x, training=True) - y))
        optimizer.apply(tape.gradient(loss, weights), weights)

    contestants = {"ckeras": step}
    if torch:
        theirs, tx, ty = torch_step(TINY), torch.from_numpy(xb), torch.from_numpy(yb)
        contestants["torch"] = lambda: theirs(tx, ty)
    return contestants


def cases(quick=False):
    for family in (eager_ops, one_row, steps):
        yield from family()
