"""Arrays of more than 2^31 bytes: what lies behind that place is computed like the rest."""

import os

import numpy as np
import pytest

import ckeras
from ckeras import ops

GIB = 1 << 30
FREE = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
pytestmark = pytest.mark.skipif(FREE < 12 * GIB, reason="needs 12 GiB of free memory")
BYTES = (1 << 31) + (1 << 16) + 3
ROWS, COLUMNS = (1 << 19) + 70, 1024  # 2^31 bytes of float32, and 70 rows


@pytest.fixture(scope="module")
def numbers():
    """Zeros [ROWS, COLUMNS], float32, but for the last row, which counts from 1."""
    x = np.zeros((ROWS, COLUMNS), "float32")
    x[-1] = np.arange(1, COLUMNS + 1)
    return ckeras.ops.convert_to_tensor(x)


def test_elementwise():
    x = np.zeros(BYTES, "uint8")
    x[-3:] = 1, 2, 3
    y = ops.add(ops.convert_to_tensor(x), np.uint8(4))
    assert y.shape == (BYTES,) and np.asarray(y[-4:]).tolist() == [4, 5, 6, 7]
    assert int(ops.max(y)) == 7
    for indices in (ops.argmax, ops.argsort):
        with pytest.raises(ValueError, match="indices are int32"):
            indices(y)
    assert int(ops.argmax(y[-(1 << 31) :])) == (1 << 31) - 1


def test_products_and_sums(numbers):
    total = COLUMNS * (COLUMNS + 1) / 2
    by_one = ops.matmul(numbers, ops.ones((COLUMNS, 1)))
    assert float(by_one[-1, 0]) == total and float(ops.sum(ops.abs(by_one))) == total
    assert np.asarray(ops.sum(numbers, axis=0)).tolist() == list(range(1, COLUMNS + 1))
    assert float(ops.sum(numbers, axis=1)[-1]) == total


def test_rows_are_taken_and_cut(numbers):
    last = list(range(1, COLUMNS + 1))
    assert np.asarray(ops.take(numbers, [ROWS - 1], axis=0))[0].tolist() == last
    assert np.asarray(numbers[-1]).tolist() == last
    assert np.asarray(ops.transpose(numbers[-70:])[:, -1]).tolist() == last


def test_softmax_and_normalisation(numbers):
    shares = ops.softmax(numbers, axis=-1)
    assert float(shares[0, 0]) == float(shares[1 << 19, 5]) == pytest.approx(1 / COLUMNS)
    assert float(ops.sum(shares[-1])) == pytest.approx(1, abs=1e-5)
    scaled = ops.layer_normalization(numbers)
    assert float(ops.std(scaled[-1])) == pytest.approx(1, abs=1e-3) and float(scaled[ROWS - 2, 3]) == 0


def test_convolution_and_pooling(numbers):
    images = ops.reshape(numbers[: 1 << 19], (512, 1024, 1024, 1))
    pooled = ops.max_pool(ops.reshape(numbers, (1, ROWS, COLUMNS, 1)), 2, padding="same")
    assert float(pooled[0, -1, -1, 0]) == COLUMNS
    out = ops.conv(images, np.ones((1, 1, 1, 1), "float32"))
    assert out.shape == images.shape and float(ops.sum(out[-1])) == 0
