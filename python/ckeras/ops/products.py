"""Sums of products beyond matmul: einsum, inner, cross and Kronecker products."""

import math

from ckeras._core import dtypes
from ckeras._core.errors import ArgumentError, ShapeError
from ckeras._core.symbolic import public_op
from ckeras.ops._common import as_dtype, axis_index, check_broadcast, operand, promote
from ckeras.ops.diagonals import diagonal
from ckeras.ops.linalg import matmul, tensordot
from ckeras.ops.reduce import reduce, sum_p
from ckeras.ops.shape import moveaxis, permute, stack, to_shape, widen

__all__ = ["cross", "einsum", "inner", "kron", "vdot"]


@public_op
def vdot(x1, x2):
    """The sum of products of the raveled `x1` and `x2`: a scalar. Raises `ShapeError` when their sizes differ."""
    a, b = promote(x1, x2)
    if a.size != b.size:
        raise ShapeError(f"[vdot] x1 and x2 must have as many elements, got shapes {a.shape} and {b.shape}")
    return matmul(to_shape(a, (a.size,)), to_shape(b, (b.size,)))


@public_op
def inner(x1, x2):
    """The sums of products over the last dimensions of `x1` and `x2`: shape `x1.shape[:-1] + x2.shape[:-1]`."""
    a, b = promote(x1, x2)
    if not a.shape or not b.shape:
        return a * b
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"[inner] the last dimensions must be equal, got shapes {a.shape} and {b.shape}")
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 1]))


@public_op
def kron(x1, x2):
    """The Kronecker product: each element of `x1` times the whole of `x2`, in blocks. Shapes multiply.

    >>> ops.kron([1, 2], [1, 1]).numpy()
    array([1, 1, 2, 2], dtype=int32)
    """
    a, b = promote(x1, x2)
    rank = max(a.ndim, b.ndim)
    left, right = (1,) * (rank - a.ndim) + a.shape, (1,) * (rank - b.ndim) + b.shape
    a = to_shape(a, tuple([d for n in left for d in (n, 1)]))
    b = to_shape(b, tuple([d for n in right for d in (1, n)]))
    return to_shape(a * b, tuple([m * n for m, n in zip(left, right)]))


