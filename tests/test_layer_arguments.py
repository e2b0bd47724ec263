"""Every argument of every layer shows in what the layer does, and survives its config."""

import inspect
import os
import sys

import numpy as np
import pytest

import ckeras

sys.path.insert(0, os.path.dirname(__file__))
from layer_arguments import AROUND, BASE, DATA, HINTS, NOT_KEPT, OWN, SHARED, Row
from layer_table import ROWS
from test_all_layers import CELLS, CLASSES, SPREAD, made, mapped

COMMON = ("name", "trainable", "dtype", "activity_regularizer", "autocast")
NAMES = sorted(n for n in {**ROWS, **DATA} if n in CLASSES and (n in DATA or ROWS[n][1] is not None))
# Layers whose inputs the call itself casts; others cast what they get, whoever asks.
ONLY_FLOATS = {
    "Activation",
    "Add",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "LayerNormalization",
    "MaxPooling2D",
    "ReLU",
}
EMPTY = inspect.Parameter.empty


def arguments(name):
    """The arguments of a signature, and those that `**kwargs` hands on to Layer."""
    parameters = inspect.signature(CLASSES[name].__init__).parameters
    names = [n for n, p in parameters.items() if n != "self" and p.kind is not p.VAR_KEYWORD]
    rest = any(p.kind is p.VAR_KEYWORD for p in parameters.values()) and name not in DATA
    return names + [n for n in COMMON if rest and n not in names]


def base_of(name):
    return BASE.get(name, DATA[name][0] if name in DATA else ROWS[name][0])


def row_of(name, argument):
    value = OWN.get(name, {}).get(argument, SHARED.get(argument, EMPTY))
    return value if value is EMPTY or value is None or isinstance(value, Row) else Row(value)


def pixels(name):
    return "value_range" in inspect.signature(CLASSES[name].__init__).parameters or name.startswith(
        ("Random", "CutMix")
    )


def inputs(name, x, dtype):
    if x is None and name in DATA:
        return DATA[name][1]
    if isinstance(x, np.ndarray):
        return x
    rng = np.random.default_rng(4)

    def numbers(kind, s):
        if "int" in kind:
            return rng.integers(0, 4, (4, *s)).astype(kind)
        x = rng.uniform(0, 255, (4, *s)) if pixels(name) else rng.normal(size=(4, *s))
        return x.astype(dtype)

    return ckeras.tree.map_structure(ckeras.ops.convert_to_tensor, mapped(numbers, x or ROWS[name][1]))


def observe(name, make, row, dtype="float32"):
    """What can be seen of a layer: values, masks, losses, gradients, weights before and after a step, names."""
    ckeras.utils.set_random_seed(1)
    layer = make()
    x = inputs(name, row.x, dtype)
    if name in CELLS:  # the states as the cell wants them
        states = layer.get_initial_state(batch_size=4)
        x = [
            x[0],
            ckeras.tree.map_structure(lambda s: s + ckeras.ops.linspace(-0.5, 0.9, s.shape[-1], dtype=s.dtype), states),
        ]
    if row.adapt is not None:
        layer.adapt(x if row.adapt is True else row.adapt)

    def call(training):
        extra = {"training": training} if layer._call_has_training_arg else {}
        return layer(*x, **extra, **row.call) if name in CELLS | SPREAD else layer(x, **extra, **row.call)

    call(False)
    seen = [layer.name == "mine", layer.trainable, layer.compute_dtype if name in AROUND else None]
    seen += [(w.path.split("/")[-1], w.shape, str(w.dtype), w.trainable) for w in layer.weights]
    seen += [np.asarray(w) for w in layer.weights]
    if name not in DATA:
        seen.append(layer.compute_mask(x, None) if "mask" not in row.call else None)
    for training in (False, True):
        with ckeras.GradientTape() as tape:
            out = call(training)
            flat = [o for o in ckeras.tree.flatten(out) if "float" in str(o.dtype) and hasattr(o, "numpy")]
            total = sum((ckeras.ops.sum(ckeras.ops.cast(ckeras.ops.sin(o) * o, "float32")) for o in flat), 0.0)
            total = total + sum(layer.losses, 0.0)
        seen += [(str(o.dtype), np.asarray(o)) for o in ckeras.tree.flatten(out)]
        seen.append([float(v) for v in layer.losses])
        if layer.trainable_weights and flat:
            grads = tape.gradient(total, layer.trainable_weights)
            used = [(g, w) for g, w in zip(grads, layer.trainable_weights, strict=True) if g is not None]
            seen += [g.numpy() for g, _ in used]
            if used:
                ckeras.optimizers.SGD(0.1).apply(*map(list, zip(*used, strict=True)))
            seen += [np.asarray(w) for w in layer.weights]
    return layer, ckeras.tree.flatten([s if s is not None else "None" for s in seen])


