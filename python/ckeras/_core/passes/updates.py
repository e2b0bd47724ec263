"""The optimizer reads gradients of halves as they are: the cast to its variable's float32 goes."""

from ckeras._core.dtypes import HALVES
from ckeras._core.passes.simplify import count_uses


def absorb_casts(equations, results):
    """The equations without the casts to float32 that only an update's gradients read."""
    uses = count_uses(equations, results)
    casts = {id(eq.outputs[0]): eq for eq in equations if eq.primitive.name == "cast"}
    absorbed = set()
    for eq in equations:
        if eq.primitive.gradients is None:
            continue
        inputs = list(eq.inputs)
        for i in eq.primitive.gradients(eq):
            cast = casts.get(id(inputs[i]))
            if cast and uses[id(inputs[i])] == 1 and inputs[i].dtype == "float32" and cast.inputs[0].dtype in HALVES:
                absorbed.add(id(cast))
                inputs[i] = cast.inputs[0]
        eq.inputs = tuple(inputs)
    return [eq for eq in equations if id(eq) not in absorbed]
