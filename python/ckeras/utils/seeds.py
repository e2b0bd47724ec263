"""One call that seeds everything random."""

import random

import numpy as np

from ckeras._core import scope


def set_random_seed(seed):
    """Seeds Python's `random`, NumPy and ckeras: the same program then gives the same bits.

    Raises `ValueError` unless `seed` is an integer in [0, 2**32).

    >>> ckeras.utils.set_random_seed(7)
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"[set_random_seed] seed must be an integer in [0, 2**32), got {seed!r}")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    set_seed(seed)


def set_seed(seed):
    """Restarts ckeras's own stream of seeds."""
    scope.set_global("global_random_seed", seed)
    scope.set_global("global_seed_generator", None)
