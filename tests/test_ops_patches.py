"""Patches of images, correlation, distinct elements."""

import numpy as np
import pytest

import ckeras
from ckeras import ops
from composites import Call, Calls

rng = np.random.default_rng(17)
images = rng.normal(size=(2, 3, 6, 5))


def unfold(x, kernel, dilation, padding, stride):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    (kh, kw), (h, w) = kernel, x.shape[2:]
    columns = []
    for i in range(0, h - (kh - 1) * dilation, stride):
        for j in range(0, w - (kw - 1) * dilation, stride):
            patch = x[:, :, i : i + (kh - 1) * dilation + 1 : dilation, j : j + (kw - 1) * dilation + 1 : dilation]
            columns.append(patch.reshape(len(x), -1))
    return np.stack(columns, -1)


SHORT, LONG = rng.normal(size=4), rng.normal(size=9)
CALLS = [
    Call("unfold", (images, (2, 3), 1, 0, 1), unfold),
    Call("unfold", (images, (2, 2), 2, 1, 2), unfold),
    *[
        Call("correlate", (a, b, mode), np.correlate, symbolic=False)
        for mode in ("valid", "same", "full")
        for a, b in ((LONG, SHORT), (SHORT, LONG), (LONG, SHORT[:3]), (SHORT[:3], LONG), (LONG, LONG))
    ],
]


class TestCalls(Calls):
    calls = CALLS


@pytest.mark.parametrize("geometry", [((2, 3), 1, 0, 1), ((2, 2), 2, 1, 2), ((3, 3), 1, 1, 3)])
def test_fold_is_the_transpose_of_unfold(geometry):
    columns = ops.unfold(images, *geometry)
    other = rng.normal(size=columns.shape)
    folded = ops.fold(other, images.shape[2:], *geometry)
    np.testing.assert_allclose(np.sum(folded.numpy() * images), np.sum(columns.numpy() * other), rtol=1e-10)
    with pytest.raises(ValueError, match=r"\[fold\] x must be"):
        ops.fold(other[:, :, :-1], images.shape[2:], *geometry)


def test_unique():
    a = np.array([[3, 1, 3], [2, 1, 3]], "int32")
    got = ops.unique(a, return_index=True, return_inverse=True, return_counts=True)
    want = np.unique(a, return_index=True, return_inverse=True, return_counts=True)
    for g, w in zip(got, want):
        np.testing.assert_array_equal(np.ravel(g), w.reshape(-1))
    assert got[2].shape == a.shape
    np.testing.assert_array_equal(ops.unique(a, axis=1), np.unique(a, axis=1))
    assert ops.unique(a, size=5).numpy().tolist() == [1, 2, 3, 1, 1]
    assert ops.unique(a, size=5, fill_value=-9).numpy().tolist() == [1, 2, 3, -9, -9]
    assert ops.unique(a, size=2).numpy().tolist() == [1, 2]
    for values in ([0.5, np.nan, -1.0, 0.5, np.nan], [], [-0.0, 0.0, np.inf], [True, False, True]):
        values = np.array(values)
        same = np.testing.assert_array_equal
        same(ops.unique(values), np.unique(values))
        got = ops.unique(values, return_index=True, return_inverse=True, return_counts=True)
        for g, w in zip(got, np.unique(values, return_index=True, return_inverse=True, return_counts=True)):
            same(g, w)
    with pytest.raises(TypeError, match="depends on the values"):
        ckeras.function(ops.unique)(ops.array(a))
