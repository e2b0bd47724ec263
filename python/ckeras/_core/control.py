"""Control flow as primitives whose attributes are traced functions: a choice of branches, and a loop.

Their derivatives replay the traced functions under a tape: a choice of derivatives, and a loop that runs backwards. Of
a loop's values, the results of kernels are kept for the way back; elementwise steps between them are computed again.
"""

from ckeras._core import hooks, nest
from ckeras._core.dtypes import FLOATS
from ckeras._core.errors import GradientError, TraceError
from ckeras._core.passes.simplify import live
from ckeras._core.primitive import Primitive
from ckeras._core.scope import concrete, state
from ckeras._core.tape import GradientTape, no_record, record_custom
from ckeras._core.tensor import Tensor, convert
from ckeras._core.trace import Equation, Trace, Tracer, trace_function
from ckeras._core.variable import Variable

SWITCH_OP, LOOP_OP = -3, -4  # csrc/runtime/block.h
_CHEAP = frozenset({"broadcast", "transpose"})  # kernels whose results a backward loop makes again

# Set by `_core.program`: (equations, inputs, results) -> a function from a list of tensors to the results.
compile_equations = None


class Sub:
    """A traced function that closes over nothing: `equations` from the tracers `inputs` to the values `outputs`.

    `customs` are its custom gradients: (number of equations before, record, inputs, outputs). `origin` maps values, by
    id, of the traces that it was replayed from to its own: what the rules of custom gradients close over. `once`: a
    derivative that used a custom gradient, and has none itself.
    """

    def __init__(self, inputs, equations, outputs, customs=(), origin=None, once=False):
        self.inputs = tuple(inputs)
        self.equations = equations
        self.outputs = tuple(outputs)
        self.customs = customs
        self.origin = origin or {}
        self.once = once
        self._memo = {}

    def memo(self, key, make):
        """What `make()` gave for this key."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def with_outputs(self, outputs):
        return Sub(self.inputs, self.equations, outputs, self.customs, self.origin, self.once)

    @property
    def avals(self):
        return [(y.shape, y.dtype) for y in self.outputs]

    def replay(self, args):
        """(outputs for these arguments, env): every equation bound anew; `env` maps old values, by id, to new ones."""
        if self.once and state.tapes:
            raise GradientError(
                "[custom_gradient] inside a traced loop has no second derivative; use ops.stop_gradient, or run eagerly"
            )
        env = {id(x): a for x, a in zip(self.inputs, args, strict=True)}
        silent = {id(y) for _, _, _, outputs in self.customs for y in outputs}
        customs = list(self.customs)
        for i, eq in enumerate((*self.equations, None)):
            while customs and customs[0][0] <= i:
                self._replay_custom(env, *customs.pop(0)[1:])
            if eq is None:
                break
            ins = [env.get(id(x), x) for x in eq.inputs]
            if id(eq.outputs[0]) in silent:
                with no_record():
                    made = eq.primitive.bind(*ins, **eq.attrs)
            else:
                made = eq.primitive.bind(*ins, **eq.attrs)
            for y, new in zip(eq.outputs, made if eq.primitive.multi else (made,)):
                env[id(y)] = new
        return [env.get(id(y), y) for y in self.outputs], env

    def _replay_custom(self, env, record, inputs, outputs):
        if state.trace is not None:
            moved = {key: (old, env.get(id(x), x)) for key, (old, x) in self.origin.items()}
            own = (x for eq in self.equations for x in (*eq.inputs, *eq.outputs) if id(x) in env)
            state.trace.env.update({**moved, **{id(x): (x, env[id(x)]) for x in (*self.inputs, *own)}})
        record_custom(record, *[tuple([env.get(id(x), x) for x in xs]) for xs in (inputs, outputs)])


def _substituted(equations, same):
    """Copies of equations with inputs replaced, by id."""
    return [
        Equation(eq.primitive, tuple([same.get(id(x), x) for x in eq.inputs]), eq.attrs, eq.outputs) for eq in equations
    ]


_nowhere = Trace()


def _like(x):
    return Tracer(_nowhere, x.shape, x.dtype)


class _Follower:
    """Stands in for the tapes around a trace: operations on concrete tensors that they follow become equations too."""

    def __init__(self, tapes):
        self.tapes = tapes
        self.trace = None
        self.made = {}  # id of a tensor -> it

    def follows(self, tensor):
        return id(tensor) in self.made or any(tape.follows(tensor) for tape in self.tapes)

    def saw_variable(self, variable, tensor):
        """A variable that is read becomes an operand: nothing is lost."""

    def record(self, primitive, inputs, attrs, outputs):
        if outputs[0].__class__ is not Tensor or not any(self.follows(x) for x in inputs):
            return
        if not isinstance(primitive, Primitive):
            raise GradientError(
                f"[{primitive.name}] a custom gradient of constants inside traced control flow cannot be followed; "
                "pass them as operands or loop variables"
            )
        self.trace.equations.append(Equation(primitive.traced or primitive, inputs, attrs, outputs))
        self.made.update({id(y): y for y in outputs})


class Closure:
    """A Python function traced on `avals`, with what it takes from outside and what it does to variables.

    `result` is what it returned, `leaves` that in order, `inputs` its tracers; `reads`, `writes`: as of a trace;
    `free`: the values from outside that it uses, tracers and those tensors that an active tape follows.
    """

    def __init__(self, fn, avals):
        trace, follower = Trace(), _Follower(state.tapes)
        self.inputs = [trace.input(*aval) for aval in avals]
        with trace:
            if follower.tapes:
                state.tapes = (follower,)
                follower.trace = trace
            self.result = nest.map_leaves(convert, fn(*self.inputs))
        made = {key: _like(y) for key, y in follower.made.items()}
        self.leaves = [made.get(id(x), x) for x in nest.leaves(self.result)]
        self.reads, self.writes = trace.reads, {v: made.get(id(x), x) for v, x in trace.writes.items()}
        self._equations, self._customs, self._env = trace.equations, trace.customs, trace.env
        if made:
            for eq in self._equations:
                eq.inputs = tuple([made.get(id(x), x) for x in eq.inputs])
                eq.outputs = tuple([made.get(id(y), y) for y in eq.outputs])
        inside = {id(x) for x in (*self.inputs, *self.reads.values())}
        used = []
        for eq in self._equations:
            used += [x for x in eq.inputs if id(x) not in inside]
            inside.update(map(id, eq.outputs))
        used += [x for x in (*self.leaves, *self.writes.values()) if id(x) not in inside]
        used += [x for c in self._customs for x in c[2] if id(x) not in inside]
        self.free = list({id(x): x for x in used if x.__class__ is not Tensor or _followed(x)}.values())

    def sub(self, inputs, outputs):
        """The function as a `Sub`: each of its inputs is an own input, a variable's value, or a value from outside.

        A variable among the outputs is the input of that variable.
        """
        own = set(map(id, self.inputs))
        found, same, variables = [], {}, {}
        for x in inputs:
            if isinstance(x, Variable):
                new = variables[x] = self.reads[x] if x in self.reads else _like(x)
            elif id(x) in own:
                new = x
            else:
                new = same[id(x)] = _like(x)
            found.append(new)
        outputs = [variables[y] if isinstance(y, Variable) else same.get(id(y), y) for y in outputs]
        customs = [(at, r, *[tuple([same.get(id(x), x) for x in xs]) for xs in io]) for at, r, *io in self._customs]
        return Sub(found, _substituted(self._equations, same), outputs, customs, self._env)

    def truth(self, fn):
        """`fn` of the one result, computed at the end of the function."""
        trace = Trace()
        trace.equations = self._equations
        with trace:
            return fn(self.leaves[0])


def _followed(x):
    return any(tape.follows(x) for tape in state.tapes)


def _union(*lists):
    return list({id(x): x for xs in lists for x in xs}.values())


def _floats(values):
    return tuple([i for i, x in enumerate(values) if x.dtype in FLOATS])


def _assign(variables, values):
    for v, value in zip(variables, values, strict=True):
        v.assign(value)


def _backward(sub, needs, given):
    """(Sub, env): from the inputs of `sub` and the gradients of its outputs `given` to those of its inputs `needs`.

    Inputs and outputs are numbers; `env` maps the values of `sub`, by id, to those that the new one computes again.
    """

    def make():
        found = {}

        def run(*args):
            primals, grads = args[: len(sub.inputs)], args[len(sub.inputs) :]
            with GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([primals[i] for i in needs])
                outputs, found["env"] = sub.replay(primals)
            pairs = [(outputs[k], g) for k, g in zip(given, grads, strict=True) if outputs[k].__class__ is not Tensor]
            sources = [primals[i] for i in needs]
            if not pairs:
                return [hooks.full(x.shape, 0, x.dtype) for x in sources]
            targets, seeds = zip(*pairs)
            return tape.gradient(list(targets), sources, list(seeds), unconnected_gradients="zero")

        avals = [(x.shape, x.dtype) for x in sub.inputs] + [sub.avals[k] for k in given]
        trace, inputs, result = trace_function(run, avals)
        return Sub(inputs, trace.equations, result, trace.customs, trace.env), found["env"]

    return sub.memo(("backward", needs, given), make)


class Control(Primitive):
    """A primitive over subs. `parts(attrs)`: (title, Sub) of each; `instruction(attrs, block)`: the engine's ints,
    where `block(sub)` gives the number of a planned sub."""

    partial = True  # `vjp` gets None for an output without a gradient

    def __init__(self, name, op_id, spec, doc):
        super().__init__(name, spec, vjp=self._derivative, doc=doc, multi=True)
        self.op_id = op_id

    def execute(self, args, attrs):
        """Concrete arguments: a program of this one instruction."""

        def make():
            inputs = tuple([_like(a) for a in args])
            outs = tuple([Tracer(_nowhere, *aval) for aval in self.spec(*args, **attrs)])
            return compile_equations([Equation(self, inputs, attrs, outs)], inputs, outs)

        key = ("program", tuple(attrs.items()), tuple([(a.shape, a.dtype) for a in args]))
        return tuple(self.parts(attrs)[0][1].memo(key, make)(list(args)))


# ---- a choice


class _Switch(Control):
    def parts(self, attrs):
        return [(f"branch {i}", b) for i, b in enumerate(attrs["branches"])]

    def instruction(self, attrs, block):
        return tuple([block(b) for b in attrs["branches"]])

    def _derivative(self, ctx, *grads):
        operands = ctx.inputs[1:]
        needs = tuple([i for i in _floats(operands) if ctx.needs[i + 1]])
        given = tuple([k for k, g in enumerate(grads) if g is not None])
        branches = tuple([_backward(b, needs, given)[0] for b in ctx.attrs["branches"]])
        found = self.bind(ctx.inputs[0], *operands, *[grads[k] for k in given], branches=branches) if needs else ()
        result = [None] * len(ctx.inputs)
        for i, g in zip(needs, found):
            result[i + 1] = g
        return result


switch_p = _Switch(
    "switch",
    SWITCH_OP,
    lambda index, *operands, branches: branches[0].avals,
    "The branch numbered index (int32, held in range) on the operands; all give values of the same types.",
)


def choose(index, closures, operands=()):
    """The leaves of the chosen one of closures of `operands`; the variables that it assigns are assigned."""
    consts = _union(*[c.free for c in closures])
    variables = list(dict.fromkeys(v for c in closures for v in (*c.reads, *c.writes)))
    written = list(dict.fromkeys(v for c in closures for v in c.writes))
    branches = tuple(
        [c.sub([*c.inputs, *consts, *variables], [*c.leaves, *[c.writes.get(v, v) for v in written]]) for c in closures]
    )
    outs = switch_p.bind(index, *operands, *consts, *[v.raw() for v in variables], branches=branches)
    n = len(closures[0].leaves)
    _assign(written, outs[n:])
    return outs[:n]


# ---- a loop


class _Loop(Control):
    """Inputs: constants, `carry` carried values, `rows` arrays of rows, and a count where `counted`; outputs: the
    number of turns, the carried values, stacks of the body's other results. See csrc/runtime/control.h."""

    def parts(self, attrs):
        return [("body", attrs["body"])] + ([] if attrs["cond"] is None else [("while", attrs["cond"])])

    def instruction(self, attrs, block):
        cond = -1 if attrs["cond"] is None else block(attrs["cond"])
        length = -1 if attrs["length"] is None else attrs["length"]
        flags = int(attrs["counted"]), int(attrs["reverse"])
        return (block(attrs["body"]), cond, attrs["carry"], attrs["rows"], length, *flags)

    def bind(self, *args, **attrs):
        """Under a tape the loop also keeps what its derivative reads: stacks that the caller does not see."""
        n = 1 + len(attrs["body"].outputs)
        tracked = tuple([_followed(a) for a in args[: len(attrs["body"].inputs)]])
        if attrs["length"] is not None and True in tracked:
            attrs = {**attrs, "body": self._keeping(attrs, tracked)}
        return super().bind(*args, **attrs)[:n]

    def _keeping(self, attrs, tracked):
        """The body that also gives the values to keep."""
        body = attrs["body"]
        row = len(body.inputs) - attrs["rows"]
        carried = range(row - attrs["carry"], row)

        def make():
            needs = tuple([i for i in _floats(body.inputs) if tracked[i] or i in carried])
            backward, env = _backward(body, needs, _floats(body.outputs))
            stacked = set(map(id, body.outputs[attrs["carry"] :]))
            kept = _kept(body, backward, env, [body.inputs[i] for i in carried])
            return body.with_outputs((*body.outputs, *[y for y in kept if id(y) not in stacked]))

        return body.memo(("keeping", attrs["carry"], attrs["rows"], tracked), make)

    def _derivative(self, ctx, *grads):
        attrs, body = ctx.attrs, ctx.attrs["body"]
        n = attrs["carry"]
        row = len(body.inputs) - attrs["rows"]
        wanted = [i for i in _floats(body.inputs) if ctx.needs[i]]
        result = [None] * len(ctx.inputs)
        if not wanted:
            return result
        if attrs["length"] is None:
            raise GradientError(
                "[while_loop] has no derivative where the number of turns depends on the data, since what the way back "
                "needs cannot be kept; pass maximum_iterations, or cut the path with ops.stop_gradient"
            )
        carried = [i for i in _floats(body.inputs) if row - n <= i < row]
        stacks = [k for k in range(n, len(body.outputs)) if grads[1 + k] is not None]
        needs = tuple(sorted({*wanted, *carried}))
        backward, env = _backward(body, needs, (*[i - (row - n) for i in carried], *stacks))
        same, sources = {}, []  # values computed again that are at hand as rows, those rows and where they are stacked
        forward_inputs = {id(x) for i, x in enumerate(backward.inputs) if not row - n <= i < row}
        for k in range(n, len(body.outputs)):
            again = env.get(id(body.outputs[k]))
            if again is None or again.__class__ is Tensor or id(again) in forward_inputs or id(again) in same:
                continue
            same[id(again)] = _like(again)
            sources.append((same[id(again)], ctx.outputs[1 + k]))
        outputs = [same.get(id(y), y) for y in backward.outputs]
        equations = live(_substituted(backward.equations, same), outputs)
        used = {id(x) for eq in equations for x in eq.inputs} | set(map(id, outputs))
        missing = [body.inputs[i] for i in range(row - n, row) if id(backward.inputs[i]) in used]
        if missing:  # the tape of a derivative of this derivative asks for more than was kept
            fuller = {**attrs, "body": body.with_outputs((*body.outputs, *missing))}
            ctx = _Again(ctx.inputs, self.bind(*ctx.inputs, **fuller), fuller, ctx.needs)
            return self._derivative(ctx, *grads, *[None] * len(missing))

        gradient = dict(zip(needs, outputs))
        inward = backward.inputs[len(body.inputs) :]  # the gradients of the outputs: carried, then stacked ones
        summed = [i for i in wanted if i < row - n]
        sums = [_like(body.inputs[i]) for i in summed]
        with Trace() as trace:
            totals = [hooks.add(s, gradient[i]) for s, i in zip(sums, summed)]
        consts = [i for i in range(row - n) if id(backward.inputs[i]) in used]
        rows = [i for i in range(row, len(body.inputs)) if id(backward.inputs[i]) in used]
        sources = [pair for pair in sources if id(pair[0]) in used]
        back = Sub(
            [backward.inputs[i] for i in consts]
            + [*inward[: len(carried)], *sums]
            + [backward.inputs[i] for i in rows]
            + [x for x, _ in sources]
            + list(inward[len(carried) :]),
            equations + trace.equations,
            [gradient[i] for i in carried] + totals + [gradient[i] for i in wanted if i >= row],
            once=bool(backward.customs or backward.once),
        )
        start = [grads[1 + i - (row - n)] for i in carried]
        start = [hooks.full(x.shape, 0, x.dtype) if g is None else g for g, x in zip(start, inward)]
        counted = attrs["cond"] is not None or attrs["counted"]
        outs = self.bind(
            *[ctx.inputs[i] for i in consts],
            *start,
            *[hooks.full(s.shape, 0, s.dtype) for s in sums],
            *[ctx.inputs[i] for i in rows],
            *[stack for _, stack in sources],
            *[grads[1 + k] for k in stacks],
            *([ctx.outputs[0]] if counted else []),
            body=back,
            cond=None,
            carry=len(carried) + len(sums),
            rows=len(rows) + len(sources) + len(stacks),
            length=attrs["length"],
            counted=counted,
            reverse=not attrs["reverse"],
        )
        for i, g in zip((*carried, *summed, *[i for i in wanted if i >= row]), outs[1:], strict=True):
            result[i] = g
        return result


