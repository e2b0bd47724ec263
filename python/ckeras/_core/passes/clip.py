"""Of a clipped value only the result is kept: masks of the value clipped on one side are asked of it."""

import operator

from ckeras._core.tensor import Tensor

# The comparison of the mask, and whether two bounds, the inner first, leave room between them.
_MASK = {"maximum": "greater", "minimum": "less"}
_APART = {("maximum", "minimum"): operator.lt, ("minimum", "maximum"): operator.gt}


def _number(x):
    return x.item() if x.__class__ is Tensor and x.shape == () else None


def read_clipped(equations):
    """Reads `minimum(y, b) > a` for `y > a`, where `y = maximum(x, a)` and a < b; and the like from above.

    Both are the same for every y: NaN stays NaN, and is not greater.
    """
    one_sided, clipped = {}, {}  # by id of a value: (its equation, bound); (the value clipped on both sides, bound)
    for eq in equations:
        name = eq.primitive.name
        found = clipped.get((name, id(eq.inputs[0]))) if eq.inputs else None
        if found is not None and _number(eq.inputs[1]) == found[1]:
            eq.inputs = (found[0], eq.inputs[1])
        bound = _number(eq.inputs[1]) if name in _MASK else None
        if bound is None:
            continue
        inner = one_sided.get(id(eq.inputs[0]))
        if inner is not None and (inner[0], name) in _APART and _APART[inner[0], name](inner[1], bound):
            clipped[_MASK[inner[0]], id(eq.inputs[0])] = eq.outputs[0], inner[1]
        one_sided[id(eq.outputs[0])] = name, bound
    return equations
