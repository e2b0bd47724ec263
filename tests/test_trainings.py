"""Whole trainings against the losses that Keras 3 wrote down in golden/trainings.json (see trainings.py)."""

import json
import os
import sys

import numpy as np
import pytest

import ckeras

sys.path.insert(0, os.path.dirname(__file__))
import trainings

with open(os.path.join(os.path.dirname(__file__), "golden", "trainings.json")) as file:
    GOLDEN = json.load(file)


@pytest.mark.parametrize("case", trainings.CASES, ids=lambda case: case.__name__)
def test_losses_are_those_of_keras(case):
    loose = case is trainings.half_precision
    got, want = case(ckeras), GOLDEN[case.__name__]
    assert got.keys() == want.keys()
    for key in want:
        pairs = zip(ckeras.tree.flatten(got[key]), ckeras.tree.flatten(want[key]), strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=0.05 if loose else 2e-4, atol=0.02 if loose else 2e-5, err_msg=key)
