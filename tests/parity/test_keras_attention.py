"""Normalisation and attention against real Keras 3: weights, values, gradients, scores, masks, configs and files."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import ckeras
from ckeras import layers, ops

# An interpreter that has Keras, when this one has not.
PYTHON = os.environ.get("CKERAS_ORACLE_PYTHON", sys.executable)
HAS_KERAS = subprocess.run(
    [PYTHON, "-c", "import keras"], capture_output=True, env={**os.environ, "KERAS_BACKEND": "jax"}
)
pytestmark = pytest.mark.skipif(HAS_KERAS.returncode != 0, reason="keras is not installed; see CKERAS_ORACLE_PYTHON")

X, Q, V, IMAGE, DEEP = (5, 6), (5, 6), (7, 6), (4, 3, 6), (2, 5, 6)
MASKS = {"value_mask": (7,), "query_mask": (5,)}
# name -> (layer, inputs' shapes without the batch, arguments of the call; a shape stands for a bool mask)
CASES = {
    "layer norm": ("LayerNormalization()", [X], {}),
    "layer norm of two axes": ("LayerNormalization(axis=[1, 2], epsilon=0.1)", [X], {}),
    "layer norm, no center": ("LayerNormalization(center=False)", [X], {}),
    "layer norm, no scale": ("LayerNormalization(scale=False)", [X], {}),
    "layer norm by variance": ("LayerNormalization(rms_scaling=True)", [X], {}),
    "group norm": ("GroupNormalization(3)", [IMAGE], {}),
    "group norm in front": ("GroupNormalization(2, axis=1, epsilon=0.1)", [IMAGE], {}),
    "instance norm": ("GroupNormalization(-1, scale=False)", [IMAGE], {}),
    "one group": ("GroupNormalization(1, center=False)", [X], {}),
    "rms norm": ("RMSNormalization()", [X], {}),
    "rms norm of two axes": ("RMSNormalization(axis=[1, 2], epsilon=0.1)", [X], {}),
    "unit norm": ("UnitNormalization()", [X], {}),
    "unit norm of two axes": ("UnitNormalization(axis=[1, 2])", [X], {}),
    "batch norm": ("BatchNormalization()", [X], {}),
    "batch norm in training": ("BatchNormalization(momentum=0.5, epsilon=0.1)", [IMAGE], {"training": True}),
    "batch norm in front": ("BatchNormalization(axis=1, scale=False)", [IMAGE], {"training": True}),
    "batch norm with mask": ("BatchNormalization(center=False)", [X], {"training": True, "mask": (5,)}),
    "spectral norm": ("SpectralNormalization(layers.Dense(4))", [X], {}),
    "einsum": ("EinsumDense('abc,cd->abd', (None, 8), bias_axes='d', activation='tanh')", [X], {}),
    "einsum of two labels": ("EinsumDense('abc,cde->abde', (None, 4, 2), bias_axes='de')", [X], {}),
    "einsum, dots first": ("EinsumDense('...x,xy->...y', 4)", [X], {}),
    "einsum, dots last": ("EinsumDense('ab...,bcd->acd...', (4, 3), bias_axes='d')", [X], {}),
    "reversed embedding": ("ReversibleEmbedding(5, 6)", [X], {"reverse": True}),
    "reversed by weights of its own": (
        "ReversibleEmbedding(5, 6, tie_weights=False, logit_soft_cap=2.0, reverse_dtype='float32')",
        [X],
        {"reverse": True},
    ),
    "attention": ("Attention()", [[Q, V]], {"return_attention_scores": True}),
    "attention, scale and key": ("Attention(use_scale=True)", [[Q, V, V]], {}),
    "attention, concat": ("Attention(use_scale=True, score_mode='concat')", [[Q, V]], {"use_causal_mask": True}),
    "attention, masks": ("Attention()", [[Q, V]], {"mask": [(5,), (7,)], "use_causal_mask": True}),
    "additive": ("AdditiveAttention()", [[Q, V]], {"return_attention_scores": True, "mask": [(5,), (7,)]}),
    "additive, no scale": ("AdditiveAttention(use_scale=False)", [[Q, V]], {}),
    "heads": ("MultiHeadAttention(2, 3)", [Q, V], {}),
    "heads, key": ("MultiHeadAttention(2, 3, use_bias=False, output_shape=4)", [Q, V, V], {}),
    "heads, scores": ("MultiHeadAttention(2, 3, value_dim=5)", [Q, V], {"return_attention_scores": True}),
    "heads, causal": ("MultiHeadAttention(2, 3)", [Q, Q], {"use_causal_mask": True}),
    "heads, causal scores": (
        "MultiHeadAttention(2, 3)",
        [Q, Q],
        {"use_causal_mask": True, "return_attention_scores": True},
    ),
    "heads, causal and longer": ("MultiHeadAttention(2, 3)", [Q, V], {"use_causal_mask": True}),
    "heads, mask": ("MultiHeadAttention(2, 3)", [Q, V], {"attention_mask": (5, 7)}),
    "heads, value mask": ("MultiHeadAttention(2, 3)", [Q, V], {"value_mask": (7,), "use_causal_mask": True}),
    "heads, window": ("MultiHeadAttention(2, 3, sliding_window=2)", [Q, V], {"return_attention_scores": True}),
    "heads, gate": ("MultiHeadAttention(2, 3, use_gate=True, output_shape=(3, 2))", [Q, V], {}),
    "heads, two axes": ("MultiHeadAttention(2, 3, attention_axes=(1, 2))", [DEEP, DEEP], {"attention_mask": None}),
    "heads, one of two axes": (
        "MultiHeadAttention(2, 3, attention_axes=(2,))",
        [DEEP, DEEP],
        {"return_attention_scores": True},
    ),
    "groups": ("GroupQueryAttention(3, 4, 2)", [Q, V], {}),
    "groups, scores": ("GroupQueryAttention(3, 4, 1)", [Q, V], {"return_attention_scores": True}),
    "groups, causal": ("GroupQueryAttention(3, 4, 2, use_bias=False)", [Q, V], {"use_causal_mask": True}),
    "groups, window, gate": ("GroupQueryAttention(3, 4, 2, sliding_window=3, use_gate=True)", [Q, V], {}),
    "groups, masks": ("GroupQueryAttention(3, 4, 2)", [Q, V], {"attention_mask": (5, 7), "value_mask": (7,)}),
}

SCRIPT = """
import json, sys, os
import numpy as np
import warnings
warnings.simplefilter("ignore")
import jax, keras
from keras import layers
folder = sys.argv[1]
cases = json.load(open(folder + "/cases.json"))
data = np.load(folder + "/ours.npz")
out, about = {}, {}
for number, (name, (text, arguments)) in enumerate(cases.items()):
    keras.backend.clear_session()
    layer = eval("layers." + text)
    def value(key):
        return np.array(data[f"{number}/{key}"]) if isinstance(key, str) else [value(k) for k in key]
    args = [value(k) for k in arguments["args"]]
    kwargs = {k: (value(v) if isinstance(v, (str, list)) else v) for k, v in arguments["kwargs"].items()}
    symbols = keras.tree.map_structure(
        lambda v: keras.KerasTensor(v.shape, str(v.dtype)) if isinstance(v, np.ndarray) else v, (args, kwargs))
    layer(*symbols[0], **symbols[1])  # builds without compiling an operation
    names = [v.path.split("/", 1)[1] for v in layer.weights]
    layer.set_weights([data[f"{number}/w/{i}"] for i in range(len(names))])
    about[name] = {"config": keras.saving.serialize_keras_object(layer), "names": names}
    about[name]["shapes"] = [list(v.shape) for v in layer.weights]
    state = [v.value for v in layer.non_trainable_variables]
    def loss(variables, args):
        results, after = layer.stateless_call(variables, state, *args, **kwargs)
        results = keras.tree.flatten(results)
        return sum((jax.numpy.sin(r + 1) ** 2).sum() for r in results), (results, after)
    start = [v.value for v in layer.trainable_variables]
    grads, (results, after) = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(start, args)
    for v, value in zip(layer.non_trainable_variables, after):
        v.assign(value)
    for kind, values in (("y", results), ("g", keras.tree.flatten(grads))):
        for i, r in enumerate(values):
            out[f"{number}/{kind}/{i}"] = np.asarray(r)
    for i, v in enumerate(layer.weights):
        out[f"{number}/after/{i}"] = np.asarray(v)
