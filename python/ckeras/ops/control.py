"""Control flow: choices and loops whose bodies are Python functions.

A choice or a loop count that depends on data needs a value: these functions run eagerly, and while they are traced only
where predicates and bounds are constants. Loops of a known length (`map`, `scan`, `fori_loop`) are traced unrolled.
"""

from ckeras._core import nest
from ckeras._core.errors import ArgumentError, ConcreteValueError, ShapeError, user_line
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor
from ckeras.ops._common import axis_index, operand
from ckeras.ops.shape import concatenate, cut, flip, stack

__all__ = ["associative_scan", "cond", "fori_loop", "map", "scan", "switch", "vectorized_map", "while_loop"]


def _value(op, name, x, instead):
    """The number in a tensor of one element."""
    t = operand(x)
    if t.__class__ is not Tensor:
        raise ConcreteValueError(
            f"{user_line()}: [{op}] {name} depends on the data, and has no value while the function is traced; "
            f"{instead}, or run eagerly: `model.compile(..., run_eagerly=True)`, or no `ckeras.function` around it"
        )
    if t.size != 1:
        raise ShapeError(f"[{op}] {name} must be one element, got shape {t.shape}")
    return t.item()


@public_op
def cond(pred, true_fn, false_fn):
    """`true_fn()` where `pred` (one element) holds, else `false_fn()`; only the chosen one runs.

    Raises `ConcreteValueError` while traced when `pred` depends on the data: `ops.where` chooses between values.

    >>> int(ops.cond(ops.array(True), lambda: 1, lambda: 2))
    1
    """
    return true_fn() if _value("cond", "pred", pred, "use ops.where on the two results") else false_fn()


@public_op
def switch(index, branches, *operands):
    """`branches[index](*operands)`; an index out of range counts as the nearest in range."""
    if not branches:
        raise ArgumentError("[switch] branches must hold at least one function")
    i = int(_value("switch", "index", index, "use ops.select on the results"))
    return branches[min(max(i, 0), len(branches) - 1)](*operands)


@public_op
def while_loop(cond, body, loop_vars, maximum_iterations=None):
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds, at most `maximum_iterations` times.

    `loop_vars` is a tuple or list, or one value, and what `body` returns has its structure. Raises
    `ConcreteValueError` while traced when the condition depends on the data.

    >>> int(ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0))
    6
    """
    many = isinstance(loop_vars, (tuple, list))
    state, n = tuple(loop_vars) if many else (loop_vars,), 0
    while (maximum_iterations is None or n < maximum_iterations) and _value(
        "while_loop", "the condition", cond(*state), "use ops.fori_loop with a known number of turns"
    ):
        out = body(*state)
        out = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        if len(out) != len(state):
            raise ArgumentError(f"[while_loop] body must return {len(state)} loop variables, got {len(out)}")
        state, n = out, n + 1
    state = tuple([nest.map_leaves(operand, v) for v in state])
    return type(loop_vars)(state) if many else state[0]


@public_op
def fori_loop(lower, upper, body_fun, init_val):
    """`val = body_fun(i, val)` for `i` from `lower` up to but without `upper`, starting with `init_val`.

    >>> int(ops.fori_loop(0, 4, lambda i, v: v + i, 0))
    6
    """
    first = int(_value("fori_loop", "lower", lower, "pass a constant"))
    last = int(_value("fori_loop", "upper", upper, "pass a constant"))
    val = init_val
    for i in range(first, last):
        val = body_fun(operand(i), val)
    return nest.map_leaves(operand, val)


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


@public_op
def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    """`carry, y = f(carry, x)` over the leading dimension of `xs`: the last carry, and the `y` stacked.

    `xs` may be nested; without it, `f` gets `None` and `length` says how often. With `reverse` from the last to the
    first. `unroll` changes nothing: a traced scan is unrolled. Raises `ArgumentError` for neither `xs` nor `length`.

    >>> last, sums = ops.scan(lambda c, x: (c + x, c + x), ops.array(0), ops.array([1, 2, 3]))
    >>> int(last), sums.numpy().tolist()
    (6, [1, 3, 6])
    """
    if xs is None and length is None:
        raise ArgumentError("[scan] expected xs, or a length; got neither")
    xs = nest.map_leaves(operand, xs) if xs is not None else None
    n = int(length) if xs is None else _length("scan", xs, length)
    if not n:
        raise ShapeError("[scan] over no elements: the structure of the results is not known")
    carry, ys = nest.map_leaves(operand, init), []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, None if xs is None else nest.map_leaves(lambda t: t[i], xs))  # noqa: B023
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, None if all(v is None for v in nest.leaves(ys)) else _stacked(ys)


@public_op
def map(f, xs):
    """`f` of each element along the leading dimension of `xs` (which may be nested), the results stacked.

    >>> ops.map(lambda x: x * x, ops.array([1, 2, 3])).numpy()
    array([1, 4, 9], dtype=int32)
    """
    xs = nest.map_leaves(operand, xs)
    n = _length("map", xs)
    if not n:
        raise ShapeError("[map] over no elements: the structure of the results is not known")
    return _stacked([f(nest.map_leaves(lambda t: t[i], xs)) for i in range(n)])  # noqa: B023


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
