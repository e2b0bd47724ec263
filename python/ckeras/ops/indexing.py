"""`x[key]`: integers, slices with steps, None, Ellipsis, arrays of integers, boolean masks."""

import numpy as np

from ckeras._core import dtypes, hooks
from ckeras._core.errors import ShapeError
from ckeras._core.primitive import Primitive
from ckeras._core.scope import state
from ckeras._core.symbolic import public_op
from ckeras._core.tensor import Tensor, TensorBase, scalar
from ckeras.ops._common import as_dtype, operand
from ckeras.ops.elementwise import choose, greater_equal, less, logical_and
from ckeras.ops.shape import check_indices, gather_p, permute, slice_p, to_shape

__all__ = [
    "get_item",
]


class _Rows(Primitive):
    """x[start:start+n] of the first axis, which shares memory: for concrete tensors; a trace gets a slice."""

    traced = slice_p

    def execute(self, args, attrs):
        (x,) = args
        start, shape = attrs["starts"][0], attrs["shape"]
        return (Tensor(x._array.slice0(start, start + shape[0]), shape, x.dtype),)


_rows_p = _Rows("slice_rows", slice_p.spec, slice_p.pack, slice_p.vjp, "A slice of the first axis, sharing memory.")


def _is_array(k):
    return isinstance(k, (TensorBase, np.ndarray, list)) and not (
        isinstance(k, (TensorBase, np.ndarray)) and k.ndim == 0 and str(k.dtype) in dtypes.INTS
    )


def _items(x, key):
    """The key as one item a dimension, `None` apart: lists and masks as arrays of integers, Ellipsis filled in."""
    items = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, (bool, np.bool_)):
            raise IndexError("[getitem] a bool is no index; use ops.where, or an array of bools")
        if _is_array(k):
            k = operand(np.zeros(0, "int32") if isinstance(k, list) and not k else k)
            if k.dtype == "bool":
                items += _places(x, len([i for i in items if i is not None]), k)
                continue
        items.append(k)
    used = len([k for k in items if k is not None and k is not Ellipsis])
    if used > x.ndim:
        raise IndexError(f"[getitem] too many indices: {used} for a tensor of shape {x.shape}")
    dots = [i for i, k in enumerate(items) if k is Ellipsis]
    if len(dots) > 1:
        raise IndexError("[getitem] an index may hold one Ellipsis")
    rest = [slice(None)] * (x.ndim - used)
    at = dots[0] if dots else len(items)
    return items[:at] + rest + items[at + 1 :]


def _places(x, dim, mask):
    """Where a mask over the dimensions from `dim` on (before an Ellipsis) holds: one array of integers a dimension."""
    if mask.__class__ is not Tensor:
        mask._no_value("x[mask], whose size depends on the mask's values,")
    if not mask.ndim:
        raise IndexError("[getitem] a bool is no index; use ops.where, or an array of bools")
    if mask.shape != x.shape[dim : dim + mask.ndim] and mask.shape != x.shape[x.ndim - mask.ndim :]:
        raise ShapeError(
            f"[getitem] a mask of shape {mask.shape} does not fit the dimensions of {x.shape} from {dim} on"
        )
    return [operand(places.astype("int32")) for places in np.nonzero(mask.numpy())]


def _whole(k, what):
    try:
        return k.__index__()
    except (AttributeError, TypeError):
        raise IndexError(
            f"[getitem] {what} must be an integer, slice, None, Ellipsis, or an array of integers or bools; got {k!r}"
        ) from None


@public_op
def get_item(x, key):
    """`x[key]` with NumPy's rules: integers, slices, None, Ellipsis, arrays of integers or bools.

    Arrays on several axes broadcast and pick one element (or slice) each; their dimensions stand where they are side by
    side in the key, else first. A bool array picks as many elements as hold, so it needs concrete values. An integer
    out of range raises `IndexError`, an index inside an array `DataError`.
    """
    return _get_item(x, key)


def _is_integer(k):
    return k is not None and not isinstance(k, slice) and not _is_array(k)