class _Again:
    def __init__(self, inputs, outputs, attrs, needs):
        self.inputs, self.outputs, self.attrs, self.needs = inputs, outputs, attrs, needs


def _kept(body, backward, env, carried):
    """The values of `body` that `backward` should find at hand: kernels' results and carried values that it reads."""
    at_hand = {id(env[id(x)]): x for x in carried}
    for eq in body.equations:
        if not (eq.primitive.elementwise or eq.primitive.alias or eq.primitive.name in _CHEAP):
            at_hand.update({id(env[id(y)]): y for y in eq.outputs if env[id(y)].__class__ is not Tensor})
    needed, kept = set(map(id, backward.outputs)), {}
    for eq in reversed(backward.equations):
        wanted = [id(y) for y in eq.outputs if id(y) in needed]
        kept.update({key: at_hand[key] for key in wanted if key in at_hand})
        if any(key not in at_hand for key in wanted):
            needed.update(map(id, eq.inputs))
    kept.update({key: at_hand[key] for key in needed if key in at_hand})
    return list(kept.values())


def _loop_spec(*args, body, cond, carry, rows, length, counted, reverse):
    avals = body.avals
    return [((), "int32"), *avals[:carry], *[((length, *shape), dtype) for shape, dtype in avals[carry:]]]


