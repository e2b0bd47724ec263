"""Elementwise equations of one shape become fused loops; broadcasts and transposes before them become strides, and
reductions after them fold the loop's values as they are made."""

import functools

from ckeras._core.dtypes import CODES
from ckeras._core.passes.simplify import live
from ckeras._core.primitive import FOLDS
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Equation

MAX_STEPS = 48
MAX_INPUTS = 24
MAX_REDUCTIONS = 4
_remembered = functools.lru_cache(1024)  # a network has few shapes, which come again in every block


class FusedLoop:
    """The primitive of a fused equation: steps over one shape, then reductions (docs/architecture.md, section 5).

    Its outputs are the stored registers, then the reductions' results.
    """

    elementwise = True
    alias = False
    multi = True
    gradients = None
    op_id = -1

    def __init__(self, shape, strides, steps, registers, names, cut=None, reductions=()):
        self.shape = shape
        self.strides = strides  # per input, in elements of its own memory; 0 repeats
        self.steps = steps  # (op id, key dtype, result dtype, (register, ...))
        self.registers = registers  # of the stored outputs
        self.cut = cut  # (outer, reduced, inner): the loop's shape as the reductions see it
        self.reductions = reductions  # (op id, register)
        self.name = "fused[" + " ".join(names) + "]"

    def may_overwrite(self, i, output):
        """Whether `output` is made element for element in the order in which input `i` is read."""
        return output < len(self.registers) and self.strides[i] == contiguous(self.shape)

    def pack(self):
        shape, strides = collapse(self.shape, self.strides)
        ints = [len(shape), *shape, len(strides)]
        for s in strides:
            ints += s
        ints.append(len(self.steps))
        for op_id, key, result, args in self.steps:
            ints += [op_id, CODES[key], CODES[result], len(args), *args]
        ints += [len(self.registers), *self.registers]
        if self.reductions:
            ints += [*self.cut, len(self.reductions)]
            for reduction in self.reductions:
                ints += reduction
        return tuple(ints), ()


@_remembered
def contiguous(shape):
    """Row-major strides; 0 for dimensions of size 1, whose stride is never used."""
    strides, step = [], 1
    for d in reversed(shape):
        strides.append(0 if d == 1 else step)
        step *= d
    return tuple(reversed(strides))


@_remembered
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
    return tuple(out_shape), tuple(map(tuple, out))


def fuse(equations, results):
    """The equations with every elementwise one, and the reductions of what they make, inside a fused loop."""
    views = {id(eq.outputs[0]): eq for eq in equations if eq.primitive.name in _VIEWS}
    foldable = _foldable_views(equations, results, views)
    groups = _Groups(equations)
    members, folds, last, nodes = {}, {}, {}, []
    group_of = [groups.find(i) for i in range(len(equations))]
    for i, (eq, g) in enumerate(zip(equations, group_of)):
        if eq.primitive.elementwise:
            members.setdefault(g, []).append(eq)
            last[g] = i
        elif i in groups.folded:
            folds.setdefault(g, []).append(eq)
        else:
            nodes.append((eq, i))
    readers = _external_readers(equations, results, group_of, groups.folded)
    for g, eqs in members.items():
        loop = _loop(eqs, folds.get(g, ()), groups.cut[g], views, foldable, readers.get(g, ()))
        nodes.append((loop, last[g]))
    return live([eq for eq, _ in sorted(nodes, key=lambda n: n[1])], results)


def _foldable_views(equations, results, views):
    """Ids of transposes' results that only elementwise equations read: nothing else needs them in memory."""
    if all(eq.primitive.name != "transpose" for eq in views.values()):
        return ()
    readers = {}
    for eq in equations:
        for x in eq.inputs:
            if id(x) in views:
                readers.setdefault(id(x), []).append(eq)
    fixed = set(map(id, results))
    foldable = set()
    for y in reversed(views):
        if y not in fixed and all(r.primitive.elementwise or id(r.outputs[0]) in foldable for r in readers.get(y, ())):
            foldable.add(y)
    return foldable


