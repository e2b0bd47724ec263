"""Derivatives of activations with pieces, on every piece."""

import numpy as np
import pytest

import ckeras as keras
from ckeras import ops

X = np.array([-7.0, -3.5, -2.0, -0.5, 0.5, 2.0, 2.9, 3.5, 7.0], "float32")
WITHIN = (X > -3) & (X < 3)


def slopes(fn):
    x = ops.convert_to_tensor(X)
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = fn(x)
    return tape.gradient(y, x).numpy()


@pytest.mark.parametrize("slope", [0.2, 0.0, -0.5, 1.5])
def test_leaky_relu(slope):
    np.testing.assert_array_equal(ops.leaky_relu(X, slope).numpy(), np.where(X > 0, X, X * np.float32(slope)))
    np.testing.assert_array_equal(slopes(lambda x: ops.leaky_relu(x, slope)), np.where(X > 0, 1, np.float32(slope)))


def test_hard_sigmoid():
    np.testing.assert_allclose(slopes(ops.hard_sigmoid), WITHIN / 6, rtol=1e-6)


def test_hard_silu():
    wanted = np.where(WITHIN, (2 * X + 3) / 6, X > 0)
    np.testing.assert_allclose(slopes(ops.hard_silu), wanted, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("number", [2, 0.5])
def test_a_number_takes_the_dtype_of_floats_beside_it(number, dtype):
    x = ops.convert_to_tensor(X.astype(dtype))
    for got, wanted in ((x - number, X - number), (number - x, number - X)):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-3)