loop_p = _Loop("loop", LOOP_OP, _loop_spec, "The body again and again: turns, carried values, stacked results.")


def repeat(body, carry, rows=(), cond=None, length=None, count=None, reverse=False):
    """(carried values, stacks) of a loop over closures: `body` of (carry, a row of each of `rows`), `cond` of carry.

    `body.leaves` are the next carry, then what is stacked. Variables that the body assigns are carried along.
    """
    closures = [body] if cond is None else [body, cond]
    if cond is not None and cond.writes:
        raise TraceError("[while_loop] the condition must not assign variables (nor draw random numbers)")
    consts = _union(*[c.free for c in closures])
    written = list(body.writes)
    read = [v for v in dict.fromkeys(v for c in closures for v in c.reads) if v not in body.writes]
    n = len(carry)
    body_sub = body.sub(
        [*consts, *read, *body.inputs[:n], *written, *body.inputs[n:]],
        [*body.leaves[:n], *body.writes.values(), *body.leaves[n:]],
    )
    outs = loop_p.bind(
        *consts,
        *[v.raw() for v in read],
        *carry,
        *[v.raw() for v in written],
        *rows,
        *([] if count is None else [count]),
        body=body_sub,
        cond=None if cond is None else cond.sub([*consts, *read, *cond.inputs, *written], cond.leaves),
        carry=n + len(written),
        rows=len(rows),
        length=length,
        counted=count is not None,
        reverse=reverse,
    )
    _assign(written, outs[1 + n : 1 + n + len(written)])
    return outs[1 : 1 + n], outs[1 + n + len(written) :]


