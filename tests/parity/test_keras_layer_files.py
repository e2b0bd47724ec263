"""Files of every layer exchanged with real Keras 3, both ways: equal bits of the weights, the same predictions.

One process of Keras serves all tests: it reads what ckeras wrote, answers with predictions, and writes the same models
itself. On NumPy: no compilation.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import ckeras

sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
from test_all_layers import NAMES, batch, flat, model_of

PYTHON = os.environ.get("CKERAS_ORACLE_PYTHON", sys.executable)
OLDER = {"Dense", "Conv2D", "LSTM", "GRU", "BatchNormalization", "Embedding", "Bidirectional", "MultiHeadAttention"}
OLDER |= {"SeparableConv2D", "TimeDistributed", "PReLU", "EinsumDense", "LayerNormalization", "ConvLSTM2D"}
OPTIMIZERS = sorted(
    n
    for n in dir(ckeras.optimizers)
    if hasattr(getattr(ckeras.optimizers, n), "apply")
    and n not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
)
# What Keras cannot do: lookups without TensorFlow, Equalization in a functional model, its own config of RandomShear.
KERAS_CANNOT = {"IntegerLookup", "Equalization", "RandomShear"}
LAYERS = [n for n in NAMES if n not in KERAS_CANNOT]

SCRIPT = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import keras
folder, errors = sys.argv[1], {}
for name in json.load(open(folder + "/names.json")):
    here = folder + "/" + name
    try:
        m = keras.saving.load_model(here + "/ours.keras")
        out = {f"w{i}": keras.ops.convert_to_numpy(w) for i, w in enumerate(m.weights)}
        if os.path.exists(here + "/x.npz"):
            x = list(np.load(here + "/x.npz").values())
            out["y"] = keras.ops.convert_to_numpy(m(x[0] if len(x) == 1 else x, training=False))
        else:
            out |= {f"o{i}": keras.ops.convert_to_numpy(w) for i, w in enumerate(m.optimizer.variables)}
        np.savez(here + "/out.npz", **out)
        m.save(here + "/theirs.keras")
        for file in ("ours.weights.h5", "ours.h5"):
            if os.path.exists(here + "/" + file):
                for w in m.weights:
                    w.assign(np.zeros(w.shape, keras.backend.standardize_dtype(w.dtype)))
                m.load_weights(here + "/" + file)
                for i, w in enumerate(m.weights):
                    same = np.array_equal(out[f"w{i}"], keras.ops.convert_to_numpy(w))
                    if "seed_generator" not in w.path and not same:
                        raise ValueError(f"{w.path} of {file} differs")
                (m.save_weights if "weights" in file else m.save)(here + "/" + file.replace("ours", "theirs"))
    except Exception as e:
        errors[name] = f"{type(e).__name__}: {str(e)[-600:]}"
json.dump(errors, open(folder + "/errors.json", "w"))
"""


def make(name):
    """A model of one layer, with weights that no initializer gives."""
    found = model_of(name)
    rng = np.random.default_rng(5)
    for w in found.weights:
        if "float" in w.dtype:
            w.assign(rng.uniform(0.2, 1, w.shape).astype(w.dtype))
    return found


def trained(name):
    rng = np.random.default_rng(0)
    m = ckeras.Sequential([ckeras.Input((3,)), ckeras.layers.Dense(4, activation="tanh"), ckeras.layers.Dense(2)])
    m.compile(getattr(ckeras.optimizers, name)(0.05, weight_decay=0.1, use_ema=True, clipnorm=1.0), "mse")
    m.fit(rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), batch_size=2, verbose=0)
    return m


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    """`(folder, our models, errors of Keras)` after Keras has read and written all."""
    folder, models = tmp_path_factory.mktemp("exchange"), {}
    for name in LAYERS + OPTIMIZERS:
        here = folder / name
        here.mkdir()
        m = models[name] = make(name) if name in LAYERS else trained(name)
        m.save(here / "ours.keras")
        m.save_weights(here / "ours.weights.h5")
        if name in OLDER:
            m.save(here / "ours.h5")
        if name in LAYERS:
            x = flat(batch(name))
            np.savez(here / "x.npz", *(x if isinstance(x, list) else [x]))
    (folder / "names.json").write_text(json.dumps(list(models)))
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"KERAS_BACKEND": "numpy"}
    done = subprocess.run([PYTHON, "-c", SCRIPT, str(folder)], capture_output=True, text=True, env=env)
    if "No module named 'keras'" in done.stderr:
        pytest.skip("keras is not installed; see CKERAS_ORACLE_PYTHON")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, models, json.loads((folder / "errors.json").read_text())


def alike(ours, theirs):
    for a, b in zip(ours.weights, theirs, strict=True):
        if not a.path.endswith("seed_generator_state"):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)


def forget(m):
    for w in m.weights:
        w.assign(np.zeros(w.shape, w.dtype))


@pytest.mark.parametrize("name", LAYERS)
def test_files_go_both_ways(name, exchanged):
    folder, models, errors = exchanged
    assert name not in errors, errors[name]
    ours, x, out = models[name], flat(batch(name)), np.load(folder / name / "out.npz")
    alike(ours, [out[k] for k in out.files if k[0] == "w"])
    want = np.asarray(ours(x, training=False))
    if name != "RandomCrop":  # Keras crops at random in training alone
        # Decibels are logarithms of sums.
        np.testing.assert_allclose(out["y"], want, rtol=1e-5, atol=1e-3 if name == "MelSpectrogram" else 1e-5)
    again = ckeras.saving.load_model(folder / name / "theirs.keras")
    alike(ours, again.weights)
    np.testing.assert_array_equal(np.asarray(again(x, training=False)), want)
    forget(again)
    again.load_weights(folder / name / "theirs.weights.h5")
    alike(ours, again.weights)
    if name in OLDER:
        alike(ours, ckeras.saving.load_model(folder / name / "theirs.h5").weights)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_go_both_ways(name, exchanged):
    folder, models, errors = exchanged
    assert name not in errors, errors[name]
    ours, out = models[name].optimizer, np.load(folder / name / "out.npz")
    again = ckeras.saving.load_model(folder / name / "theirs.keras").optimizer
    want, got = ours.get_config(), again.get_config()
    assert {k: got[k] for k in want} == {k: pytest.approx(v) if isinstance(v, float) else v for k, v in want.items()}
    assert int(again.iterations) == 3
    theirs = [out[k] for k in out.files if k[0] == "o"]
    for a, b, c in zip(ours.variables, theirs, again.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)
        np.testing.assert_array_equal(np.asarray(a), np.asarray(c))
