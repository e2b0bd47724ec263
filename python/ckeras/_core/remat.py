"""Rematerialization: what a function computes inside is computed again on the way back, not kept."""

import functools
import math

from ckeras._core import hooks, nest
from ckeras._core import program as _program  # noqa: F401  compiles control flow over concrete tensors
from ckeras._core.control import Closure, choose
from ckeras._core.errors import ArgumentError
from ckeras._core.scope import state
from ckeras._core.symbolic import KerasTensor, any_symbolic
from ckeras._core.tensor import TensorBase, convert

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


def remat(f):
    """`f`, a function or layer, whose values inside are not kept for the gradient but computed again.

    It takes the memory of its inputs and results alone, and the time of one more forward run. Outside a
    `GradientTape` it is `f`. The arguments may be nested; variables may be read and assigned inside.

    >>> block = ckeras.remat(lambda x: ckeras.ops.tanh(ckeras.ops.exp(x)))
    """
    if not callable(f):
        raise TypeError(f"[remat] expected a function or layer, got {f!r}")

    @functools.wraps(f, updated=())
    def wrapper(*args, **kwargs):
        if not state.tapes or any_symbolic((args, kwargs)):
            return f(*args, **kwargs)
        arrays = [x for x in nest.leaves((args, kwargs)) if isinstance(x, TensorBase) or hasattr(x, "__array__")]
        values = {id(x): convert(x) for x in arrays}
        operands = list({id(v): v for v in values.values()}.values())

        def run(*inputs):
            now = {id(v): i for v, i in zip(operands, inputs, strict=True)}

            def replaced(x):
                return now[id(values[id(x)])] if id(x) in values else x

            return f(*nest.map_leaves(replaced, args), **nest.map_leaves(replaced, kwargs))

        closure = Closure(run, [(v.shape, v.dtype) for v in operands])
        return nest.pack(closure.result, choose(convert(0), [closure], operands))

    return wrapper


class RematScope:
    """Layers made inside compute some of their values again on the way back instead of keeping them (`remat`).

    `mode`: "full" for every layer, "activations" for their activation functions alone, "larger_than" for layers whose
    output has more elements than `output_size_threshold`, "list_of_layers" for those named in `layer_names`, `None`
    for none. The innermost scope counts. Raises `ArgumentError` for another mode.

    >>> with ckeras.RematScope("full"):
    ...     layer = ckeras.layers.Dense(8)
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in _MODES:
            raise ArgumentError(f"[RematScope] mode must be one of {_MODES}, got {mode!r}")
        if isinstance(output_size_threshold, bool) or not isinstance(output_size_threshold, int):
            raise ArgumentError(f"[RematScope] output_size_threshold must be an int, got {output_size_threshold!r}")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])
        self._outer = []

    def __enter__(self):
        self._outer.append(state.remat)
        state.remat = self
        return self

    def __exit__(self, *exc):
        state.remat = self._outer.pop()

    def covers(self, layer, args, kwargs):
        """Whether the whole of this call of a built layer is computed again."""
        if self.mode == "larger_than":
            args, kwargs = nest.map_leaves(_symbolic, args), nest.map_leaves(_symbolic, kwargs)
            sizes = [math.prod(y.shape) for y in nest.leaves(layer.compute_output_spec(*args, **kwargs))]
            return max(sizes, default=0) > self.output_size_threshold
        return self.mode == "full" or (self.mode == "list_of_layers" and layer.name in self.layer_names)


def _symbolic(x):
    return KerasTensor(x.shape, x.dtype, name="remat") if isinstance(x, TensorBase) else x


hooks.remat = remat