@public_op
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors of 2 or 3 elements along `axisa` and `axisb`, the result's along `axisc`.

    `axis` stands for all three. Two vectors of 2 elements give the third component alone. Other dimensions broadcast.

    >>> ops.cross([1, 0, 0], [0, 1, 0]).numpy()
    array([0, 0, 1], dtype=int32)
    """
    a, b = promote(x1, x2)
    if axis is not None:
        axisa = axisb = axisc = axis
    a = moveaxis(a, axis_index("cross", axisa, a.ndim, "axisa"), -1)
    b = moveaxis(b, axis_index("cross", axisb, b.ndim, "axisb"), -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(f"[cross] vectors must have 2 or 3 elements, got {a.shape[-1]} and {b.shape[-1]}")
    check_broadcast("cross", a.shape[:-1], b.shape[:-1])
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    third = a0 * b1 - a1 * b0
    if a.shape[-1] == b.shape[-1] == 2:
        return third
    if a.shape[-1] == 2:
        b2 = b[..., 2]
        parts = [a1 * b2, -(a0 * b2), third]
    elif b.shape[-1] == 2:
        a2 = a[..., 2]
        parts = [-(a2 * b1), a2 * b0, third]
    else:
        a2, b2 = a[..., 2], b[..., 2]
        parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, third]
    return stack(parts, axis_index("cross", axisc, third.ndim + 1, "axisc"))


# ---- einsum: every operand is a tensor and a label a dimension


def _subscripts(text, shapes):
    """The labels of each operand and of the result; what an ellipsis stands for gets numbers for labels."""
    if not isinstance(text, str):
        raise ArgumentError(f"[einsum] subscripts must be a string such as 'ij,jk->ik', got {text!r}")
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ArgumentError(f"[einsum] '{text}' names {len(terms)} operands, got {len(shapes)}")
    widest, out = 0, []
    for term, shape in zip(terms, shapes):
        before, dots, after = term.partition("...")
        n = len(shape) - len(before) - len(after)
        if n < 0 or (n and not dots):
            raise ShapeError(f"[einsum] '{term}' of '{text}' does not fit an operand of shape {shape}")
        widest = max(widest, n)
        out.append([*before, *range(-n, 0), *after])
    letters = [c for labels in out for c in labels if isinstance(c, str)]
    if not all(c.isalpha() for c in letters):
        raise ArgumentError(f"[einsum] labels are letters, got '{text}'")
    if arrow:
        before, dots, after = right.partition("...")
        result = [*before, *(range(-widest, 0) if dots else ()), *after]
        odd = [c for c in (*before, *after) if c not in letters]
        if odd or len(set(result)) != len(result):
            raise ArgumentError(f"[einsum] each label of '{right}' must be that of an operand, once; in '{text}'")
    else:
        result = [*range(-widest, 0), *sorted(c for c in set(letters) if letters.count(c) == 1)]
    return out, result


def _sizes(text, labels, operands):
    sizes = {}
    for mine, x in zip(labels, operands):
        for c, n in zip(mine, x.shape):
            if sizes.setdefault(c, n) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise ShapeError(f"[einsum] label {c} of '{text}' has sizes {sizes[c]} and {n}")
    return sizes


def _single(x, labels, sizes, wanted):
    """`x` with each label once, none of those that are broadcast from 1, and those not wanted summed."""
    for c in [c for c in set(labels) if labels.count(c) > 1]:
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            x = diagonal(x, 0, i, j)
            labels = [d for k, d in enumerate(labels) if k not in (i, j)] + [c]
    kept = [i for i, c in enumerate(labels) if not (x.shape[i] == 1 and sizes[c] > 1)]
    x, labels = to_shape(x, tuple([x.shape[i] for i in kept])), [labels[i] for i in kept]
    return _summed(x, labels, wanted)


def _summed(x, labels, wanted):
    axes = tuple([i for i, c in enumerate(labels) if c not in wanted])
    return reduce(sum_p, x, axes, False), [c for c in labels if c in wanted]


def _arranged(x, labels, order):
    return permute(x, tuple([labels.index(c) for c in order]))


def _contract(a, la, b, lb, wanted):
    """Two operands multiplied, summed over the shared labels that nobody wants later."""
    shared = [c for c in la if c in lb]
    batch = [c for c in shared if c in wanted]
    inner = [c for c in shared if c not in wanted]
    mine, theirs = [c for c in la if c not in lb], [c for c in lb if c not in la]
    sizes = dict(zip(la + lb, a.shape + b.shape))

    def shape(*groups):
        return tuple([math.prod([sizes[c] for c in g]) for g in groups])

    out = batch + mine + theirs
    if not inner:  # nothing to sum: a product with broadcasting
        a = to_shape(_arranged(a, la, batch + mine), tuple([sizes[c] for c in batch + mine]) + (1,) * len(theirs))
        b = _arranged(b, lb, batch + theirs)
        b = to_shape(b, b.shape[: len(batch)] + (1,) * len(mine) + b.shape[len(batch) :])
        return a * b, out
    lead = shape(batch) if batch else ()
    a = to_shape(_arranged(a, la, batch + mine + inner), lead + shape(mine, inner))
    b = to_shape(_arranged(b, lb, batch + inner + theirs), lead + shape(inner, theirs))
    return to_shape(matmul(a, b), tuple([sizes[c] for c in out])), out


@public_op
def einsum(subscripts, *operands, **kwargs):
    """Sums of products by Einstein's convention: `"bij,bjk->bik"` is a batched matmul.

    A label that the result lacks is summed over; without `->` the result has the labels that occur once, sorted. A
    label twice in one operand takes its diagonal; `...` stands for dimensions that broadcast. Operands are multiplied
    from left to right as matrix products. Dtypes are promoted; int8 is summed in int32. The keyword `optimize` is
    accepted and changes nothing.

    >>> ops.einsum("ij,j->i", [[1.0, 2.0]], [3.0, 4.0]).numpy()
    array([11.], dtype=float32)
    """
    kwargs.pop("optimize", None)
    if kwargs:
        raise ArgumentError(f"[einsum] unexpected arguments {sorted(kwargs)}")
    if not operands:
        raise ArgumentError(f"[einsum] '{subscripts}' needs operands, got none")
    if all(operand(x).dtype == "int8" for x in operands):
        operands = [as_dtype(operand(x), "int32") for x in operands]
    xs = promote(*operands)
    dtype = xs[0].dtype
    if dtype not in dtypes.FLOATS and dtype in ("bool", "int8"):
        xs = [as_dtype(x, "int32") for x in xs]
    labels, result = _subscripts(subscripts, [x.shape for x in xs])
    sizes = _sizes(subscripts, labels, xs)
    terms = []
    for i, (x, mine) in enumerate(zip(xs, labels)):
        others = {c for j, other in enumerate(labels) if j != i for c in other}
        terms.append(_single(x, mine, sizes, others | set(result)))
    out, have = terms[0]
    for i, (x, mine) in enumerate(terms[1:], 1):
        later = {c for _, other in terms[i + 1 :] for c in other} | set(result)
        out, have = _contract(out, have, x, mine, later)
    out, have = _summed(out, have, result)
    missing = [c for c in result if c not in have]  # of size 1 everywhere, or broadcast away
    out = _arranged(out, have, [c for c in result if c in have])
    if missing:
        out = to_shape(out, tuple([1 if c in missing else sizes[c] for c in result]))
    return widen(out, tuple([sizes[c] for c in result]))