def same(a, b, exactly=True):
    def equal(p, q):
        if isinstance(p, (str, bool, int)) or isinstance(q, (str, bool, int)):
            return p == q
        p, q = np.asarray(p), np.asarray(q)
        if p.shape != q.shape or p.dtype != q.dtype:
            return False
        return (
            np.allclose(p, q, rtol=1e-4, atol=1e-4)
            if not exactly
            else np.array_equal(p, q, equal_nan=p.dtype.kind == "f")
        )

    return len(a) == len(b) and all(map(equal, a, b))


def fault(name, argument, row, bases):
    """What is wrong with an argument, in words."""
    cls, base = CLASSES[name], {**base_of(name), **row.base}
    dtype = "float64" if argument == "autocast" else "float32"

    def seen(**more):
        return observe(name, lambda: cls(**{k: made(v) for k, v in {**base, **more}.items()}), row, dtype)

    if row.raises:
        with pytest.raises((ValueError, TypeError, NotImplementedError), match=row.raises):
            seen(**{argument: row.value})
        return None
    key = repr((sorted(base.items(), key=str), row.x, row.call, row.adapt is None, dtype))
    if key not in bases:
        bases[key] = seen()[1]
    layer, got = seen(**{argument: row.value})
    if argument in HINTS:
        return None if same(got, bases[key], exactly=False) else "a hint changes values"
    if same(got, bases[key]):
        return "shows nowhere"
    if {(name, argument), (None, argument)} & NOT_KEPT:
        return None
    config = layer.get_config()
    again, _ = observe(name, lambda: cls.from_config(config), row, dtype)
    if again.get_config() != config and name not in DATA:
        return "the config of the layer made of the config is another one"
    again.built and again.set_weights(layer.get_weights())
    fresh = seen(**{argument: row.value})[1]
    # Wrappers copy the layers they are given, which draws seeds: other initial weights.
    if name not in AROUND and not same(observe(name, lambda: cls.from_config(config), row, dtype)[1], fresh):
        return "the config makes another layer"
    return None


def test_no_layer_is_left_out():
    others = {"FlaxLayer", "InputLayer", "JaxLayer", "Layer", "TFSMLayer", "TorchModuleWrapper", "Wrapper"}
    assert {getattr(c, "published_as", None) or c.__name__ for c in CLASSES.values()} - set(NAMES) == others


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_shows(name):
    wrong, bases = [], {}
    for argument in arguments(name):
        row = row_of(name, argument)
        if row is None or (argument == "autocast" and name not in ONLY_FLOATS):
            continue
        if row is EMPTY:
            wrong.append(f"{argument}: no row in tests/layer_arguments.py")
            continue
        try:
            problem = fault(name, argument, row, bases)
        except (Exception, pytest.fail.Exception) as error:
            problem = f"{type(error).__name__} {str(error)[:160]}"
        if problem:
            wrong.append(f"{argument}={row.value!r}: {problem}"[:300])
    assert not wrong, "\n" + "\n".join(wrong)
