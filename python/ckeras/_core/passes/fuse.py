"""Elementwise equations of one shape become fused loops; broadcasts and transposes before them become strides."""

from ckeras._core.dtypes import CODES
from ckeras._core.passes.simplify import live
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Equation

MAX_STEPS = 48
MAX_INPUTS = 24


class FusedLoop:
    """The primitive of a fused equation: steps over one shape (docs/architecture.md, section 5)."""

    elementwise = True
    alias = False
    multi = True
    op_id = -1

    def __init__(self, shape, strides, steps, registers, names):
        self.shape = shape
        self.strides = strides  # per input, in elements of its own memory; 0 repeats
        self.steps = steps  # (op id, key dtype, result dtype, (register, ...))
        self.registers = registers  # of the outputs
        self.name = "fused[" + " ".join(names) + "]"

    def reads_in_place(self, i):
        """Whether input `i` is read element for element in the order of the output."""
        return self.strides[i] == contiguous(self.shape)

    def pack(self):
        shape, strides = collapse(self.shape, self.strides)
        ints = [len(shape), *shape, len(strides)]
        for s in strides:
            ints += s
        ints.append(len(self.steps))
        for op_id, key, result, args in self.steps:
            ints += [op_id, CODES[key], CODES[result], len(args), *args]
        ints += [len(self.registers), *self.registers]
        return tuple(ints), ()


def contiguous(shape):
    """Row-major strides; 0 for dimensions of size 1, whose stride is never used."""
    strides, step = [], 1
    for d in reversed(shape):
        strides.append(0 if d == 1 else step)
        step *= d
    return tuple(reversed(strides))


def collapse(shape, strides):
    """Adjacent dimensions that every input walks as one are merged; dimensions of size 1 go."""
    dims = [i for i, d in enumerate(shape) if d != 1]
    out_shape, out = [], [[] for _ in strides]
    for i in dims:
        if out_shape and all(o[-1] == s[i] * shape[i] for o, s in zip(out, strides)):
            out_shape[-1] *= shape[i]
            for o, s in zip(out, strides):
                o[-1] = s[i]
        else:
            out_shape.append(shape[i])
            for o, s in zip(out, strides):
                o.append(s[i])
    return out_shape, out


def fuse(equations, results):
    """The equations with every elementwise one inside a fused loop."""
    made_by = {id(y): eq for eq in equations for y in eq.outputs}
    foldable = _foldable_views(equations, results)
    groups = _Groups(equations)
    members, last = {}, {}
    for i, eq in enumerate(equations):
        if eq.primitive.elementwise:
            g = groups.find(i)
            members.setdefault(g, []).append(eq)
            last[g] = i
    readers = _external_readers(equations, results, groups)
    nodes = [(eq, i) for i, eq in enumerate(equations) if not eq.primitive.elementwise]
    for g, eqs in members.items():
        nodes.append((_loop(eqs, made_by, foldable, readers.get(g, ())), last[g]))
    return live([eq for eq, _ in sorted(nodes, key=lambda n: n[1])], results)


def _foldable_views(equations, results):
    """Ids of transposes' results that only elementwise equations read: nothing else needs them in memory."""
    readers = {}
    for eq in equations:
        for x in eq.inputs:
            readers.setdefault(id(x), []).append(eq)
    fixed = set(map(id, results))
    foldable = set()
    for eq in reversed(equations):
        if eq.primitive.name in _VIEWS:
            y = id(eq.outputs[0])
            if y not in fixed and all(
                r.primitive.elementwise or id(r.outputs[0]) in foldable for r in readers.get(y, ())
            ):
                foldable.add(y)
    return foldable


class _Groups:
    """Which elementwise equations run as one loop.

    An equation joins the loops that make its operands, of one shape, as long as nothing outside has read them: so no
    cycle can arise, and a loop stands where its last equation stood. What a kernel has read already is in memory, and
    later readers are better off beside the equations that follow them.
    """

    def __init__(self, equations):
        n = len(equations)
        self.parent = list(range(n))
        self.steps = [1] * n
        self.inputs = [()] * n
        home = {}  # id of an elementwise result -> its equation's number
        closed = [False] * n
        for i, eq in enumerate(equations):
            makers = {self.find(home[id(x)]) for x in eq.inputs if id(x) in home}
            if eq.primitive.elementwise:
                self.inputs[i] = {id(x) for x in eq.inputs}
                shape = eq.outputs[0].shape
                for g in makers:
                    if not closed[g] and equations[g].outputs[0].shape == shape and self._fits(g, i):
                        self.parent[g] = i
                        self.steps[i] += self.steps[g]
                        self.inputs[i] |= self.inputs[g]
                    else:
                        closed[g] = True
                home[id(eq.outputs[0])] = i
            else:
                for g in makers:
                    closed[g] = True

    def _fits(self, a, b):
        return self.steps[a] + self.steps[b] <= MAX_STEPS and len(self.inputs[a] | self.inputs[b]) <= MAX_INPUTS

    def find(self, i):
        parent = self.parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i


