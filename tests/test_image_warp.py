"""`ops.image.affine_transform` with all eight numbers of its transforms, beside NumPy."""

import numpy as np
import pytest

import ckeras
from ckeras import ops

X = np.random.default_rng(2).normal(size=(2, 6, 9, 3))
T = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, 0.4, 0.03, -0.02], [1.2, -0.3, 1.3, 0.2, 0.8, 1.0, 0.01, 0.05]])
T += np.random.default_rng(4).normal(size=T.shape) * 1e-3  # no place falls on a pixel, where there is no derivative


def moved(images, transforms):
    """Each pixel between the four around its place; 0 beyond the image."""
    out = np.zeros_like(images)
    for image, t, result in zip(images, transforms, out):
        rows, columns = image.shape[:2]
        for y in range(rows):
            for x in range(columns):
                at = np.array([*t, 1.0]).reshape(3, 3) @ (x, y, 1)
                u, v = at[0] / at[2], at[1] / at[2]
                for i in (np.floor(v), np.floor(v) + 1):
                    for j in (np.floor(u), np.floor(u) + 1):
                        if 0 <= i < rows and 0 <= j < columns:
                            result[y, x] += (1 - abs(v - i)) * (1 - abs(u - j)) * image[int(i), int(j)]
    return out


def test_perspectives():
    np.testing.assert_allclose(ops.image.affine_transform(X, T), moved(X, T), rtol=1e-6)
    one = ops.image.affine_transform(X[0], T[0])
    np.testing.assert_allclose(one, moved(X, T)[0], rtol=1e-6)
    plain = T * ([1] * 6 + [0] * 2)
    np.testing.assert_allclose(ops.image.affine_transform(X, plain), moved(X, plain), rtol=1e-6)


@pytest.mark.parametrize("i", range(8))
def test_derivatives_to_the_transform(i):
    weights = np.random.default_rng(3).normal(size=X.shape)
    step = np.zeros_like(T)
    step[:, i] = 1e-7
    expected = ((moved(X, T + step) - moved(X, T - step)) * weights).sum((1, 2, 3)) / 2e-7
    found = ckeras.grad(lambda t: ops.sum(ops.image.affine_transform(X, t) * weights))(ops.array(T))
    np.testing.assert_allclose(found[:, i], expected, rtol=1e-4)
