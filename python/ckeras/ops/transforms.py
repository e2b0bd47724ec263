"""Functions of functions: forward derivatives, and functions of elements made functions of arrays."""

import functools
import re

from ckeras._core import nest
from ckeras._core.dtypes import FLOATS
from ckeras._core.errors import ArgumentError, DTypeError, ShapeError
from ckeras._core.primitive import broadcast_shapes
from ckeras._core.symbolic import public_op
from ckeras._core.tape import GradientTape
from ckeras.ops._common import operand
from ckeras.ops.control import map as map_rows
from ckeras.ops.create import zeros_like
from ckeras.ops.shape import broadcast_to, reshape, reshape_p

__all__ = ["jvp", "vectorize"]


@public_op
def jvp(fun, primals, tangents, has_aux=False):
    """`(fun(*primals), derivative)`: how the results change as `primals` move along `tangents`.

    `primals` and `tangents` are tuples of floats (also nested) of equal structures and shapes. With `has_aux`, `fun`
    gives `(results, aux)` and the answer is `(results, derivative, aux)`. It is the derivative of the gradient, which
    is linear in what flows back: what has only a first derivative has none here (`GradientError`). Raises
    `ArgumentError`, `ShapeError` or `DTypeError` for tangents that do not fit.

    >>> y, dy = ops.jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(y), float(dy)
    (9.0, 6.0)
    """
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise ArgumentError(f"[jvp] {name} must be a tuple, one for each argument of fun, got {value!r}")
    primals, tangents = nest.map_leaves(operand, primals), nest.map_leaves(operand, tangents)
    # Tensors of their own: equal constants, and one tensor passed twice, are one object otherwise.
    primals = nest.map_leaves(lambda x: reshape_p.bind(x, shape=x.shape), primals)
    sources, moves = nest.leaves(primals), nest.leaves(tangents)
    if nest.skeleton(tuple(primals)) != nest.skeleton(tuple(tangents)):
        raise ArgumentError(f"[jvp] primals and tangents differ in structure: {primals!r} and {tangents!r}")
    for x, t in zip(sources, moves):
        if x.dtype not in FLOATS or x.dtype != t.dtype:
            raise DTypeError(f"[jvp] primals and tangents must be floats of one dtype, got {x.dtype} and {t.dtype}")
        if x.shape != t.shape:
            raise ShapeError(f"[jvp] primals and tangents must have equal shapes, got {x.shape} and {t.shape}")
    with GradientTape(watch_accessed_variables=False) as outer:
        with GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(sources)
            results = fun(*primals)
        results, aux = results if has_aux else (results, None)
        results = nest.map_leaves(operand, results)
        flat = nest.leaves(results)
        whole = [y.dtype for y in flat if y.dtype not in FLOATS]
        if whole:
            raise DTypeError(f"[jvp] fun must give floats, got {whole[0]}; return others as aux")
        back = [reshape_p.bind(zeros_like(y), shape=y.shape) for y in flat]
        outer.watch(back)
        pulled = inner.gradient(flat, sources, back, unconnected_gradients="zero")
    moved = nest.pack(results, outer.gradient(pulled, back, moves, unconnected_gradients="zero"))
    return (results, moved, aux) if has_aux else (results, moved)


_DIMS = r"\(\s*(?:\w+\s*(?:,\s*\w+\s*)*)?\)"
_SIGNATURE = rf"\s*{_DIMS}\s*(?:,\s*{_DIMS}\s*)*->\s*{_DIMS}\s*(?:,\s*{_DIMS}\s*)*"


def _parsed(signature):
    """`(dims of each argument, dims of each result)`: tuples of names."""
    if not re.fullmatch(_SIGNATURE, signature):
        raise ArgumentError(f"[vectorize] signature must be written as '(m,n),(n)->(m)', got {signature!r}")
    sides = signature.split("->")
    return tuple([[tuple(re.findall(r"\w+", dims)) for dims in re.findall(_DIMS, side)] for side in sides])


def vectorize(pyfunc, *, excluded=None, signature=None):
    """`pyfunc` of elements as a function of arrays, which broadcast, as `numpy.vectorize`.

    `signature`, as "(m,n),(n)->(m)", names the last dimensions that `pyfunc` takes whole and gives; without it, it
    takes scalars, and results may have any shape. Arguments given by keyword and those whose numbers are in `excluded`
    are passed as they are. Raises `ArgumentError` for a `pyfunc` that is no function and for such a signature,
    `ShapeError` where sizes do not agree.

    >>> first = ops.vectorize(lambda row, i: row[i], signature="(n),()->()")
    >>> first(ops.array([[1, 2], [3, 4]]), ops.array([1, 0])).numpy()
    array([2, 3], dtype=int32)
    """
    if not callable(pyfunc):
        raise ArgumentError(f"[vectorize] pyfunc must be a function, got {pyfunc!r}")
    excluded = frozenset(excluded or ())
    parsed = None if signature is None else _parsed(signature)

    @functools.wraps(pyfunc)
    def wrapper(*args, **kwargs):
        places = [i for i in range(len(args)) if i not in excluded]
        arrays = [operand(args[i]) for i in places]
        dims, given = parsed or ([()] * len(arrays), None)
        if len(dims) != len(arrays):
            raise ArgumentError(f"[vectorize] the signature {signature!r} is of {len(dims)} arrays, got {len(arrays)}")
        sizes, loop = {}, ()
        for t, names in zip(arrays, dims):
            loop = broadcast_shapes(loop, _outer(t.shape, names, sizes, signature))

        def one(*elements):
            full = list(args)
            for i, x in zip(places, elements):
                full[i] = x
            results = pyfunc(*full, **kwargs)
            if given is not None:
                _check_results(nest.map_leaves(operand, results), given, dict(sizes), signature)
            return results

        if not loop:
            return nest.map_leaves(operand, one(*arrays))
        count = 1
        for d in loop:
            count *= d
        rows = []
        for t, names in zip(arrays, dims):
            core = t.shape[len(t.shape) - len(names) :]
            rows.append(reshape(broadcast_to(t, (*loop, *core)), (count, *core)))
        results = map_rows(lambda row: one(*row), tuple(rows))
        return nest.map_leaves(lambda y: reshape(y, (*loop, *y.shape[1:])), results)

    return wrapper


def _outer(shape, names, sizes, signature):
    """The dimensions before those that the signature names; notes the sizes of these."""
    if len(shape) < len(names):
        raise ShapeError(f"[vectorize] {signature!r} wants {len(names)} dimensions or more, got shape {shape}")
    split = len(shape) - len(names)
    for name, size in zip(names, shape[split:]):
        if sizes.setdefault(name, size) != size:
            raise ShapeError(f"[vectorize] {name!r} in {signature!r} is {sizes[name]} and {size}: sizes must agree")
    return shape[:split]


def _check_results(results, given, sizes, signature):
    found = list(results) if isinstance(results, (tuple, list)) else [results]
    if len(found) != len(given):
        raise ShapeError(f"[vectorize] {signature!r} gives {len(given)} results, the function gave {len(found)}")
    for y, names in zip(found, given):
        if len(y.shape) != len(names) or _outer(y.shape, names, sizes, signature):
            raise ShapeError(f"[vectorize] a result of shape {y.shape} is not {names} as in {signature!r}")