class _Groups:
    """Which elementwise equations, and which reductions of what they make, run as one loop.

    An equation joins the loops that make its operands, of one shape, as long as nothing outside has read them: so no
    cycle can arise, and a loop stands where its last equation stood. What a kernel has read already is in memory, and
    later readers are better off beside the equations that follow them.

    A reduction depends on nothing but the loop it reads, so it always may join; what reads its result cannot.
    """

    def __init__(self, equations):
        n = len(equations)
        self.parent = list(range(n))
        self.steps = [1] * n
        self.inputs = [()] * n
        self.cut = [None] * n  # (outer, reduced, inner) of the group's reductions
        self.reductions = [0] * n
        self.folded = set()  # numbers of the reductions inside loops
        home = {}  # id of a group's value -> its equation's number
        closed = [False] * n
        for i, eq in enumerate(equations):
            found = [home[x] for x in map(id, eq.inputs) if x in home]
            makers = set(map(self.find, found))
            if eq.primitive.elementwise:
                self.inputs[i] = set(map(id, eq.inputs))
                for j in found:
                    if j in self.folded:
                        closed[self.find(j)] = True
                shape = eq.outputs[0].shape
                for g in makers:
                    if not closed[g] and equations[g].outputs[0].shape == shape and self._fits(g, i):
                        self.parent[g] = i
                        self.steps[i] += self.steps[g]
                        self.inputs[i] |= self.inputs[g]
                        self.cut[i] = self.cut[i] or self.cut[g]
                        self.reductions[i] += self.reductions[g]
                    else:
                        closed[g] = True
                home[id(eq.outputs[0])] = i
            elif (
                eq.primitive.name in FOLDS
                and makers
                and home[id(eq.inputs[0])] not in self.folded
                and self._takes(*makers, eq)
            ):
                self.parent[i] = makers.pop()
                self.folded.add(i)
                home[id(eq.outputs[0])] = i
            else:
                for g in makers:
                    closed[g] = True

    def _fits(self, a, b):
        return (
            self.steps[a] + self.steps[b] <= MAX_STEPS
            and len(self.inputs[a] | self.inputs[b]) <= MAX_INPUTS
            and self.reductions[a] + self.reductions[b] <= MAX_REDUCTIONS
            and (self.cut[a] is None or self.cut[b] in (None, self.cut[a]))
        )

    def _takes(self, g, eq):
        """Notes the reduction `eq` of a value that group `g` makes, if it can run there."""
        cut = _cut(eq.inputs[0].shape, eq.attrs["axes"])
        if cut is None or self.cut[g] not in (None, cut) or self.reductions[g] == MAX_REDUCTIONS:
            return False
        self.cut[g] = cut
        self.reductions[g] += 1
        return True

    def find(self, i):
        parent = self.parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i


def _external_readers(equations, results, group_of, folded):
    """Per group, the ids of its values that something outside reads."""
    wanted = {}
    home = {}
    for i, (eq, g) in enumerate(zip(equations, group_of)):
        for x in map(id, eq.inputs):
            maker = home.get(x, g)
            if maker != g:
                wanted.setdefault(maker, set()).add(x)
        if eq.primitive.elementwise or i in folded:
            home[id(eq.outputs[0])] = g
    for x in results:
        if id(x) in home:
            wanted.setdefault(home[id(x)], set()).add(id(x))
    return wanted


@_remembered
def _cut(shape, axes):
    """`shape` as (outer, reduced, inner), or None when the reduced dimensions are no neighbours."""
    runs, reduced = [1], False  # sizes of runs of kept and reduced dimensions, in turn
    for i, d in enumerate(shape):
        if d == 1:
            continue
        if (i in axes) != reduced:
            runs.append(1)
            reduced = not reduced
        runs[-1] *= d
    return (*runs, 1, 1)[:3] if len(runs) <= 3 else None


def _loop(eqs, folds, cut, views, foldable, wanted):
    """The fused equation of some elementwise ones and the reductions of their results."""
    shape = eqs[0].outputs[0].shape
    inner = {id(eq.outputs[0]) for eq in eqs}
    sources, strides, index, register = [], [], {}, {}
    for eq in eqs:
        for x in eq.inputs:
            name = id(x)
            if name in inner or name in register:
                continue
            source, read = _resolve(x, views, foldable)
            read = _aligned(read, x.shape, shape)
            key = (id(source), read)
            number = register[name] = index.setdefault(key, len(sources))
            if number == len(sources):
                sources.append(source)
                strides.append(read)
    steps, names, outputs, registers = [], [], [], []
    for n, eq in enumerate(eqs, len(sources)):
        y = eq.outputs[0]
        register[id(y)] = n
        args = eq.inputs
        steps.append((eq.primitive.op_id, args[-1].dtype, y.dtype, tuple([register[id(x)] for x in args])))
        names.append(eq.primitive.name)
        if id(y) in wanted:
            outputs.append(y)
            registers.append(n)
    reductions = []
    for eq in folds:
        if id(eq.outputs[0]) in wanted:
            reductions.append((eq.primitive.op_id, register[id(eq.inputs[0])]))
            outputs.append(eq.outputs[0])
            names += ["->", eq.primitive.name] if len(reductions) == 1 else [eq.primitive.name]
    loop = FusedLoop(shape, tuple(strides), tuple(steps), tuple(registers), names, cut, tuple(reductions))
    return Equation(loop, tuple(sources), {}, tuple(outputs))


def _resolve(x, views, foldable):
    """The value in memory behind `x`, and the strides that read `x` from it."""
    if x.__class__ is Tensor:
        return (x, contiguous(x.shape)) if x._repeats is None else (x._repeats, (0,) * x.ndim)
    eq = views.get(id(x))
    if eq is not None and (eq.primitive.name != "transpose" or id(x) in foldable):
        inner = eq.inputs[0]
        source, strides = _resolve(inner, views, foldable)
        strides = _VIEWS[eq.primitive.name](strides, inner.shape, x.shape, eq.attrs.get("perm"))
        if strides is not None:
            return source, strides
    return x, contiguous(x.shape)


@_remembered
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
