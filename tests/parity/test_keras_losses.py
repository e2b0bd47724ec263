"""Losses beside real Keras 3, from the table: values, weights, gradients, configs. Needs the extra `parity`."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    real = pytest.importorskip("keras", reason="Keras 3 is not installed (extra `parity`)")
import ckeras

sys.path.insert(0, str(Path(__file__).parents[1]))
import loss_table as table

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("row", table.ROWS, ids=table.ids())
def test_values_gradients_and_configs(row):
    import jax

    name, options, y, p = row
    for reduction in table.REDUCTIONS:
        theirs, ours = (getattr(k.losses, name)(reduction=reduction, **options) for k in (real, ckeras))
        for weight in (None, table.WEIGHTS):
            if weight is not None and table.of_all(options, name):
                continue
            want, got = np.asarray(theirs(y, p, weight)), np.asarray(ours(y, p, weight))
            assert got.shape == want.shape and got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=5e-5, atol=2e-6)
    want, got = theirs.get_config(), ours.get_config()
    assert {k: got[k] for k in want} == want
    theirs, ours = (getattr(k.losses, name)(reduction="sum", **options) for k in (real, ckeras))
    want = jax.grad(lambda x: theirs(y, x))(jax.numpy.asarray(p))
    x = ckeras.ops.convert_to_tensor(p)
    with ckeras.GradientTape() as tape:
        tape.watch(x)
        loss = ours(y, x)
    np.testing.assert_allclose(np.asarray(tape.gradient(loss, x)), np.asarray(want), rtol=2e-4, atol=2e-5)