_MOST_TURNS = 100_000  # that are counted while tracing


def turns_of(cond, body, carry, limit):
    """The number of turns of a while loop where it depends on constants alone, else None.

    Of the body, only what the condition depends on is run.
    """
    outputs = list(body.leaves)
    if cond.free or cond.reads or len(outputs) != len(carry):
        return None
    numbers = {id(x): i for i, x in enumerate(body.inputs)}
    needed = {i for i, x in enumerate(cond.inputs) if id(x) in _read(cond._equations, cond.leaves)}
    while True:
        used = _read(body._equations, [outputs[i] for i in needed])
        made = {id(y) for eq in body._equations for y in eq.outputs}
        if any(key not in numbers and key not in made for key in used):
            return None  # a value from outside, or a variable
        grown = needed | {numbers[key] for key in used if key in numbers}
        if grown == needed:
            break
        needed = grown
    if any(carry[i].__class__ is not Tensor for i in needed):
        return None
    order = sorted(needed)
    test = Sub([cond.inputs[i] for i in order], live(cond._equations, cond.leaves), cond.leaves)
    after = [outputs[i] for i in order]
    step = Sub([body.inputs[i] for i in order], live(body._equations, after), after)
    values, n = [carry[i] for i in order], 0
    with concrete():
        while (limit is None or n < limit) and test.replay(values)[0][0].item():
            values, n = step.replay(values)[0], n + 1
            if n > _MOST_TURNS:
                return None
    return n


def _read(equations, results):
    """Ids of the tracers that `results` depend on, and of themselves."""
    used = {id(x) for x in results if x.__class__ is not Tensor}
    for eq in live(equations, results):
        used.update([id(x) for x in eq.inputs if x.__class__ is not Tensor])
    return used
