"""Logs of trainings are those of Keras 3 (see histories.py), names and their order included."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

import ckeras as keras
from histories import CASES, Case, plain

GOLDEN = json.loads((Path(__file__).parent / "golden" / "histories.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_logs_are_those_of_keras(name):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "\\[data\\] the data ran out")
        found = plain(CASES[name](Case(keras)))
    assert [k for k, _ in found] == [k for k, _ in GOLDEN[name]]
    for (key, value), (_, expected) in zip(found, GOLDEN[name], strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-6, err_msg=key)