def _external_readers(equations, results, groups):
    """Per group, the ids of its values that something outside reads."""
    wanted = {}
    home = {}
    for i, eq in enumerate(equations):
        g = groups.find(i)
        for x in eq.inputs:
            if home.get(id(x), g) != g:
                wanted.setdefault(home[id(x)], set()).add(id(x))
        if eq.primitive.elementwise:
            home[id(eq.outputs[0])] = g
    for x in results:
        if id(x) in home:
            wanted.setdefault(home[id(x)], set()).add(id(x))
    return wanted


def _loop(eqs, made_by, foldable, wanted):
    """The fused equation of some elementwise ones."""
    shape = eqs[0].outputs[0].shape
    inner = {id(eq.outputs[0]) for eq in eqs}
    sources, strides, index, register = [], [], {}, {}
    for eq in eqs:
        for x in eq.inputs:
            if id(x) in inner or id(x) in register:
                continue
            source, read = _resolve(x, made_by, foldable)
            read = _aligned(read, x.shape, shape)
            key = (id(source), read)
            if key not in index:
                index[key] = len(sources)
                sources.append(source)
                strides.append(read)
            register[id(x)] = index[key]
    steps, names, outputs, registers = [], [], [], []
    for eq in eqs:
        y = eq.outputs[0]
        register[id(y)] = len(sources) + len(steps)
        key = eq.inputs[-1].dtype
        steps.append((eq.primitive.op_id, key, y.dtype, tuple([register[id(x)] for x in eq.inputs])))
        names.append(eq.primitive.name)
        if id(y) in wanted:
            outputs.append(y)
            registers.append(register[id(y)])
    loop = FusedLoop(shape, tuple(strides), tuple(steps), tuple(registers), names)
    return Equation(loop, tuple(sources), {}, tuple(outputs))


def _resolve(x, made_by, foldable):
    """The value in memory behind `x`, and the strides that read `x` from it."""
    if x.__class__ is Tensor:
        return (x, contiguous(x.shape)) if x._repeats is None else (x._repeats, (0,) * x.ndim)
    eq = made_by.get(id(x))
    if eq is not None and eq.primitive.name in _VIEWS and (eq.primitive.name != "transpose" or id(x) in foldable):
        inner = eq.inputs[0]
        source, strides = _resolve(inner, made_by, foldable)
        strides = _VIEWS[eq.primitive.name](strides, inner.shape, x.shape, eq.attrs.get("perm"))
        if strides is not None:
            return source, strides
    return x, contiguous(x.shape)


def _aligned(strides, inner, outer):
    lead = len(outer) - len(inner)
    return (0,) * lead + tuple([0 if d == 1 else s for d, s in zip(inner, strides)])


def _transposed(strides, before, after, perm):
    return tuple([strides[p] for p in perm])


def _repeated(strides, before, after, perm):
    lead = len(after) - len(before)
    return (0,) * lead + tuple([0 if d == 1 else s for d, s in zip(before, strides)])


def _reshaped(strides, before, after, perm):
    """Strides under another shape, or None when no strides do."""
    old = [(d, s) for d, s in zip(before, strides) if d != 1]
    out = [0] * len(after)
    i, j = 0, 0
    after_dims = [k for k, d in enumerate(after) if d != 1]
    while i < len(old) and j < len(after_dims):
        n_old, n_new, i0, j0 = old[i][0], after[after_dims[j]], i, j
        while n_old != n_new:
            if n_old < n_new:
                i += 1
                n_old *= old[i][0]
            else:
                j += 1
                n_new *= after[after_dims[j]]
        for k in range(i0, i):
            if old[k][1] != old[k + 1][0] * old[k + 1][1]:
                return None
        step = old[i][1]
        for k in range(j, j0 - 1, -1):
            out[after_dims[k]] = step
            step *= after[after_dims[k]]
        i += 1
        j += 1
    return tuple(out)


_VIEWS = {"transpose": _transposed, "broadcast": _repeated, "reshape": _reshaped}
