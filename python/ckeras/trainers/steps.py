"""Steps of training, evaluation and prediction as programs: traced once per batch signature, run by the engine."""

import threading
import warnings

import numpy as np

from ckeras._core import nest
from ckeras._core.errors import ConcreteValueError, DataError, TraceError
from ckeras._core.program import compile
from ckeras._core.scope import state
from ckeras._core.tensor import convert

SLICE_SECONDS = 0.05  # the longest the engine runs before Python looks at signals and the progress bar
MAX_PROGRAMS = 64  # signatures kept per kind of step and structure; the oldest goes first

_tracing = threading.RLock()  # a trace may build layers: one at a time


class Runner:
    """Runs one kind of step of a model on batches of one structure.

    `step(x, y, sample_weight)` is Python code; every new batch signature is traced into a program. Where tracing needs
    a concrete value, the runner warns once and runs the Python code from then on.
    """

    def __init__(self, step, structure, eager, losses=""):
        self._step = step
        self._structure = nest.map_leaves(lambda _: 0, structure)
        self._programs = {}
        self._losses = losses
        self.eager = eager

    def _call(self, *leaves):
        return self._step(*nest.pack(self._structure, leaves))

    def program(self, avals):
        """The program for these `(shape, dtype)`s, or `None` when the steps run as Python code."""
        if state.overlay is not None:  # programs work on the variables' own values
            return None
        found = self._programs.get(avals)
        if found is not None or self.eager:
            return found
        with _tracing:
            found = self._programs.get(avals)
            if found is not None:
                return found
            try:
                found = compile(self._call, *avals)
            except (ConcreteValueError, TraceError) as e:
                self.eager = True
                warnings.warn(
                    f"The step needs a concrete value and cannot be traced, so it runs as Python code, slower: {e}",
                    RuntimeWarning,
                    stacklevel=4,
                )
                return None
            while len(self._programs) >= MAX_PROGRAMS:
                self._programs.pop(next(iter(self._programs)))
            self._programs[avals] = found
            return found

    def run(self, leaves):
        """The step's result on one batch."""
        try:
            program = self.program(tuple([(t.shape, t.dtype) for t in leaves]))
            if program is None:
                return nest.map_leaves(convert, self._call(*leaves))
            return program.run(leaves)
        except DataError as e:
            raise self._explained(e) from None

    def run_steps(self, data, order, batch, first, steps, seconds=SLICE_SECONDS):
        """`(steps done, last result)` on batches `first...` of the rows of `data` in this order."""
        avals = tuple([((batch, *t.shape[1:]), t.dtype) for t in data])
        try:
            program = self.program(avals)
            if program is not None:
                return program.run_steps(data, order, batch, first, steps, seconds)
        except DataError as e:
            raise self._explained(e) from None
        rows = order[first * batch : (first + 1) * batch]
        return 1, self.run([convert(np.take(t.numpy(), rows, axis=0)) for t in data])

    def _explained(self, error):
        return DataError(f"{error}{self._losses}")
