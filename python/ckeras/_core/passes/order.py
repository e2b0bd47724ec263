"""The order of equations that lets loops grow: what reads a sum waits, since a loop whose sum was read is closed."""

import math

from ckeras._core.primitive import FOLDS
from ckeras._core.trace import nbytes

SMALL = 4096  # elements: what waits must not hold much memory
_PRODUCTS = ("matmul", "conv", "conv_grad_input", "conv_grad_filter")


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


def sum_behind_products(equations):
    """Lone reductions stand behind the product that reads the same array next.

    A product fetches an array that no cache holds while it multiplies; a reduction would wait for it. What was made
    right before, alone, is still in a cache.
    """
    roots = {}
    for eq in equations:
        if eq.primitive.alias:
            roots[id(eq.outputs[0])] = roots.get(id(eq.inputs[0]), id(eq.inputs[0]))
    readers = {}  # of an array: numbers of the equations
    for i, eq in enumerate(equations):
        if not eq.primitive.alias:
            for x in {roots.get(id(x), id(x)) for x in eq.inputs}:
                readers.setdefault(x, []).append(i)
    behind, last = {}, None
    for i, eq in enumerate(equations):
        if eq.primitive.name in FOLDS:
            x = roots.get(id(eq.inputs[0]), id(eq.inputs[0]))
            product = next((j for j in readers[x] if j > i), None)
            late = product is None or any(j <= product for j in readers.get(id(eq.outputs[0]), ()))
            if not late and not _only_made(last, x) and _multiplies(equations[product], x, roots):
                behind.setdefault(product, []).append(eq)
        elif not eq.primitive.alias:
            last = eq
    moved = {id(eq) for eqs in behind.values() for eq in eqs}
    ordered = []
    for i, eq in enumerate(equations):
        ordered += [] if id(eq) in moved else [eq]
        ordered += behind.get(i, [])
    return ordered


def _only_made(eq, root):
    """Whether the equation made this array, and nothing else as large."""
    sizes = [nbytes(y) for y in eq.outputs if id(y) != root] if eq else []
    made = next((nbytes(y) for y in eq.outputs if id(y) == root), 0) if eq else 0
    return made > max(sizes, default=0)


def _multiplies(eq, root, roots):
    """Whether it is a product of this array, which it then cannot overwrite."""
    return eq.primitive.name in _PRODUCTS and root in [roots.get(id(y), id(y)) for y in eq.inputs[:2]]
