"""The functions of steps that Keras programs with loops of their own ask a model for."""

import functools

from ckeras import ops
from ckeras._core import nest
from ckeras._core.tensor import convert
from ckeras.utils.batches import unpack_x_y_sample_weight


class StepFunctions:
    """Base of `Trainer`: `train_function`, `test_function` and `predict_function` of an iterator of batches.

    `fit`, `evaluate` and `predict` do not call them; a class that makes its own gets `NotImplementedError` there, and
    overrides `train_step`, `test_step` or `predict_step` instead.
    """

    train_function = None
    test_function = None
    predict_function = None

    def make_train_function(self, force=False):
        """Sets `train_function`: takes `steps_per_execution` batches of an iterator, gives the logs of the last update.

        `force` makes a new one where there is one. Raises `ValueError` for a model that is not compiled.
        """
        self._assert_compiled("make_train_function")
        self._make_function("train", force)

    def make_test_function(self, force=False):
        """Sets `test_function`, as `make_train_function` without updates."""
        self._assert_compiled("make_test_function")
        self._make_function("test", force)

    def make_predict_function(self, force=False):
        """Sets `predict_function`: the outputs for `steps_per_execution` batches of an iterator, joined."""
        self._make_function("predict", force)

    def _make_function(self, kind, force):
        name = f"{kind}_function"
        if force or getattr(self, name) is None:
            setattr(self, name, functools.partial(self._run_function, kind))

    def _run_function(self, kind, iterator):
        found = []
        for batch in _some(iterator, self.steps_per_execution):
            batch = nest.map_leaves(convert, unpack_x_y_sample_weight(batch))
            if kind == "predict":
                batch = (batch[0], None, None)
            found.append(self._runner(kind, batch).run(nest.leaves(batch)))
        if kind != "predict" or len(found) == 1:
            return found[-1]
        columns = zip(*map(nest.leaves, found), strict=True)
        return nest.pack(found[0], [ops.concatenate(list(column)) for column in columns])

    def _check_functions(self, kind):
        """Refuses a class whose own step function would not be called."""
        name = f"make_{kind}_function"
        if getattr(type(self), name) is not getattr(StepFunctions, name):
            raise NotImplementedError(
                f"[{type(self).__name__}] an own {name} is not called here; override {kind}_step, or run your own loop"
            )


def _some(iterator, n):
    """Up to `n` items. `StopIteration` when there is none."""
    items = [next(iterator)]
    for _ in range(n - 1):
        item = next(iterator, None)
        if item is None:
            break
        items.append(item)
    return items
