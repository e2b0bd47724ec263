"""Every operation that a saved graph may hold comes back from its config, and computes the same."""

import json

import numpy as np
import pytest

import ckeras as keras
from ckeras.models import op_nodes
from graph_ops import batch, model


@pytest.mark.parametrize("op", sorted(op_nodes.known().by_op))
def test_a_graph_comes_back_from_its_config(op):
    found = model(keras, op)
    text = found.to_json()
    again = keras.models.model_from_json(text)
    assert json.loads(again.to_json())["config"] == json.loads(text)["config"]
    for a, b in zip(*(keras.tree.flatten(m(batch(np))) for m in (found, again)), strict=True):
        np.testing.assert_array_equal(a, b)
