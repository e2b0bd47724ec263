"""Every argument of every loss, metric, optimizer, schedule, initializer, regularizer and constraint shows."""

import inspect
import os
import sys

import numpy as np
import pytest

import ckeras

sys.path.insert(0, os.path.dirname(__file__))
import loss_table
import metric_table
import optimizer_table
from class_arguments import BASE, BASES, KERAS_IGNORES, OWN, SHARED
from layer_arguments import Row
from test_layer_arguments import EMPTY, same

_RNG = np.random.default_rng(8)
MATRIX = _RNG.normal(size=(4, 3)).astype("float32")
LOSS_DATA = {name: (y, p) for name, _, y, p in reversed(loss_table.ROWS)}
METRIC_DATA = {name: data for name, _, data in reversed(metric_table.ROWS)}
LOSS_DATA["LossFunctionWrapper"] = METRIC_DATA["MeanMetricWrapper"] = (loss_table.Y, loss_table.X)
METRIC_DATA["OneHotMeanIoU"] = metric_table.multi
METRIC_DATA["Accuracy"] = (metric_table.CLASSES, metric_table.CLASSES[::-1].copy())


def namespace(kind):
    found = ckeras
    for part in kind.split("."):
        found = getattr(found, part)
    return found


def made(value):
    """A value of a row; a string that starts with a namespace is made anew for each use."""
    if isinstance(value, str) and value.startswith(("losses.", "optimizers.")):
        return eval(value, {"losses": ckeras.losses, "optimizers": ckeras.optimizers})
    return value


def of_losses(loss, row, argument):
    y, p = row.x or LOSS_DATA[type(loss).__name__]
    seen = [np.asarray(loss(y, p))]
    if argument != "axis" and not loss_table.of_all({}, type(loss).__name__):
        seen.append(np.asarray(loss(y, p, sample_weight=loss_table.WEIGHTS[: len(y)])))
    return seen


def of_metrics(metric, row, argument):
    if type(metric).__name__ in ("Mean", "Sum"):
        metric.update_state(MATRIX, sample_weight=MATRIX**2)
    else:
        y, p = row.x or METRIC_DATA[type(metric).__name__]
        metric.update_state(y, p)
        metric.update_state(y[::-1].copy(), p)
    return [np.asarray(metric.result()), *(f"{v.dtype} {v.shape}" for v in metric.variables)]


def of_optimizers(optimizer, row, argument):
    names = ["kernel", "bias", "embeddings"]
    variables = [ckeras.Variable(w, name=n) for w, n in zip(optimizer_table.START, names, strict=True)]
    optimizer.build(variables)
    for grads in optimizer_table.GRADS[:4]:
        optimizer.apply([ckeras.ops.convert_to_tensor(g) for g in grads], variables)
    return [np.asarray(v) for v in [*variables, *optimizer.variables]]


def of_schedules(schedule, row, argument):
    return [float(schedule(i)) for i in range(12)]


def of_initializers(initializer, row, argument):
    shape = row.x or (
        (8, 1, 5)
        if type(initializer).__name__ == "STFT"
        else (4, 4)
        if "Identity" in type(initializer).__name__
        else (4, 5)
    )
    return [np.asarray(initializer(shape, dtype="float32"))]


def of_matrix(thing, row, argument):
    return [np.asarray(thing(ckeras.ops.convert_to_tensor(MATRIX)))]


SEE = {
    "losses": of_losses,
    "metrics": of_metrics,
    "optimizers": of_optimizers,
    "optimizers.schedules": of_schedules,
    "initializers": of_initializers,
    "regularizers": of_matrix,
    "constraints": of_matrix,
}


def classes(kind):
    space = namespace(kind)
    found = {c.__name__: c for n in dir(space) if isinstance(c := getattr(space, n), type)}
    bases = tuple(c for n, c in found.items() if n in BASES)
    return {n: c for n, c in found.items() if issubclass(c, bases) and n not in BASES}


CASES = [(kind, name) for kind in SEE for name in sorted(classes(kind))]


def observe(kind, make, row, argument):
    ckeras.utils.set_random_seed(1)
    thing = make()
    return thing, [getattr(thing, "name", None) == "mine", *SEE[kind](thing, row, argument)]


def fault(kind, name, argument, row):
    cls, base = classes(kind)[name], {**BASE[kind].get(name, {}), **row.base}

    def seen(**more):
        return observe(kind, lambda: cls(**{k: made(v) for k, v in {**base, **more}.items()}), row, argument)

    if row.raises:
        with pytest.raises(ValueError, match=row.raises):
            seen(**{argument: row.value})
        return None
    try:
        before = seen()[1]
    except ValueError:
        if row.x is None:  # else the inputs are for the argument alone
            raise
        before = []
    thing, got = seen(**{argument: row.value})
    if same(got, before) != ((name, argument) in KERAS_IGNORES):
        return "shows nowhere"
    if name.endswith("Wrapper") or (kind, argument) == ("losses", "dtype"):
        return None  # Keras keeps in these configs no more
    _, found = observe(kind, lambda: cls.from_config(thing.get_config()), row, argument)
    return None if same(found, got) else "the config makes another one"


def test_classes_are_found():
    assert len(CASES) > 100


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_every_argument_shows(kind, name):
    cls, wrong = classes(kind)[name], []
    parameters = [
        n
        for n, p in inspect.signature(cls.__init__).parameters.items()
        if n != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    for argument in parameters:
        value = OWN[kind].get(name, {}).get(argument, SHARED[kind].get(argument, EMPTY))
        if argument == "name":
            value = "mine"
        elif value is EMPTY:
            value = BASE[kind].get(name, {}).get(argument, EMPTY)
        if value is EMPTY:
            wrong.append(f"{argument}: no row in tests/class_arguments.py")
            continue
        row = value if isinstance(value, Row) else Row(value)
        try:
            problem = fault(kind, name, argument, row)
        except Exception as error:
            problem = f"{type(error).__name__} {str(error)[:160]}"
        if problem:
            wrong.append(f"{argument}={row.value!r}: {problem}"[:300])
    assert not wrong, "\n" + "\n".join(wrong)
