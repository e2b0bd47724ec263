"""Nonsense in every argument of every public function: a result or a Python exception that was meant, never a crash."""

import inspect
import random
import warnings
import zlib

import numpy as np
import pytest

from ckeras import activations, kernels, ops
from ckeras import random as drawn

CALLS = 20  # of each function
# Functions that call a function: what that raises is not theirs. `while_loop` may never end.
NOT_HERE = {"while_loop", "fori_loop", "get_item"}
MEANT = (ValueError, TypeError, IndexError, NotImplementedError, OverflowError, MemoryError, np.linalg.LinAlgError)
DTYPES = ["float32", "float32", "float64", "float16", "int32", "int64", "uint8", "bool"]
ODD = [
    None,
    True,
    0,
    1,
    -1,
    2,
    3,
    -7,
    2**62,
    -(2**63),
    1.5,
    np.nan,
    np.inf,
    "same",
    "valid",
    "foo",
    "",
    (),
    (1, 2),
    [1, -1],
]
ODD += [(2**62, 2), (0,), {}, "float32", "nearest", "reflect", "channels_first", ((1, 1), (0, 0)), object()]
AXES = [None, 0, 1, -1, 2, (0, 1), (), -5, 2**62, "x"]


def public():
    """Every function of `ops`, `random`, `activations` and `kernels` by its name."""
    found = {}
    for module in (ops, ops.image, ops.nn, ops.linalg, drawn, activations, kernels):
        names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
        for name in names:
            f = getattr(module, name)
            if inspect.isfunction(f) and getattr(ops, name, f) is f and name not in NOT_HERE:
                found[f"{module.__name__}.{name}"] = f
    return found


FUNCTIONS = public()


def array(rng, values):
    shape = tuple(rng.choice([0, 1, 2, 3, 5, 8]) for _ in range(rng.choice([0, 1, 2, 2, 3, 4, 4, 5])))
    with np.errstate(all="ignore"):
        a = (values.normal(size=shape) * rng.choice([1, 3, 100, np.nan, np.inf])).astype(rng.choice(DTYPES))
    return a[::-1] if shape and rng.random() < 0.2 else a


def value(name, rng, values):
    if name in ("axis", "axes"):
        return rng.choice(AXES)
    chance = rng.random()
    if chance < 0.5:
        return array(rng, values)
    return [array(rng, values) for _ in range(rng.choice([0, 1, 2, 3]))] if chance < 0.6 else rng.choice(ODD)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_junk_never_crashes(name):
    seed = zlib.crc32(name.encode())
    rng, values = random.Random(seed), np.random.default_rng(seed)
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    for _ in range(CALLS):
        args, options = [], {}
        for p in parameters:
            if p.kind == p.VAR_POSITIONAL:
                args += [value(p.name, rng, values) for _ in range(2)]
            elif p.kind == p.VAR_KEYWORD:
                continue
            elif p.default is p.empty and p.kind != p.KEYWORD_ONLY:
                args.append(value(p.name, rng, values))
            elif p.default is p.empty or rng.random() < 0.3:
                options[p.name] = value(p.name, rng, values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                FUNCTIONS[name](*args, **options)
            except MEANT:
                pass
            except Exception as e:
                pytest.fail(f"{name}(*{args!r}, **{options!r}) raised {type(e).__name__}: {e}")
