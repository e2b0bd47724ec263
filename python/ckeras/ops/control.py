"""Control flow: choices and loops whose bodies are Python functions.

Eagerly they are Python: the chosen function runs, a loop calls its body turn by turn. While a function is traced, what
depends on the data becomes a part of the program (`_core.control`): both branches, or the body once, are traced. Loops
of up to `UNROLLED` turns are traced turn by turn, which fuses better.
"""

from ckeras._core import nest
from ckeras._core import program as _program  # noqa: F401  compiles control flow over concrete tensors
from ckeras._core.control import Closure, choose, repeat, turns_of
from ckeras._core.errors import ArgumentError, ConcreteValueError, DTypeError, ShapeError, user_line
from ckeras._core.scope import state
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor
from ckeras.ops._common import axis_index, operand
from ckeras.ops.elementwise import maximum, minimum, subtract
from ckeras.ops.shape import concatenate, cut, flip, reshape, stack

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]

UNROLLED = 8


def _one(op, name, x):
    """The tensor of one element that `x` is."""
    t = operand(x)
    if t.size != 1:
        raise ShapeError(f"[{op}] {name} must be one element, got shape {t.shape}")
    return t


def _value(op, name, x, instead):
    """The number in a tensor of one element."""
    t = _one(op, name, x)
    if t.__class__ is not Tensor:
        raise ConcreteValueError(
            f"{user_line()}: [{op}] {name} depends on the data, and has no value while the function is traced; "
            f"{instead}"
        )
    return t.item()


def _types(leaves):
    return [(t.shape, t.dtype) for t in leaves]


def _same(op, what, like, found):
    """Refuses `(structure, leaves)` that differ in structure, shapes or dtypes."""
    if nest.skeleton(like[0]) != nest.skeleton(found[0]) or len(like[1]) != len(found[1]):
        raise ArgumentError(f"[{op}] {what}: the structures differ, {like[0]!r} and {found[0]!r}")
    for a, b in zip(like[1], found[1]):
        if a.shape != b.shape:
            raise ShapeError(f"[{op}] {what}: the shapes must be equal, got {a.shape} and {b.shape}")
        if a.dtype != b.dtype:
            raise DTypeError(f"[{op}] {what}: the dtypes must be equal, got {a.dtype} and {b.dtype}; ops.cast one")


def _choose(op, index, functions):
    closures = [Closure(f, ()) for f in functions]
    first = closures[0]
    for i, c in enumerate(closures[1:], 1):
        _same(
            op,
            f"branches 0 and {i}" if op == "switch" else "the branches",
            (first.result, first.leaves),
            (c.result, c.leaves),
        )
    return nest.pack(first.result, choose(index, closures))


@public_op
def cond(pred, true_fn, false_fn):
    """`true_fn()` where `pred` (one element) holds, else `false_fn()`; only the chosen one runs.

    In a traced function where `pred` depends on the data both functions are traced, and must give the same structure,
    shapes and dtypes; `ArgumentError`, `ShapeError` or `DTypeError` otherwise.

    >>> int(ops.cond(ops.array(True), lambda: 1, lambda: 2))
    1
    """
    pred = _one("cond", "pred", pred)
    if pred.__class__ is Tensor:
        return true_fn() if pred.item() else false_fn()
    index = (reshape(pred, ()) != 0).astype("int32")
    return _choose("cond", index, [false_fn, true_fn])


@public_op
def switch(index, branches, *operands):
    """`branches[index](*operands)`; an index out of range counts as the nearest in range.

    In a traced function where `index` depends on the data every branch is traced; see `cond`.
    """
    if not branches:
        raise ArgumentError("[switch] branches must hold at least one function")
    index = _one("switch", "index", index)
    if index.dtype[:3] not in ("int", "uin"):
        raise DTypeError(f"[switch] index must be an integer, got {index.dtype}")
    if index.__class__ is Tensor:
        return branches[min(max(int(index.item()), 0), len(branches) - 1)](*operands)
    index = reshape(minimum(maximum(index, 0), len(branches) - 1), ()).astype("int32")
    return _choose("switch", index, [lambda f=f: f(*operands) for f in branches])


def _next(loop_vars, many, out):
    """What a body of `while_loop` returned, as its loop variables."""
    out = tuple(out) if many and isinstance(out, (tuple, list)) else (out,)
    if len(out) != len(loop_vars):
        raise ArgumentError(f"[while_loop] body must return {len(loop_vars)} loop variables, got {len(out)}")
    return out


