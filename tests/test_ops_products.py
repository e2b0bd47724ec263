"""Einsum, other products, norms, slices, sorted search and counts: values, traces, symbolic shapes, derivatives."""

import numpy as np
import pytest

import ckeras
from ckeras import ops
from composites import Call, Calls

rng = np.random.default_rng(5)


def n(*shape):
    return rng.normal(size=shape)


def einsum(text, *shapes, **kwargs):
    symbolic = kwargs.pop("symbolic", True)
    return Call("einsum", (text, *[n(*s) for s in shapes]), np.einsum, symbolic=symbolic)


EINSUMS = [
    einsum("ij,jk->ik", (3, 4), (4, 5)),
    einsum("ij,jk", (3, 4), (4, 5)),
    einsum("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    einsum("bij,bkj->bki", (2, 3, 4), (2, 5, 4)),
    einsum("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    einsum("bhqk,bkhd->bqhd", (2, 2, 3, 5), (2, 5, 2, 4)),
    einsum("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    einsum("...ij,...jk->...ik", (2, 1, 3, 4), (7, 4, 5)),
    einsum("ij->ji", (3, 4)),
    einsum("ij->", (3, 4)),
    einsum("ij->j", (3, 4)),
    einsum("ii->i", (4, 4), symbolic=False),
    einsum("ii", (4, 4), symbolic=False),
    einsum("iij->j", (3, 3, 2), symbolic=False),
    einsum("i,j->ij", (3,), (4,)),
    einsum("i,i->", (3,), (3,)),
    einsum("i,i->i", (3,), (3,)),
    einsum("ij,ik,il->jkl", (3, 2), (3, 4), (3, 5)),
    einsum("ij,jk,kl->il", (3, 2), (2, 4), (4, 5)),
    einsum("i,jk->", (3,), (4, 2)),
    einsum("b...d,b...d->b...", (2, 3, 4), (2, 3, 4)),
    einsum("ba,cb->ca", (3, 4), (5, 3)),
    einsum("ij,ij->ij", (3, 1), (3, 4)),
    einsum("abc,bad->cd", (2, 3, 4), (3, 2, 5)),
]

whole = rng.integers(-4, 5, (3, 4)).astype("int32")
x, cube = n(4, 6), n(2, 3, 4)
edges = np.sort(n(13))
grades = rng.integers(-6, 6, (4, 3)).astype("int32")


def _in_top_k(targets, predictions, k):
    return np.array([(p > p[t]).sum() < k for t, p in zip(targets, predictions)])


def _slice(x, start, shape):
    return x[tuple(slice(s, s + m) for s, m in zip(start, shape))]


def _slice_update(x, start, u):
    out = x.copy()
    out[tuple(slice(s, s + m) for s, m in zip(start, u.shape))] = u
    return out


OTHERS = [
    Call("vdot", (x, x + 1), np.vdot, symbolic=False),
    Call("inner", (cube, n(5, 4)), np.inner),
    Call("inner", (whole, whole), np.inner, order=0, symbolic=False),
    Call("kron", (n(2, 3), n(4, 2)), np.kron),
    Call("kron", (n(3), n(2, 2)), np.kron),
    Call("cross", (n(5, 3), n(5, 3)), np.cross),
    Call("cross", (n(3, 5), n(3, 5)), np.cross, {"axis": 0}, symbolic=False),
    Call("norm", (x,), np.linalg.norm),
    Call("norm", (x, "fro"), np.linalg.norm),
    Call("norm", (x, 1), np.linalg.norm, order=0),
    Call("norm", (x, -np.inf), np.linalg.norm, order=0),
    Call("norm", (x, np.inf, 1), np.linalg.norm, {"keepdims": True}),
    Call("norm", (x, 3, 1), np.linalg.norm),
    Call("norm", (x, 0, 1), np.linalg.norm, order=0),
    Call("norm", (cube, -1, (2, 1)), np.linalg.norm, {"keepdims": True}),
    Call("take_along_axis", (x, grades, 1), np.take_along_axis),
    Call("take_along_axis", (x, np.array([[0, 1, 2, 3, -1, 0]]), 0), np.take_along_axis, symbolic=False),
    Call("take_along_axis", (x, np.array([3, -2, 23])), np.take_along_axis, {"axis": None}, symbolic=False),
    Call("slice", (x, (1, 2), (2, 3)), _slice, symbolic=False),
    Call("slice_update", (x, (1, 2), n(2, 3)), _slice_update, symbolic=False),
    Call("slice_update", (x, (0, 0), n(4, 6)), _slice_update, symbolic=False),
    Call("unravel_index", (np.array([[0, 5], [11, 7]]), (3, 4)), np.unravel_index, order=0),
    Call("searchsorted", (edges, x), np.searchsorted, order=0, symbolic=False),
    Call("searchsorted", (np.array([1, 1, 2, 2, 2, 5]), whole), np.searchsorted, {"side": "right"}, order=0),
    Call("digitize", (x, edges), np.digitize, order=0),
    Call("histogram", (x,), np.histogram, order=0),
    Call("histogram", (whole, 3, (-1, 2)), np.histogram, order=0),
    Call("in_top_k", (np.array([0, 3, 2, 5]), x, 2), _in_top_k, order=0),
    Call(
        "extract_sequences",
        (x, 3, 2),
        lambda a, k, s: np.lib.stride_tricks.sliding_window_view(a, k, -1)[:, ::s],
    ),
]

CALLS = EINSUMS + OTHERS


class TestCalls(Calls):
    calls = CALLS


def test_einsum_of_integers_and_mistakes():
    a = np.array([[1, 2], [3, 4]], "int8")
    assert ops.einsum("ij,jk->ik", a, a).dtype == "int32"
    for text, match in [
        ("ij,jk->iz", "must be that of an operand"),
        ("ij->i", "names 1 operands"),
        ("ijk,jk", "does not fit an operand"),
        ("i1,jk", "labels are letters"),
        ("ij,jj->", r"label j .* sizes 3 and 2"),
    ]:
        with pytest.raises(ValueError, match=match):
            ops.einsum(text, np.ones((2, 3)), np.ones((2, 2)))


def test_bincount():
    np.testing.assert_array_equal(ops.bincount([1, 2, 2, 5], minlength=9), np.bincount([1, 2, 2, 5], minlength=9))
    np.testing.assert_array_equal(ops.bincount([1, 2, 2], weights=[0.5, 1.0, 2.0]), [0, 0.5, 3])
    np.testing.assert_array_equal(ops.bincount([[1, 1], [0, 2]]), [[0, 2, 0], [1, 0, 1]])
    with pytest.raises(ValueError, match="must not be negative"):
        ops.bincount([-1, 2])
    with pytest.raises(TypeError, match="depends on the values"):
        ckeras.function(ops.bincount)(ops.array([1, 2]))


def test_an_index_along_an_axis_stays_in_its_line():
    with pytest.raises(ValueError, match="out of range"):
        ops.take_along_axis(x, np.array([[6], [0], [0], [0]]), axis=1)


def test_traced_starts():
    first = ckeras.function(lambda t, i, u: (ops.slice(t, [i, 2], (2, 3)), ops.slice_update(t, [i, 2], u)))
    u = n(2, 3)
    for start, at in ((1, 1), (9, 2)):  # one that lies too far is moved
        part, whole = first(ops.array(x), ops.array(start), ops.array(u))
        np.testing.assert_array_equal(part, x[at : at + 2, 2:5])
        np.testing.assert_array_equal(whole, _slice_update(x, (at, 2), u))
        np.testing.assert_array_equal(ops.slice(x, [start, 2], (2, 3)), part)
        np.testing.assert_array_equal(ops.slice_update(x, [start, 2], u), whole)
