"""Seeds: where random numbers start from."""

import random as _random

import numpy as np

from ckeras import _engine
from ckeras._core import dtypes, scope
from ckeras._core.errors import ArgumentError
from ckeras._core.tensor import TensorBase, convert, from_numpy
from ckeras._core.variable import Variable

_GLOBAL = "global_seed_generator"
_GLOBAL_SEED = "global_random_seed"


def make_default_seed():
    """A seed from Python's `random`, which `utils.set_random_seed` seeds."""
    return _random.randint(1, 10**9)


def _row(seed, counter=0):
    return from_numpy(np.array([int(seed) % 2**32, counter], "uint32"), copy=False)


class SeedGenerator:
    """A stream of seeds: `state` is a variable uint32[2], the seed and a counter that `next` moves on.

    `seed` is an integer that is not negative, or `None` for a random one. Inside a traced function the state moves
    with every run. Raises `ArgumentError` for another seed.

    >>> generator = ckeras.random.SeedGenerator(7)
    >>> generator.next().numpy()
    array([7, 0], dtype=uint32)
    """

    def __init__(self, seed=None, name=None, **kwargs):
        if kwargs:
            raise TypeError(f"[SeedGenerator] unexpected arguments {sorted(kwargs)}")
        if seed is None:
            seed = make_default_seed()
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ArgumentError(f"[SeedGenerator] seed must be an integer that is not negative, got {seed!r}")
        self.name = name or scope.auto_name("seed_generator")
        self._initial_seed = int(seed)
        with scope.name_scope(self.name):
            self.state = Variable(_row(seed), trainable=False, name="seed_generator_state")

    def next(self, ordered=True):
        """The current state as a seed, after which the counter moves on by one."""
        seed = self.state.value
        self.state.assign(seed + _row(0, 1))
        return seed

    def get_config(self):
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def global_seed_generator():
    """The generator that serves functions called without a seed."""
    generator = scope.get_global(_GLOBAL)
    if generator is None:
        with scope.concrete():
            generator = SeedGenerator(scope.get_global(_GLOBAL_SEED), name="global_seed_generator")
        scope.set_global(_GLOBAL, generator)
    return generator


def set_global_seed(seed):
    """Makes the global generator start over from `seed`."""
    generator = scope.get_global(_GLOBAL)
    scope.set_global(_GLOBAL_SEED, int(seed))
    if generator is not None:
        generator.state.assign(_row(seed))


class Shuffler:
    """Orders of samples, from the global generator's next seed."""

    def __init__(self):
        seed = global_seed_generator().next().numpy()
        self._engine = _engine.Shuffler(int(seed[0]), int(seed[1]))

    def permutation(self, n):
        """The next order of `n` samples, int64, read-only."""
        return self._engine.permutation(n).numpy()


def draw_seed(seed):
    """The seed of one random operation, a tensor uint32[2].

    `seed`: a `SeedGenerator` (moves on), `None` (the global one), an integer (the same every time), or two integers.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return _row(seed)
    if isinstance(seed, (TensorBase, np.ndarray, tuple, list)):
        seed = convert(seed)
        if seed.shape == (2,) and seed.dtype in dtypes.INTS:
            return convert(seed, "uint32")
    raise ArgumentError(f"[random] seed must be an integer, None, or a SeedGenerator, got {seed!r}")
