"""Metrics beside real Keras 3, from the table: values, weights, configs. Skipped without Keras."""

import numpy as np
import pytest
from beside import MARKS, ckeras, real

import metric_table as table

pytestmark = MARKS


# On NumPy Keras takes axis 0 for the last.
ROWS = {i: row for i, row in zip(table.ids(), table.ROWS) if row[:2] != ("CosineSimilarity", {"axis": 0})}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_results_and_configs(row):
    for weighted in (False, True):
        if weighted and table.cannot_weigh(*row[:2]):
            continue
        (theirs, a), (ours, b) = (table.run(k, row, weighted) for k in (real, ckeras))
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
        for x, y in zip(a.variables, b.variables, strict=True):
            assert x.path.split("/")[-1] == y.path.split("/")[-1]
            np.testing.assert_allclose(np.asarray(y), np.asarray(x), rtol=2e-5, atol=5e-6)
    want, got = a.get_config(), b.get_config()
    for config in (want, got):
        config.pop("name")
    for name in ("axis", "from_sorted_ids"):  # options that Keras forgets to write
        if name not in want:
            got.pop(name, None)
    assert got == {k: v.tolist() if hasattr(v, "tolist") else v for k, v in want.items()}