json.dump(about, open(folder + "/about.json", "w"))
np.savez(folder + "/theirs.npz", **out)
# Files: theirs for us, and ours for them.
m = keras.saving.load_model(folder + "/ours.keras")
x = data["files/x"]
i = keras.Input((5, 6))
h = layers.LayerNormalization()(i)
h = layers.MultiHeadAttention(2, 3, dropout=0.1, use_gate=True, name="mha")(h, h, use_causal_mask=True)
h = layers.GroupQueryAttention(3, 4, 2)(h, h)
h = layers.Attention(use_scale=True)([layers.GroupNormalization(3)(h), layers.RMSNormalization()(h)])
h = layers.BatchNormalization()(layers.UnitNormalization()(h))
h = layers.AdditiveAttention()([h, layers.SpectralNormalization(layers.Dense(6))(h)])
own = keras.Model(i, layers.EinsumDense("...c,cd->...d", 4, bias_axes="d")(h))
own.save(folder + "/theirs.keras")
own.save_weights(folder + "/theirs.weights.h5")
np.savez(folder + "/files.npz", read=m.predict(x, verbose=0), own=own.predict(x, verbose=0))
"""


def model():
    i = ckeras.Input((5, 6))
    h = layers.LayerNormalization()(i)
    h = layers.MultiHeadAttention(2, 3, dropout=0.1, use_gate=True, name="mha")(h, h, use_causal_mask=True)
    h = layers.GroupQueryAttention(3, 4, 2)(h, h)
    h = layers.Attention(use_scale=True)([layers.GroupNormalization(3)(h), layers.RMSNormalization()(h)])
    h = layers.BatchNormalization()(layers.UnitNormalization()(h))
    h = layers.AdditiveAttention()([h, layers.SpectralNormalization(layers.Dense(6))(h)])
    return ckeras.Model(i, layers.EinsumDense("...c,cd->...d", 4, bias_axes="d")(h))


class Ours:
    """One case on this side: the layer, its arguments, results and gradients."""

    def __init__(self, number, name):
        text, shapes, kwargs = CASES[name]
        self.rng, self.number, self.data = np.random.default_rng(number), number, {}
        ckeras.backend.clear_session()
        self.layer = eval("layers." + text)
        keys = [self.array(f"x{i}", s) for i, s in enumerate(shapes)]
        masks = {k: self.mask(k, v) for k, v in kwargs.items()}
        self.arguments = {"args": keys, "kwargs": masks}
        self.args = [self.value(k) for k in keys]
        self.kwargs = {k: self.value(v) if isinstance(v, (str, list)) else v for k, v in masks.items()}
        self.layer(*self.args, **self.kwargs)
        for i, v in enumerate(self.layer.weights):
            w = self.rng.normal(size=v.shape, scale=0.5).astype("float32")
            v.assign(np.abs(w) + 0.1 if "variance" in v.path else w)
            self.data[f"w/{i}"] = v.numpy()

    def array(self, key, shape):
        if isinstance(shape, list):
            return [self.array(f"{key}_{i}", s) for i, s in enumerate(shape)]
        self.data[key] = self.rng.normal(size=(3, *shape)).astype("float32")
        return key

    def mask(self, key, shape):
        if isinstance(shape, list):
            return [self.mask(f"{key}_{i}", s) for i, s in enumerate(shape)]
        if not isinstance(shape, tuple):
            return shape
        mask = self.rng.random((3, *shape)) < 0.7
        mask[..., 0] = True  # every row keeps one
        self.data[key] = mask
        return key

    def value(self, key):
        return [self.value(k) for k in key] if isinstance(key, list) else ops.convert_to_tensor(self.data[key])

    def results(self):
        layer, variables = self.layer, self.layer.trainable_variables
        before = [v.numpy() for v in layer.weights]
        tensors = ckeras.tree.flatten(self.args)
        with ckeras.GradientTape() as tape:
            tape.watch(tensors)
            results = ckeras.tree.flatten(layer(*self.args, **self.kwargs))
            total = sum(ops.sum(ops.square(ops.sin(r + 1))) for r in results)
        grads = tape.gradient(total, [*variables, *tensors])
        after = [v.numpy() for v in layer.weights]
        for v, w in zip(layer.weights, before):
            v.assign(w)
        return {"y": results, "g": grads, "after": after}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attention")
    ours = {name: Ours(i, name) for i, name in enumerate(CASES)}
    data = {f"{c.number}/{k}": v for c in ours.values() for k, v in c.data.items()}
    data["files/x"] = x = np.random.default_rng(0).normal(size=(3, 5, 6)).astype("float32")
    np.savez(folder / "ours.npz", **data)
    (folder / "cases.json").write_text(json.dumps({n: (CASES[n][0], c.arguments) for n, c in ours.items()}))
    ckeras.backend.clear_session()
    m = model()
    m.save(folder / "ours.keras")
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([PYTHON, "-c", SCRIPT, str(folder)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return ours, np.load(folder / "theirs.npz"), json.loads((folder / "about.json").read_text()), folder, m, x


@pytest.mark.parametrize("name", CASES)
def test_values_gradients_and_state(both, name):
    ours, theirs, about, *_ = both
    case = ours[name]
    assert [v.path.split("/", 1)[1] for v in case.layer.weights] == about[name]["names"]
    assert [list(v.shape) for v in case.layer.weights] == about[name]["shapes"]
    for kind, values in case.results().items():
        for i, mine in enumerate(values):
            key = f"{case.number}/{kind}/{i}"
            want = theirs[key]
            np.testing.assert_allclose(
                np.zeros_like(want) if mine is None else np.array(mine),
                want,
                rtol=1e-4,
                atol=2e-5 * max(1, np.abs(want).max()),
                err_msg=f"{kind} {i}",
            )


@pytest.mark.parametrize("name", CASES)
def test_configs_are_the_same_and_read_back(both, name):
    ours, _, about, *_ = both
    theirs = about[name]["config"]
    mine = json.loads(json.dumps(ckeras.saving.serialize_keras_object(ours[name].layer)))
    assert mine == theirs
    again = ckeras.saving.deserialize_keras_object(theirs)
    assert json.loads(json.dumps(ckeras.saving.serialize_keras_object(again)))["config"] == theirs["config"]


def test_keras_reads_our_file_and_we_theirs(both):
    *_, folder, m, x = both
    theirs = np.load(folder / "files.npz")
    np.testing.assert_allclose(theirs["read"], m.predict(x, verbose=0), atol=1e-5)
    read = ckeras.models.load_model(folder / "theirs.keras")
    np.testing.assert_allclose(read.predict(x, verbose=0), theirs["own"], atol=1e-5)
    m.load_weights(folder / "theirs.weights.h5")
    np.testing.assert_allclose(m.predict(x, verbose=0), theirs["own"], atol=1e-5)
