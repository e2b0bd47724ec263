"""Optimizers' updates: of gradients of halves without a cast, and of large gradients as soon as they are there."""

from ckeras._core.dtypes import HALVES, INTS
from ckeras._core.passes.simplify import count_uses
from ckeras._core.trace import Equation, nbytes

PART = 1 << 22  # bytes of gradients that are worth an update of their own
_FEW = 64  # equations at most that stand first, since all updates read what they make
# Kernels that refuse some integers: a run that fails must not have updated a part of the variables.
CHECKED = frozenset(
    (
        "bincount",
        "ctc_loss",
        "gather",
        "gather_grad",
        "resample",
        "scatter",
        "softmax_cross_entropy",
        "softmax_cross_entropy_grad",
    )
)


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


def update_early(equations):
    """The equations with updates of many variables in parts, each behind the last equation that it waits for.

    Large gradients then live shortly, and are read from a cache. No variable's new value changes.
    """
    for eq in equations:
        if eq.primitive.gradients is not None:
            equations = _in_parts(equations, eq)
    return equations


def _in_parts(equations, update):
    numbers = update.primitive.gradients(update)
    first, group = numbers.start - 1, numbers.step  # inputs that all variables share, and inputs of each
    if len(numbers) == 1 or sum(nbytes(update.inputs[i]) for i in numbers) < 2 * PART:
        return equations
    shared = update.inputs[:first]
    refusal = _last_refusal(equations)
    equations = equations[: refusal + 1] + _makers_first(equations[refusal + 1 :], shared)
    last = _last_uses(equations, update)
    least = max([refusal, *[last.get(id(x), -1) for x in shared]])
    waiting = []  # (number of the equation that it waits for, inputs, outputs) of each variable
    for n in range(len(numbers)):
        inputs = update.inputs[first + n * group :][:group]
        outputs = update.outputs[n * (group - 1) :][: group - 1]
        waiting.append((max([least, *[last.get(id(x), -1) for x in inputs]]), inputs, outputs))
    waiting.sort(key=lambda w: w[0])
    behind, part, size = {}, [], 0
    for n, (i, inputs, outputs) in enumerate(waiting):
        part.append((inputs, outputs))
        size += nbytes(inputs[1])
        if n + 1 == len(waiting) or (size >= PART and waiting[n + 1][0] > i):
            inputs, outputs = [sum(xs, ()) for xs in zip(*part)]
            behind[i] = Equation(update.primitive, (*shared, *inputs), update.attrs, outputs)
            part, size = [], 0
    ordered = [behind[-1]] if -1 in behind else []
    for i, eq in enumerate(equations):
        ordered += [eq] if eq is not update else []
        ordered += [behind[i]] if i in behind else []
    return ordered


def _makers_first(equations, values):
    """The equations with those first that `values` are made by, where these are few."""
    makers = {id(y): eq for eq in equations for y in eq.outputs}
    found, rest = set(), [*values]
    while rest:
        eq = makers.get(id(rest.pop()))
        if eq is not None and id(eq) not in found:
            found.add(id(eq))
            rest += eq.inputs
    if len(found) > _FEW:
        return equations
    return [eq for eq in equations if id(eq) in found] + [eq for eq in equations if id(eq) not in found]


def _last_uses(equations, update):
    """id of a value -> the number of the last equation, but the update, that makes it or reads its memory."""
    last, roots = {}, {}
    for i, eq in enumerate(equations):
        if eq is update:
            continue
        if eq.primitive.alias:
            roots[id(eq.outputs[0])] = roots.get(id(eq.inputs[0]), id(eq.inputs[0]))
        for x in (*eq.inputs, *eq.outputs):
            last[id(x)] = last[roots.get(id(x), id(x))] = i
    return last


def _last_refusal(equations):
    """The number of the last equation that may end the run.

    It checks integers that none before has checked, or runs functions of the host or control flow.
    """
    found, checked = -1, set()
    for i, eq in enumerate(equations):
        if not eq.primitive.alias and eq.primitive.op_id < -1:
            found = i
        elif eq.primitive.name in CHECKED:
            integers = {id(x) for x in eq.inputs if x.dtype in INTS}
            if not integers <= checked:
                found = i
            checked |= integers
    return found
