"""Program: a traced function, simplified, fused, planned, and run by the engine in one call."""

import weakref

import numpy as np

from ckeras import _engine, _garbage
from ckeras._core import control, nest
from ckeras._core.errors import from_fault
from ckeras._core.passes.optimize import optimize
from ckeras._core.passes.plan import Plan
from ckeras._core.tensor import Tensor, convert
from ckeras._core.trace import Trace, nbytes, trace_function


def compile(fn, *avals):
    """The program of `fn` for inputs of these `(shape, dtype)`s: a `CompiledProgram`.

    Variables that `fn` reads and assigns belong to the program: they are read and written when it runs.
    """
    with _garbage.put_off():
        trace, inputs, result = trace_function(fn, avals)
        return CompiledProgram(trace, inputs, result)


class CompiledProgram:
    """What `compile` gives: `run(inputs)`, `run_steps(...)`, and `str(program)`, a listing.

    `planned_bytes` is the memory a run works in, besides inputs, variables and results; `n_kernels` the number of
    engine instructions of one run.
    """

    def __init__(self, trace, inputs, result):
        leaves = nest.leaves(result)
        writes = list(trace.writes)
        values = leaves + list(trace.writes.values())
        equations, values = optimize(trace.equations, values)
        found, written = values[: len(leaves)], dict(zip(writes, values[len(leaves) :]))
        dynamic = [x for x in found if x.__class__ is not Tensor]
        self._plan = plan = Plan(equations, inputs, trace.reads, written, dynamic)
        self._inputs = inputs
        self._reads = trace.reads
        self._result = result
        self._leaves = [(x if x.__class__ is Tensor else None, x.shape, x.dtype) for x in found]
        self._shown = found
        self._returned = [plan.root(x).shape for x in dynamic]
        self.variables = list(plan.cells)
        self.written_variables = writes
        self.planned_bytes = plan.planned_bytes
        self.n_kernels = len(plan.instructions)
        self._program = make_program(self)
        programs.add(self)

    def recipe(self):
        """(the engine's program, the bytes it keeps, (constant or None, shape, dtype) of each leaf of the result).

        `None` for what reads variables or Python's functions, or has control flow: what runs may change, or be long.
        """
        plan = self._plan
        if plan.cells or plan.hosts or plan.blocks or self.written_variables:
            return None
        return self._program, self.planned_bytes + sum(map(nbytes, plan.constants)), self._leaves

    def run(self, inputs):
        """The result for a list of input tensors, structured as the function returned it."""
        self._release()
        arrays = [x._array for x in inputs]
        if before_run is not None:
            arrays = before_run(self, arrays)
        try:
            arrays = self._program.run(arrays)
        except _engine.Fault as fault:
            raise from_fault(fault) from None
        return self._wrap(arrays)

    def run_steps(self, data, order, batch, first, steps, seconds):
        """Runs batches from `first` on: input i of batch s is `data[i]` at rows `order[s * batch : (s + 1) * batch]`.

        Stops after `steps`, or early once `seconds` have passed. Gives the number of steps done and the last result.
        """
        self._release()
        arrays = [convert(x)._array for x in data]
        if before_run is not None:
            arrays = before_run(self, arrays)
        rows = np.ascontiguousarray(order, "int64")
        try:
            done, outputs = self._program.run_steps(arrays, rows, batch, first, steps, seconds)
        except _engine.Fault as fault:
            raise from_fault(fault) from None
        return done, self._wrap(outputs) if done else None

    def _release(self):
        """Lets go of the tensors read from variables that change: the engine then writes them in place."""
        for v in self.written_variables:
            v._tensor = None

    def _wrap(self, arrays):
        arrays = iter(zip(arrays, self._returned))
        out = []
        for constant, shape, dtype in self._leaves:
            if constant is None:
                array, given = next(arrays)
                out.append(Tensor(array if given == shape else array.reshape(shape), shape, dtype))
            else:
                out.append(constant)
        return nest.pack(self._result, out)

    def __str__(self):
        return listing(self)


def engine_program(compiled):
    """The engine's program of a plan."""
    plan = compiled._plan
    return _engine.Program(
        plan.slots,
        [t._array for t in plan.constants],
        [v._cell for v in plan.cells],
        plan.instructions,
        plan.writes,
        plan.outputs,
        plan.arena_bytes,
        plan.hosts,
        [b.block_tuple() for b in plan.blocks],
    )


# `_core.device` puts its own here when a GPU is first used: who makes the program of a plan, and (program, arrays) ->
# the arrays that it runs on. All programs are known to it, since variables may move.
make_program, before_run = engine_program, None
programs = weakref.WeakSet()


def _compile_equations(equations, inputs, results):
    trace = Trace()
    trace.equations = equations
    return CompiledProgram(trace, inputs, list(results)).run


control.compile_equations = _compile_equations


def listing(program):
    """One line an instruction: the values it makes, its name, its operands, what it overwrites, and bytes made.

    The parts of control flow follow their instruction, indented.
    """
    plan = program._plan
    names = {id(x): variable.path for variable, x in program._reads.items()}
    lines = [f"program of {program.n_kernels} kernels, {len(program._inputs)} inputs, {len(plan.cells)} variables"]
    show = _list_plan(plan, program._inputs, names, lines, "  ")
    results = [show(x) if t is None else "constant" for (t, _, _), x in zip(program._leaves, program._shown)]
    lines.append(f"  return {', '.join(results)}" if results else "  return nothing")
    lines.append(f"planned memory: {program.planned_bytes} bytes")
    return "\n".join(lines)


def _list_plan(plan, inputs, names, lines, indent):
    """Appends the lines of a plan; gives the function that names its values."""
    names.update({id(x): f"in{i}" for i, x in enumerate(inputs)})
    made = [y for eq in plan.equations for y in eq.outputs]
    names.update({id(y): f"%{i}" for i, y in enumerate(made)})

    def show(x):
        root = plan.root(x)
        if root.__class__ is Tensor:
            return repr(root.item()) if root.shape == () else f"constant{list(root.shape)}"
        return f"{names[id(root)]}{list(x.shape)}"

    for eq in plan.equations:
        made = ", ".join(f"{show(y)} {y.dtype}" for y in eq.outputs)
        parts = eq.primitive.parts(eq.attrs) if isinstance(eq.primitive, control.Control) else []
        hidden = {"branches", "body", "cond"} if parts else ()
        attrs = "".join(f", {k}={v}" for k, v in eq.attrs.items() if v not in (None, False) and k not in hidden)
        notes = []
        for y in eq.outputs:
            if id(y) in plan.in_place:
                notes.append(f"writes {plan.in_place[id(y)].path} in place")
            elif id(y) in plan.reused:
                notes.append(f"in place of {show(plan.reused[id(y)])}")
        size = sum(nbytes(y) for y in eq.outputs)
        note = f" ({'; '.join(notes)})" if notes else ""
        operands = ", ".join(map(show, eq.inputs))
        lines.append(f"{indent}{made} = {eq.primitive.name}({operands}{attrs}){note}  {size} bytes")
        for title, sub in parts:
            inner = plan.blocks[next(i for i, s in enumerate(plan.subs) if s is sub)]
            lines.append(f"{indent}  {title}, planned memory {inner.planned_bytes} bytes:")
            show_inner = _list_plan(inner, sub.inputs, {}, lines, indent + "    ")
            found = inner.results
            lines.append(f"{indent}    return {', '.join(map(show_inner, found)) if found else 'nothing'}")
    return show