@public_op
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds, at most `maximum_iterations` times.

    `loop_vars` is a tuple or list, or one value, and what `body` returns has its structure; in a traced function also
    its shapes and dtypes. The number of turns may depend on the data. A traced loop whose number of turns does has a
    gradient only with `maximum_iterations`: `GradientError` otherwise.

    >>> int(ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0))
    6
    """
    many = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if many else (loop_vars,)
    limit = (
        None
        if maximum_iterations is None
        else int(_value("while_loop", "maximum_iterations", maximum_iterations, "pass a constant"))
    )
    if state.trace is not None:
        found = _traced_while(cond, body, values, many, limit)
        if found is not None:
            return type(loop_vars)(found) if many else found[0]
    n = 0
    while limit is None or n < limit:
        if not _value("while_loop", "the condition", cond(*values), "pass loop variables that are tensors"):
            break
        values, n = _next(values, many, body(*values)), n + 1
    values = tuple([nest.map_leaves(operand, v) for v in values])
    return type(loop_vars)(values) if many else values[0]


def _traced_while(cond, body, values, many, limit):
    """The loop as a part of the program; None where it is better run turn by turn."""
    values = tuple([nest.map_leaves(operand, v) for v in values])
    carry = nest.leaves(values)

    def test(*leaves):
        return _one("while_loop", "the condition", cond(*nest.pack(values, leaves)))

    def turn(*leaves):
        return _next(values, many, body(*nest.pack(values, leaves)))

    avals = _types(carry)
    test, turn = Closure(test, avals), Closure(turn, avals)
    n = turns_of(test, turn, carry, limit)
    if n is not None and n <= UNROLLED:
        return None
    _same("while_loop", "loop variables and what body returns", (values, carry), (turn.result, turn.leaves))
    if n is not None:
        carry, _ = repeat(turn, carry, length=n)
    else:
        test.leaves[0] = test.truth(lambda y: reshape(y, ()) != 0)
        carry, _ = repeat(turn, carry, cond=test, length=limit)
    return nest.pack(values, carry)


@public_op
def fori_loop(lower, upper, body_fun, init_val):
    """`val = body_fun(i, val)` for `i` from `lower` up to but without `upper`, starting with `init_val`.

    In a traced function `val` keeps its structure, shapes and dtypes. The bounds may depend on the data; then it has no
    gradient (`GradientError`): use `while_loop` with `maximum_iterations`.

    >>> int(ops.fori_loop(0, 4, lambda i, v: v + i, 0))
    6
    """
    lower, upper = _one("fori_loop", "lower", lower), _one("fori_loop", "upper", upper)
    known = lower.__class__ is Tensor and upper.__class__ is Tensor
    if known and (state.trace is None or upper.item() - lower.item() <= UNROLLED):
        val = init_val
        for i in range(int(lower.item()), int(upper.item())):
            val = body_fun(operand(i), val)
        return nest.map_leaves(operand, val)
    start = reshape(lower, ()).astype("int32")
    init_val = nest.map_leaves(operand, init_val)
    leaves = nest.leaves(init_val)

    def turn(i, *leaves):
        return i + 1, body_fun(i, nest.pack(init_val, leaves))

    turn = Closure(turn, [((), "int32"), *_types(leaves)])
    _same("fori_loop", "init_val and what body_fun returns", (init_val, leaves), (turn.result[1], turn.leaves[1:]))
    if known:
        length, count = int(upper.item()) - int(lower.item()), None
    else:
        length, count = None, maximum(subtract(reshape(upper, ()), reshape(lower, ())), 0).astype("int32")
    carry, _ = repeat(turn, [start, *leaves], length=length, count=count)
    return nest.pack(init_val, carry[1:])


def _length(op, xs, length=None):
    """The common size of the first dimensions."""
    sizes = {t.shape[0] if t.shape else None for t in nest.leaves(xs)}
    if length is not None:
        sizes.add(int(length))
    if len(sizes) != 1 or None in sizes:
        raise ShapeError(f"[{op}] the leading dimensions must be equal, got {[t.shape for t in nest.leaves(xs)]}")
    return sizes.pop()


def _stacked(results):
    """The structure of each result, its leaves stacked."""
    rows = [[operand(v) for v in nest.leaves(r)] for r in results]
    return nest.pack(results[0], [stack(list(column)) for column in zip(*rows)])


def _scan(op, f, init, xs, n, reverse, unrolled):
    """(last carry, stacked results) of `carry, y = f(carry, x)` over the rows of `xs`."""
    if n and (state.trace is None or unrolled):
        carry, ys = init, []
        for i in reversed(range(n)) if reverse else range(n):
            carry, y = f(carry, None if xs is None else nest.map_leaves(lambda t: t[i], xs))  # noqa: B023
            ys.append(y)
        if reverse:
            ys.reverse()
        return carry, None if all(v is None for v in nest.leaves(ys)) else _stacked(ys)
    carry, rows = nest.leaves(init), nest.leaves(xs)

    def turn(*leaves):
        x = nest.pack(xs, leaves[len(carry) :])
        return f(nest.pack(init, leaves[: len(carry)]), x)

    turn = Closure(turn, [*_types(carry), *[(t.shape[1:], t.dtype) for t in rows]])
    if not isinstance(turn.result, (tuple, list)) or len(turn.result) != 2:
        raise ArgumentError(f"[{op}] f must return (carry, y), got {turn.result!r}")
    after = nest.leaves(turn.result[0])
    _same(op, "init and the carry that f returns", (init, carry), (turn.result[0], after))
    carry, stacks = repeat(turn, carry, rows=rows, length=n, reverse=reverse)
    return nest.pack(init, carry), nest.pack(turn.result[1], stacks)


@public_op
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """`carry, y = f(carry, x)` over the leading dimension of `xs`: the last carry, and the `y` stacked.

    `xs` may be nested; without it, `f` gets `None` and `length` says how often. With `reverse` from the last to the
    first. In a traced function the body is traced once, and the carry keeps its structure, shapes and dtypes; it is
    traced turn by turn where `unroll` is true or at least the number of turns, or there are few. Raises
    `ArgumentError` for neither `xs` nor `length`.

    >>> last, sums = ops.scan(lambda c, x: (c + x, c + x), ops.array(0), ops.array([1, 2, 3]))
    >>> int(last), sums.numpy().tolist()
    (6, [1, 3, 6])
    """
    if xs is None and length is None:
        raise ArgumentError("[scan] expected xs, or a length; got neither")
    if not isinstance(unroll, (bool, int)) or unroll < 0:
        raise ArgumentError(f"[scan] unroll must be a bool or a positive int, got {unroll!r}")
    xs = nest.map_leaves(operand, xs) if xs is not None else None
    n = int(length) if xs is None else _length("scan", xs, length)
    unrolled = unroll is True or n <= max(UNROLLED, int(unroll))
    return _scan("scan", f, nest.map_leaves(operand, init), xs, n, bool(reverse), unrolled)


@public_op
def map(f, xs):
    """`f` of each element along the leading dimension of `xs` (which may be nested), the results stacked.

    >>> ops.map(lambda x: x * x, ops.array([1, 2, 3])).numpy()
    array([1, 4, 9], dtype=int32)
    """
    xs = nest.map_leaves(operand, xs)
    n = _length("map", xs)
    return _scan("map", lambda _, x: ((), f(x)), (), xs, n, False, n <= UNROLLED)[1]


@public_op
def vectorized_map(function, elements):
    """`function` of each element along the leading dimension of `elements`, the results stacked; as `ops.map`."""
    return map(function, elements)


@public_op
def associative_scan(f, elems, reverse=False, axis=0):
    """All running results of the associative `f(a, b)` along `axis`: of the first, the first two, the first three ...

    `elems` may be nested; `f` gets and gives its structure, on slices along `axis`. With `reverse` from the end. It
    takes log2(n) calls of `f`.

    >>> ops.associative_scan(lambda a, b: a + b, ops.array([1, 2, 3])).numpy()
    array([1, 3, 6], dtype=int32)
    """
    leaves = [operand(v) for v in nest.leaves(elems)]
    if not leaves:
        raise ArgumentError("[associative_scan] elems holds no tensor")
    axes = [axis_index("associative_scan", axis, t.ndim) for t in leaves]
    sizes = {t.shape[a] for t, a in zip(leaves, axes)}
    if len(sizes) != 1:
        raise ShapeError(f"[associative_scan] sizes along axis {axis} must be equal, got {sorted(sizes)}")
    (n,) = sizes
    if reverse:
        leaves = [flip(t, a) for t, a in zip(leaves, axes)]
    places = 1
    while places < n:
        before = nest.pack(elems, [cut(t, a, 0, n - places) for t, a in zip(leaves, axes)])
        after = nest.pack(elems, [cut(t, a, places, n) for t, a in zip(leaves, axes)])
        joined = nest.leaves(f(before, after))
        leaves = [concatenate([cut(t, a, 0, places), operand(j)], a) for t, a, j in zip(leaves, axes, joined)]
        places *= 2
    return nest.pack(elems, [flip(t, a) for t, a in zip(leaves, axes)] if reverse else leaves)
