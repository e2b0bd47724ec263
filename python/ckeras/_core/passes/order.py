"""The order of equations that lets loops grow: what reads a sum waits, since a loop whose sum was read is closed."""

import math

from ckeras._core.primitive import FOLDS

SMALL = 4096  # elements: what waits must not hold much memory


def read_sums_late(equations):
    """Small elementwise equations that read reductions, or each other, stand right before their first reader.

    Not those that read a single number: after a loss other sums follow, which could not share its loop.
    """
    reduced, waiting, ordered = set(), {}, []

    def release(eq):
        for x in eq.inputs:
            maker = waiting.pop(id(x), None)
            if maker is not None:
                release(maker)
        ordered.append(eq)

    for eq in equations:
        y = eq.outputs[0]
        if _waits(eq, y, reduced, waiting):
            waiting[id(y)] = eq
            continue
        if eq.primitive.name in FOLDS and math.prod(y.shape) > 1:
            reduced.add(id(y))
        release(eq)
    while waiting:
        release(waiting.pop(next(iter(waiting))))
    return ordered


def _waits(eq, y, reduced, waiting):
    if not eq.primitive.elementwise and not eq.primitive.alias:
        return False
    return math.prod(y.shape) <= SMALL and any(id(x) in reduced or id(x) in waiting for x in eq.inputs)
