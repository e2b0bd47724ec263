"""Checks of the arguments of `compile`, `fit`, `evaluate` and `predict`: each returns the plain value or raises."""

import warnings

import numpy as np

from ckeras.config import settings
from ckeras.trainers.batch_data import BatchData, make
from ckeras.trainers.data import is_array_like
from ckeras.utils.batches import unpack_x_y_sample_weight


def check_compile(steps_per_execution, jit_compile, run_eagerly, auto_scale_loss):
    """Raises `ValueError` for flags of the wrong kind; warns of two that exclude each other."""
    if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
        raise ValueError(f"[compile] steps_per_execution must be a positive integer, got {steps_per_execution!r}")
    if jit_compile not in (True, False, "auto", None):
        raise ValueError(f"[compile] jit_compile must be True, False or 'auto', got {jit_compile!r}")
    for name, value in (("run_eagerly", run_eagerly), ("auto_scale_loss", auto_scale_loss)):
        if not isinstance(value, bool):
            raise ValueError(f"[compile] {name} must be True or False, got {value!r}")
    if run_eagerly and jit_compile is True:
        warnings.warn("[compile] run_eagerly=True: jit_compile=True is not followed", stacklevel=4)


def check_endless(method, what, data, steps, epochs=1):
    """Raises `ValueError` for data that never ends, or that cannot start over for a second epoch, without `steps`."""
    if not isinstance(data, BatchData) or steps is not None:
        return
    if data.infinite:
        raise ValueError(
            f"[{method}] the {type(data.source).__name__} never ends (its number of batches is None): pass {what}=..."
        )
    if data.single and data.steps is None and epochs > 1:
        raise ValueError(
            f"[{method}] x is a generator, which gives its batches once: pass {what}=... for {epochs} epochs, or an "
            "iterable that can be started again"
        )


def validation_data(given, batch_size):
    """The data of `fit(validation_data=...)`."""
    if isinstance(given, (tuple, list)) and 1 <= len(given) <= 3:
        x, y, sw = unpack_x_y_sample_weight(tuple(given))
        return make(x, y, sw, batch_size)
    if is_array_like(given) or isinstance(given, dict):
        return make(given, None, None, batch_size)
    if isinstance(given, (tuple, list)):
        raise ValueError(
            f"[fit] validation_data must be (x,), (x, y) or (x, y, sample_weight), got a "
            f"{type(given).__name__} of {len(given)}"
        )
    return make(given)


def epochs(name, value):
    """A number of epochs: 0 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"[fit] {name} must be an integer of at least 0, got {value!r}")
    return int(value)


def steps(name, value):
    """A number of steps: positive, or `None`."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
        raise ValueError(f"[{name}] expected a positive integer or None, got {value!r}")
    return None if value is None else int(value)


def cap(steps):
    """`steps`, at most what `config.set_max_steps_per_epoch` allows."""
    most = settings.max_steps_per_epoch()
    return steps if most is None else min(steps or most, most)


def verbose(value):
    """0, 1 or 2."""
    if isinstance(value, str) and value == "auto":
        return 1
    if isinstance(value, (int, np.integer)) and value in (0, 1, 2):
        return int(value)
    raise ValueError(f"[verbose] expected 'auto', 0, 1 or 2, got {value!r}")


def validation_epochs(freq):
    """A predicate of epochs (from 0) that end with validation."""
    if isinstance(freq, int) and not isinstance(freq, bool) and freq >= 1:
        return lambda epoch: (epoch + 1) % freq == 0
    if isinstance(freq, (list, tuple, set)):
        chosen = set(freq)
        return lambda epoch: epoch + 1 in chosen
    raise ValueError(f"[fit] validation_freq must be a positive integer or a list of epochs, got {freq!r}")
