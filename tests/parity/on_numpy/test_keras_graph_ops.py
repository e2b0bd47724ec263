"""Operations as nodes of graphs: the configs of either package make the same models in the other."""

import numpy as np
import pytest
from beside import MARKS, ckeras, real

from ckeras.models import op_nodes
from graph_ops import batch, model

pytestmark = MARKS
# What Keras cannot run from configs of its own, which have lists for tuples; its sparsemax of three dimensions is all
# zeros, and on NumPy its sobel_edges mixes up channels.
KERAS_CANNOT = {"adaptive_average_pool", "adaptive_max_pool", "conv_transpose", "max_pool", "sobel_edges", "sparsemax"}
# Decompositions are unique only up to signs; what is empty holds anything.
SHAPE_ALONE = {"eigh", "qr", "svd", "empty_like"}


def results(found):
    return [np.asarray(t) for t in ckeras.tree.flatten(found([np.asarray(x) for x in batch(np)]))]


@pytest.mark.parametrize("op", sorted(set(op_nodes.known().by_op) - KERAS_CANNOT))
def test_configs_both_ways(op):
    theirs, ours = model(real, op), model(ckeras, op)
    read = real.models.model_from_json(ours.to_json()), ckeras.models.model_from_json(theirs.to_json())
    expected = results(ours)
    for found in (theirs, *read):
        got = results(found)
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert a.shape == b.shape
            if op not in SHAPE_ALONE:
                np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_a_conversion_in_a_graph_is_read():
    i = real.Input((4,))
    found = real.Model(i, [real.ops.convert_to_tensor(i), real.ops.convert_to_tensor(i, dtype="int32")])
    x = np.linspace(-2, 2, 8).reshape(2, 4).astype("float32")
    for a, b in zip(found(x), ckeras.models.model_from_json(found.to_json())(x), strict=True):
        assert str(a.dtype) == b.dtype
        np.testing.assert_array_equal(a, b)


def test_other_names_of_operations_in_a_graph_are_read():
    i, o = real.Input((4,), dtype="int32"), real.ops
    found = real.Model(i, [o.bitwise_invert(i), o.bitwise_left_shift(i, 2), o.bitwise_right_shift(i, 1), 3 / (1 / i)])
    x = np.arange(1, 9, dtype="int32").reshape(2, 4)
    for a, b in zip(found(x), ckeras.models.model_from_json(found.to_json())(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
