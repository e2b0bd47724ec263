"""`ckeras.function`: a Python function traced once per signature and then run by the engine."""

import functools

from ckeras._core import nest
from ckeras._core.program import compile
from ckeras._core.scope import state
from ckeras._core.symbolic import any_symbolic
from ckeras._core.tensor import Tensor, TensorBase, convert
from ckeras._core.variable import Variable


def function(fn=None, **unsupported):
    """A function that is traced into a program once per signature and runs without Python from then on.

    The signature: shapes and dtypes of the tensors and NumPy arrays in the arguments (also nested in tuples, lists,
    dicts) and the values of everything else, which must then be hashable. Variables are read and assigned when it runs.
    Under a `GradientTape`, in a `StatelessScope` or in another trace it runs as plain Python, with the same numbers.
    Code that needs a concrete value raises `ConcreteValueError` while it is traced.

    >>> @ckeras.function
    ... def f(x, y):
    ...     return x @ y + 1.0
    """
    if unsupported:
        raise TypeError(
            f"[function] unexpected arguments {sorted(unsupported)}; ckeras.function takes the function alone"
        )
    if fn is None:
        return function
    return TracedFunction(fn)


class TracedFunction:
    """What `function` gives; `programs` holds the program of every signature seen."""

    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self._fn = fn
        self.programs = {}

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        bound = TracedFunction(functools.partial(self._fn, instance))
        setattr(instance, self._fn.__name__, bound)  # one cache an instance
        return bound

    def __call__(self, *args, **kwargs):
        if state.tapes or state.trace is not None or state.overlay is not None or any_symbolic((args, kwargs)):
            return self._fn(*args, **kwargs)
        key, tensors, where, leaves = self._signature(args, kwargs)
        program = self.programs.get(key)
        if program is None:
            program = self.programs[key] = self._compile(args, kwargs, leaves, where, tensors)
        return program.run(tensors)

    def program(self, *args, **kwargs):
        """The program that a call with these arguments runs, as `print` shows it."""
        key, tensors, where, leaves = self._signature(args, kwargs)
        if key not in self.programs:
            self.programs[key] = self._compile(args, kwargs, leaves, where, tensors)
        return self.programs[key]

    def _signature(self, args, kwargs):
        """(hashable key, input tensors, their places among the leaves, all leaves)."""
        structure = (args, kwargs)
        leaves = nest.leaves(structure)
        tensors, where, key = [], [], [nest.skeleton(structure)]
        for i, x in enumerate(leaves):
            if x.__class__ is not Tensor:
                if isinstance(x, Variable) or not (isinstance(x, TensorBase) or hasattr(x, "__array__")):
                    key.append((x.__class__, id(x) if isinstance(x, Variable) else x))
                    continue
                x = convert(x)
            where.append(i)
            tensors.append(x)
            key.append((x.shape, x.dtype))
        return tuple(key), tensors, where, leaves

    def _compile(self, args, kwargs, leaves, where, tensors):
        def flat(*values):
            full = list(leaves)
            for i, v in zip(where, values):
                full[i] = v
            call_args, call_kwargs = nest.pack((args, kwargs), full)
            return self._fn(*call_args, **call_kwargs)

        return compile(flat, *[(t.shape, t.dtype) for t in tensors])
