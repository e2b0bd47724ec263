"""Less work, the same arithmetic: aliases go, equal equations merge, transposes are absorbed, dead code is dropped.

Constants need no folding here: an operation on concrete tensors ran while it was traced.
"""

import math

from ckeras._core.primitive import PRIMITIVES
from ckeras._core.settings import X_FIRST, Y_FIRST
from ckeras._core.trace import Equation


def simplify(equations, results):
    """The equations that `results` (a list of values) need, simplified, and the results in terms of them."""
    same = {}  # id of a value -> the value that replaces it
    made_by = {}  # id of a value -> its equation
    seen = {}  # what an equation computes -> that equation
    kept = []
    for eq in equations:
        eq.inputs = tuple([same.get(id(x), x) for x in eq.inputs])
        rule = _RULES.get(eq.primitive.name)
        if rule is not None:
            replacement = rule(eq, made_by)
            if replacement is not None:
                same[id(eq.outputs[0])] = replacement
                continue
        key = (eq.primitive.name, tuple(map(id, eq.inputs)), tuple(eq.attrs.items()))
        first = seen.setdefault(key, eq)
        if first is not eq:
            for mine, theirs in zip(eq.outputs, first.outputs):
                same[id(mine)] = theirs
            continue
        kept.append(eq)
        for y in eq.outputs:
            made_by[id(y)] = eq
    results = [same.get(id(x), x) for x in results]
    return live(kept, results), results


def live(equations, results):
    """Without the equations that nothing needs."""
    needed = set(map(id, results))
    kept = []
    for eq in reversed(equations):
        for y in eq.outputs:
            if id(y) in needed:
                needed.update(map(id, eq.inputs))
                kept.append(eq)
                break
    kept.reverse()
    return kept


# A rule may change its equation; it returns the value that replaces the output, or None.


def _forward(eq, made_by):
    return eq.inputs[0]


def _made_by(value, name, made_by):
    eq = made_by.get(id(value))
    return eq if eq is not None and eq.primitive.name == name else None


def _reshape(eq, made_by):
    inner = _made_by(eq.inputs[0], "reshape", made_by)
    if inner is not None:
        eq.inputs = inner.inputs
    return eq.inputs[0] if eq.inputs[0].shape == eq.outputs[0].shape else None


def _become_reshape(eq, made_by):
    eq.primitive = PRIMITIVES["reshape"]
    eq.attrs = {"shape": eq.outputs[0].shape}
    return _reshape(eq, made_by)


def _transpose(eq, made_by):
    inner = _made_by(eq.inputs[0], "transpose", made_by)
    if inner is not None:
        eq.inputs = inner.inputs
        eq.attrs = {"perm": tuple([inner.attrs["perm"][p] for p in eq.attrs["perm"]])}
    shape = eq.inputs[0].shape
    moved = [p for p in eq.attrs["perm"] if shape[p] != 1]
    if moved == sorted(moved):  # only dimensions of size 1 change places: the memory stays as it is
        return _become_reshape(eq, made_by)
    return None


def _broadcast(eq, made_by):
    x, y = eq.inputs[0], eq.outputs[0]
    return _become_reshape(eq, made_by) if math.prod(x.shape) == math.prod(y.shape) else None


def _matmul(eq, made_by):
    """Reads transposed operands where they lie."""
    inputs = list(eq.inputs)
    for i, flag in ((0, "transpose_a"), (1, "transpose_b")):
        inner = _made_by(inputs[i], "transpose", made_by)
        if inner is not None and inner.attrs["perm"] in ((1, 0), (0, 2, 1)):
            inputs[i] = inner.inputs[0]
            eq.attrs = {**eq.attrs, flag: not eq.attrs.get(flag, False)}
    eq.inputs = tuple(inputs)


def _read_last(*firsts):
    """The rule of convolutions: reads inputs that were only turned to have channels first, as `firsts` says, before."""

    def rule(eq, made_by):
        inputs, layout = list(eq.inputs), eq.attrs.get("layout", 0)
        for i, bit in enumerate(firsts):
            inner = _made_by(inputs[i], "transpose", made_by) if layout & bit else None
            n = len(inputs[i].shape)
            if inner is not None and inner.attrs["perm"] == (0, n - 1, *range(1, n - 1)):
                inputs[i] = inner.inputs[0]
                layout -= bit
        if layout != eq.attrs.get("layout", 0):
            eq.inputs, eq.attrs = tuple(inputs), {**eq.attrs, "layout": layout}

    return rule


_RULES = {
    "conv": _read_last(X_FIRST),
    "conv_grad_input": _read_last(Y_FIRST),
    "conv_grad_filter": _read_last(X_FIRST, Y_FIRST),
    "identity": _forward,
    "stop_gradient": _forward,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast,
    "matmul": _matmul,
}


def count_uses(equations, results):
    """How often each value (by id) is read."""
    uses = {}
    for x in results:
        uses[id(x)] = uses.get(id(x), 0) + 1
    for eq in equations:
        for x in eq.inputs:
            uses[id(x)] = uses.get(id(x), 0) + 1
    return uses


def equation(name, inputs, attrs, outputs):
    return Equation(PRIMITIVES[name], inputs, attrs, outputs)
