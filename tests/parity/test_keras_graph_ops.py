"""Operations as nodes of graphs: the configs of either package make the same models in the other.

One process of Keras serves all tests, on NumPy: no compilation.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from beside import MARKS, ckeras

from ckeras.models import op_nodes

sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
import graph_ops
from graph_ops import batch, model

pytestmark = MARKS
PYTHON = os.environ.get("CKERAS_ORACLE_PYTHON", sys.executable)
# What Keras cannot run from configs of its own, which have lists for tuples; its sparsemax of three dimensions is all
# zeros, and on NumPy its sobel_edges mixes up channels.
KERAS_CANNOT = {"adaptive_average_pool", "adaptive_max_pool", "conv_transpose", "max_pool", "sobel_edges", "sparsemax"}
# Decompositions are unique only up to signs; what is empty holds anything.
SHAPE_ALONE = {"eigh", "qr", "svd", "empty_like"}
NAMES = sorted(set(op_nodes.known().by_op) - KERAS_CANNOT)

SCRIPT = """
import json, sys
import numpy as np
import keras
folder, tests = sys.argv[1:]
sys.path.insert(0, tests)
from graph_ops import batch, model
def results(found):
    return [np.asarray(t) for t in keras.tree.flatten(found(batch(np)))]
answers, arrays = {}, {}
for op, config in json.load(open(folder + "/ours.json")).items():
    try:
        own = model(keras, op)
        answers[op] = own.to_json()
        for kind, found in (("own", own), ("read", keras.models.model_from_json(config))):
            arrays |= {f"{op}/{kind}/{i}": a for i, a in enumerate(results(found))}
    except Exception as e:
        answers[op] = f"{type(e).__name__}: {str(e)[-600:]}"
i = keras.Input((4,))
both = [keras.ops.convert_to_tensor(i), keras.ops.convert_to_tensor(i, dtype="int32")]
answers["convert_to_tensor"] = keras.Model(i, both).to_json()
json.dump(answers, open(folder + "/theirs.json", "w"))
np.savez(folder + "/theirs.npz", **arrays)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """`(configs of Keras's models, results of its own models and of ours as it read them)`."""
    folder = tmp_path_factory.mktemp("graph_ops")
    (folder / "ours.json").write_text(json.dumps({op: model(ckeras, op).to_json() for op in NAMES}))
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"KERAS_BACKEND": "numpy"}
    command = [PYTHON, "-W", "ignore", "-c", SCRIPT, str(folder), os.path.dirname(graph_ops.__file__)]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    arrays = {}
    for key, value in np.load(folder / "theirs.npz").items():
        arrays.setdefault(key.rpartition("/")[0], []).append(value)
    return json.loads((folder / "theirs.json").read_text()), arrays


@pytest.mark.parametrize("op", NAMES)
def test_configs_both_ways(op, answers):
    configs, arrays = answers
    assert f"{op}/read" in arrays, configs[op]

    def results(found):
        return [np.asarray(t) for t in ckeras.tree.flatten(found(batch(np)))]

    expected = results(model(ckeras, op))
    read = results(ckeras.models.model_from_json(configs[op]))
    for got in (arrays[f"{op}/own"], arrays[f"{op}/read"], read):
        for a, b in zip(got, expected, strict=True):
            assert a.shape == b.shape
            if op not in SHAPE_ALONE:
                np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_a_conversion_in_a_graph_is_read(answers):
    x = np.linspace(-2, 2, 8).reshape(2, 4).astype("float32")
    same, whole = ckeras.models.model_from_json(answers[0]["convert_to_tensor"])(x)
    assert (same.dtype, whole.dtype) == ("float32", "int32")
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(whole, x.astype("int32"))