def _get_item(x, key):
    x = operand(x)
    items = _items(x, key)
    arrays = len([k for k in items if _is_array(k)])
    if arrays > 1 or (arrays and any(map(_is_integer, items))):
        return _pick(x, items)
    starts, steps, shape, out, gathers = [], [], [], [], []
    for k in items:
        if k is None:
            out.append(1)
            continue
        dim = len(shape)
        size = x.shape[dim]
        if isinstance(k, TensorBase) and (k.ndim or k.__class__ is not Tensor):
            gathers.append((len(out), k))  # of a traced integer, a gather whose dimension goes away
            k = slice(None)
        if isinstance(k, slice):
            start, step, n = _range(k, size)
            out.append(n)
        else:
            start, step, n = _integer(k, size, dim, x.shape), 1, 1
        starts.append(start if n else 0)
        steps.append(step)
        shape.append(n)
    x = to_shape(_slice(x, tuple(starts), tuple(steps), tuple(shape)), tuple(out))
    for axis, k in reversed(gathers):
        x = gather_p.bind(x, check_indices("getitem", k), axis=axis)
    return x


def _range(k, size):
    """Start, step and count of a slice of a dimension."""
    bounds = [b if b is None else _whole(b, "a slice's bound") for b in (k.start, k.stop, k.step)]
    if bounds[2] == 0:
        raise IndexError("[getitem] a slice's step must not be 0")
    start, stop, step = slice(*bounds).indices(size)
    return start, step, len(range(start, stop, step))


def _integer(k, size, dim, shape):
    i = _whole(k, "an index")
    if not -size <= i < size:
        raise IndexError(f"[getitem] index {i} is out of range for axis {dim} of shape {shape}")
    return i % size


def _pick(x, items):
    """Several arrays, or arrays beside integers, which count as arrays of rank 0: one gather of flat places."""
    full = x.shape
    picked = [not (k is None or isinstance(k, slice)) for k in items]
    dims = [i for i, k in enumerate(k for k in items if k is not None) if not isinstance(k, slice)]
    kept = [i for i in range(x.ndim) if i not in dims]
    ranges = [_range(k, full[i]) for i, k in enumerate(k for k in items if k is not None) if isinstance(k, slice)]
    starts, steps, shape = [0] * x.ndim, [1] * x.ndim, list(full)
    for i, (start, step, n) in zip(kept, ranges):
        starts[i], steps[i], shape[i] = start if n else 0, step, n
    x = _slice(x, tuple(starts), tuple(steps), tuple(shape))
    places, count, inside = None, 1, None
    for dim, k in reversed(list(zip(dims, [k for k, p in zip(items, picked) if p]))):
        size = full[dim]
        if not _is_array(k) and not (isinstance(k, TensorBase) and k.__class__ is not Tensor):
            k = np.int32(_integer(k, size, dim, full))
        k = as_dtype(check_indices("getitem", k), "int64")
        good = logical_and(greater_equal(k, -size), less(k, size))
        k = choose(less(k, 0), k + size, k) * count
        try:
            places = k if places is None else k + places
            inside = good if inside is None else logical_and(good, inside)
        except ShapeError as e:
            raise ShapeError(f"[getitem] the arrays of indices do not broadcast: {e}") from None
        count *= size
    places = choose(inside, places, scalar(count, "int64"))  # out of range of its own axis: out of range of all
    lead = places.shape
    rest = tuple([shape[i] for i in kept])
    flat = to_shape(permute(x, tuple(dims + kept)), (count, *rest))
    x = gather_p.bind(flat, places, axis=0)
    # The picked dimensions stand in the place of the first where the arrays are side by side, else first.
    first = picked.index(True)
    together = all(picked[first : first + len(dims)])
    before = len([k for k in items[:first] if isinstance(k, slice)]) if together else 0
    n = len(lead)
    x = permute(x, (*range(n, n + before), *range(n), *range(n + before, x.ndim))) if before else x
    sizes, out = iter(rest), [] if together else list(lead)
    for i, k in enumerate(items):
        if together and i == first:
            out += lead
        if k is None:
            out.append(1)
        elif isinstance(k, slice):
            out.append(next(sizes))
    return to_shape(x, tuple(out))


def _slice(x, starts, steps, shape):
    if shape == x.shape and all(s == 1 or n < 2 for s, n in zip(steps, shape)):
        return x
    if x.__class__ is Tensor and shape[1:] == x.shape[1:] and all(s == 1 for s in steps):
        return _rows_p.bind(x, starts=starts, steps=steps, shape=shape)
    return slice_p.bind(x, starts=starts, steps=steps, shape=shape)


def _getitem(x, key):
    """`get_item`, with a short way for a row of a tensor that no tape watches."""
    if key.__class__ is int and x.__class__ is Tensor and x.shape and not state.tapes:
        n = x.shape[0]
        if -n <= key < n:
            shape = x.shape[1:]
            start = key % n
            return Tensor(x._array.slice0(start, start + 1).reshape(shape), shape, x.dtype)
    return get_item(x, key)


hooks.getitem = _getitem
