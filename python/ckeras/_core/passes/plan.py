"""Memory: which slot every value lives in, so that a run allocates nothing but what it returns.

One arena holds the values inside a run, each from the instruction that makes it to the last that reads it. A loop may
write over an input that dies in it. A variable's new value is written over the old one where nothing reads that later.
"""

from ckeras import _engine
from ckeras._core.control import Control
from ckeras._core.dtypes import CODES
from ckeras._core.host import Hosted
from ckeras._core.passes.fuse import FusedLoop, contiguous
from ckeras._core.passes.optimize import optimize
from ckeras._core.primitive import OP_IDS
from ckeras._core.tensor import Tensor
from ckeras._core.trace import Equation, Tracer, nbytes

INPUT, CONSTANT, CELL, ARENA, FRESH = range(5)


class Plan:
    """The tables of an engine Program, made from equations.

    `inputs` and `reads` (variable -> tracer) are the values that come in, `writes` (variable -> value) and `results`
    those that go out.
    """

    def __init__(self, equations, inputs, reads, writes, results):
        self.slots, self.constants, self.cells, self.instructions, self.writes = [], [], [], [], []
        self.hosts = []  # (name, function of engine arrays) of the steps that call NumPy
        self.blocks, self.subs = [], []  # the plans of control flow's functions, and those functions
        self.arena_bytes = 0
        self.reused = {}  # id of an output that took an input's memory -> that input
        self.in_place = {}  # id of a value -> the variable whose memory it is written to
        self._slot_numbers = {}
        self._place = {}  # id of a root -> (kind, number or offset)
        self._cell_numbers = {}
        self._root = {}
        self._in_place_inputs = {}  # id of an equation -> per output, the input whose memory it may take
        equations = self._with_copies(equations, reads, writes)
        self.equations = [eq for eq in equations if not eq.primitive.alias]
        for eq in equations:
            if eq.primitive.alias:
                self._root[id(eq.outputs[0])] = self.root(eq.inputs[0])
        self._find_lifetimes(results)
        for i, x in enumerate(inputs):
            self._come_in(x, (INPUT, i))
        for variable, x in reads.items():
            if id(x) in self._last:
                self._come_in(x, (CELL, self._cell(variable)))
        self._place_variables(reads)
        self._place_results(results)
        self._place_arena()
        self.writes = [(cell, self.slot(value)) for cell, value in self.writes]
        for eq in self.equations:
            if isinstance(eq.primitive, FusedLoop):  # strides say how memory is read: its own shape does not matter
                inputs, (ints, floats) = [self.root(x) for x in eq.inputs], eq.primitive.pack()
            elif isinstance(eq.primitive, Hosted):
                inputs, ints, floats = eq.inputs, (len(self.hosts),), ()
                self.hosts.append((eq.primitive.name, eq.primitive.function(eq.inputs, eq.attrs)))
            elif isinstance(eq.primitive, Control):
                inputs, ints, floats = eq.inputs, eq.primitive.instruction(eq.attrs, self._block), ()
            else:
                inputs, (ints, floats) = eq.inputs, eq.primitive.pack(*eq.inputs, **eq.attrs)
            outputs = [self.slot(y) for y in eq.outputs]
            self.instructions.append((eq.primitive.op_id, [self.slot(x) for x in inputs], outputs, ints, floats))
        self.results = results
        self.outputs = [self.slot(self.root(x)) for x in results]

    def _block(self, sub):
        """The number of the block that runs a function of control flow."""
        for i, known in enumerate(self.subs):
            if known is sub:
                return i
        self.subs.append(sub)
        self.blocks.append(sub.memo("plan", lambda: block_plan(sub)))
        return len(self.blocks) - 1

    def block_tuple(self):
        """What the engine takes for a block."""
        constants = [t._array for t in self.constants]
        blocks = [b.block_tuple() for b in self.blocks]
        return self.slots, constants, self.instructions, self.outputs, self.arena_bytes, self.hosts, blocks

    @property
    def planned_bytes(self):
        """The arena, and the greatest block of control flow, whose memory is taken when its turn comes."""
        return self.arena_bytes + max([b.planned_bytes for b in self.blocks], default=0)

    def root(self, x):
        """The value whose memory `x` is: itself, unless it is a reshape."""
        return self._root.get(id(x), x)

    # ---- variables that take the old value of others

    def _with_copies(self, equations, reads, writes):
        """A variable that takes another's old value takes a copy made first where that one changes or is reshaped."""
        variable_of = {id(x): v for v, x in reads.items()}
        aliases = {id(eq.outputs[0]): eq.inputs[0] for eq in equations if eq.primitive.alias}
        copies = []
        self._final = {}
        for variable, value in writes.items():
            root = value
            while id(root) in aliases:
                root = aliases[id(root)]
            source = variable_of.get(id(root))
            if source is variable:
                continue
            if source is not None and (source in writes or root is not value):
                value = self._copy(root, value, copies)
            self._final[variable] = value
        return copies + equations

    def _copy(self, root, value, copies):
        out = Tracer(None, value.shape, value.dtype)
        step = (OP_IDS["cast"], value.dtype, value.dtype, (0,))
        loop = FusedLoop(value.shape, (contiguous(value.shape),), (step,), (1,), ["copy"])
        copies.append(Equation(loop, (root,), {}, (out,)))
        return out

    # ---- lifetimes

    def _find_lifetimes(self, results):
        self._made_at, self._last, self._readers, self._aliased = {}, {}, {}, set()
        self._output_number = {}  # of a value among those of its equation
        for i, eq in enumerate(self.equations):
            for k, x in enumerate(eq.inputs):
                r = self.root(x)
                if r is not x and not isinstance(eq.primitive, FusedLoop):
                    self._aliased.add(id(r))  # a kernel reads it under another shape
                self._last[id(r)] = i
                self._readers.setdefault(id(r), []).append((i, k))
            for n, y in enumerate(eq.outputs):
                self._made_at[id(y)], self._output_number[id(y)] = i, n
                self._last.setdefault(id(y), i)
        end = len(self.equations)
        for x in results:
            self._last[id(self.root(x))] = end
        for x in self._final.values():
            self._last[id(self.root(x))] = end
            if self.root(x) is not x:
                self._aliased.add(id(self.root(x)))

    # ---- places

    def _cell(self, variable):
        n = self._cell_numbers.get(id(variable))
        if n is None:
            n = self._cell_numbers[id(variable)] = len(self.cells)
            self.cells.append(variable)
        return n

    def _come_in(self, x, place):
        self._place[id(x)] = place
        self._last.setdefault(id(x), -1)
        self._number(place, x)  # the slot of the natural shape comes before its reshapes

    def _place_variables(self, reads):
        for variable, value in self._final.items():
            root = self.root(value)
            cell = self._cell(variable)
            made = self._made_at.get(id(root))
            if made is None or id(root) in self._place or not self._may_overwrite(reads.get(variable), root, made):
                if made is not None and id(root) not in self._place and id(root) not in self._aliased:
                    self._place[id(root)] = (FRESH, id(root))
                self.writes.append((cell, value))
            else:
                self._place[id(root)] = (CELL, cell)
                self.in_place[id(root)] = variable

    def _may_overwrite(self, old, root, made):
        """Whether the instruction that makes `root` may write it over the variable's value `old`."""
        if old is None or id(old) not in self._last:
            return True
        if self._last[id(old)] > made:
            return False
        eq = self.equations[made]
        output = self._output_number[id(root)]
        return all(i < made or self._may_take(eq, output, k) for i, k in self._readers.get(id(old), ()))

    def _place_results(self, results):
        for x in results:
            root = self.root(x)
            if id(root) in self._made_at and id(root) not in self._place and id(root) not in self._aliased:
                self._place[id(root)] = (FRESH, id(root))

    def _place_arena(self):
        """Best fit by size: the largest buffers first, each at the lowest offset that is free while it lives."""
        owner = {}
        buffers = {}  # id of the first value in it -> [bytes, first, last]
        for i, eq in enumerate(self.equations):
            taken = set()
            for n, y in enumerate(eq.outputs):
                if id(y) in self._place:
                    continue
                size = nbytes(y)
                for x in eq.inputs:
                    r = self.root(x)
                    home = owner.get(id(r))
                    if (
                        home is not None
                        and home not in taken
                        and buffers[home][2] == i
                        and nbytes(r) == size
                        and r.dtype == y.dtype
                        and self._only_in_place(eq, n, r)
                    ):
                        taken.add(home)
                        owner[id(y)] = home
                        buffers[home][2] = self._last[id(y)]
                        self.reused[id(y)] = r
                        break
                else:
                    owner[id(y)] = id(y)
                    buffers[id(y)] = [size, i, self._last[id(y)]]
        offsets, self.arena_bytes = _engine.place_buffers(list(buffers.values()))
        offsets = dict(zip(buffers, offsets))
        for key, home in owner.items():
            self._place[key] = (ARENA, offsets[home])

    def _may_take(self, eq, output, k):
        """Whether output number `output` may take the memory of input number `k`."""
        primitive = eq.primitive
        if isinstance(primitive, FusedLoop):
            return primitive.may_overwrite(k, output) and eq.inputs[k].dtype == eq.outputs[output].dtype
        if primitive.in_place is None:
            return False
        inputs = self._in_place_inputs.get(id(eq))
        if inputs is None:
            inputs = self._in_place_inputs[id(eq)] = primitive.in_place(eq.inputs, eq.attrs)
        return inputs[output] == k

    def _only_in_place(self, eq, output, r):
        return all(self._may_take(eq, output, k) for k, x in enumerate(eq.inputs) if self.root(x) is r)

    # ---- slots

    def slot(self, x):
        """The number of the slot that reads or writes `x`."""
        root = self.root(x)
        if root.__class__ is Tensor:
            place = (CONSTANT, self._constant(root))
        else:
            place = self._place[id(root)]
        return self._number(place, x)

    def _constant(self, t):
        key = ("constant", id(t))
        n = self._slot_numbers.get(key)
        if n is None:
            n = self._slot_numbers[key] = len(self.constants)
            self.constants.append(t)
            self._number((CONSTANT, n), t)
        return n

    def _number(self, place, x):
        kind, ref = place
        key = (kind, ref, x.dtype, x.shape)
        n = self._slot_numbers.get(key)
        if n is None:
            n = self._slot_numbers[key] = len(self.slots)
            self.slots.append((kind, 0 if kind == FRESH else ref, CODES[x.dtype], x.shape))
        return n


def block_plan(sub):
    """The plan of a traced function that is a part of control flow."""
    copies = [Equation(eq.primitive, eq.inputs, eq.attrs, eq.outputs) for eq in sub.equations]
    equations, outputs = optimize(copies, list(sub.outputs))
    return Plan(equations, sub.inputs, {}, {}, outputs)
