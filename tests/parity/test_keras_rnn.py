"""Recurrent layers against real Keras 3: outputs, gradients by training, configs, files both ways."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import ckeras

# An interpreter that has Keras, when this one has not.
PYTHON = os.environ.get("CKERAS_ORACLE_PYTHON", sys.executable)
HAS_KERAS = subprocess.run(
    [PYTHON, "-c", "import keras"], capture_output=True, env={**os.environ, "KERAS_BACKEND": "jax"}
)
pytestmark = [
    pytest.mark.skipif(HAS_KERAS.returncode != 0, reason="keras is not installed; see CKERAS_ORACLE_PYTHON"),
    pytest.mark.filterwarnings("ignore:Layer .*Reshape.* does not support masking"),  # Keras's loses the mask, too
]

# Runs under both: `keras` is one or the other.
PROGRAM = """
import json
import numpy as np

def model(keras):
    L = keras.layers
    i, j = keras.Input((6, 4)), keras.Input((6,), dtype="int32")
    h = L.Embedding(5, 4, mask_zero=True)(j)
    h = L.Bidirectional(L.LSTM(3, return_sequences=True))(h)
    h = L.RNN([L.LSTMCell(3), L.GRUCell(4, reset_after=False)], return_sequences=True)(h)
    g = L.GRU(3, return_sequences=True, go_backwards=True, dropout=0.0)(L.Masking()(i))
    g = L.TimeDistributed(L.Dense(3))(g)
    s = L.SimpleRNN(2, activation="relu", unroll=True)(g)
    a, b, c = L.LSTM(3, return_state=True, zero_output_for_mask=True)(h)
    d = L.GRU(2, reset_after=False, recurrent_activation="hard_sigmoid", go_backwards=True)(h)
    e = L.GRU(2, reset_after=False)(h, initial_state=d)
    back = L.GRU(2, go_backwards=True, use_bias=False)
    f = L.Bidirectional(L.GRU(2), merge_mode="sum", backward_layer=back)(h)
    v = L.ConvLSTM1D(2, 2, return_sequences=True, name="v")(L.Reshape((6, 4, 1))(L.Masking()(i)))
    v = L.ConvLSTM2D(3, 2, padding="same", dilation_rate=(2, 1), go_backwards=True, return_sequences=True)(
        L.Reshape((6, 3, 2, 1))(v))
    v, p, q = L.ConvLSTM3D(2, (2, 2, 1), strides=(1, 1, 2), use_bias=False, return_state=True, activation="relu",
        recurrent_activation="hard_sigmoid")(L.Reshape((6, 3, 2, 3, 1))(v))
    v = L.Concatenate()([L.Flatten()(x) for x in (v, p, q)])
    return keras.Model([i, j], L.Concatenate()([v, s, a, b, c, d, e, f, L.SimpleRNN(2)(g)]))

def data():
    x = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
    x[1, 3:] = 0
    ids = np.array([[1, 2, 0, 0, 3, 0], [3, 1, 2, 1, 0, 0], [0, 0, 1, 2, 3, 4]])
    return [x, ids]

def fill(m):
    rng = np.random.default_rng(1)
    m.set_weights([rng.normal(size=w.shape).astype("float32") for w in m.get_weights()])

def numbers(keras, m, folder):
    before = m.predict(data(), verbose=0)
    m.compile(keras.optimizers.SGD(0.1), "mse")
    m.fit(data(), np.zeros((3, before.shape[1])), epochs=3, batch_size=3, shuffle=False, verbose=0)
    np.savez(folder, before=before, after=m.predict(data(), verbose=0))

def configs(keras):
    L = keras.layers
    made = [L.LSTM(3, name="a"), L.GRU(3, dropout=0.2, name="b"), L.SimpleRNN(3, seed=4, name="c"),
        L.LSTMCell(3, name="d"), L.GRUCell(3, kernel_regularizer="l2", name="e"), L.SimpleRNNCell(3, name="f"),
        L.StackedRNNCells([L.LSTMCell(3, name="g")], name="h"), L.RNN(L.GRUCell(2, name="i"), name="j"),
        L.Bidirectional(L.LSTM(3, name="k"), name="l"), L.TimeDistributed(L.Dense(2, name="m"), name="n"),
        L.Masking(0.5, name="o"), L.ConvLSTM1D(2, 3, name="p", unroll=True, dtype="float64"),
        L.ConvLSTM2D(2, (3, 1), strides=2, padding="same", data_format="channels_first", name="q", dropout=0.1),
        L.ConvLSTM3D(2, 3, name="r", seed=1, return_sequences=True, unit_forget_bias=False, bias_constraint="non_neg")]
    return [layer.get_config() for layer in made]
"""
SCRIPT = """
import sys
import keras
folder = sys.argv[1]
m = keras.saving.load_model(folder + "/ckeras.keras")
numbers(keras, m, folder + "/from_ckeras.npz")
m = model(keras)
fill(m)
m.save(folder + "/keras.keras")
numbers(keras, m, folder + "/keras.npz")
json.dump(configs(keras), open(folder + "/configs.json", "w"))
"""

program = {}
exec(PROGRAM, program)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What Keras made of a file of ckeras, a file of its own, its numbers and configs."""
    folder = tmp_path_factory.mktemp("rnn")
    model = program["model"](ckeras)
    program["fill"](model)
    model.save(folder / "ckeras.keras")
    program["numbers"](ckeras, model, folder / "ckeras.npz")
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([PYTHON, "-c", PROGRAM + SCRIPT, str(folder)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def agree(a, b):
    for key in ("before", "after"):
        np.testing.assert_allclose(a[key], b[key], rtol=1e-4, atol=2e-5)


def test_outputs_and_training_agree(folder):
    agree(np.load(folder / "ckeras.npz"), np.load(folder / "keras.npz"))


def test_keras_reads_ours(folder):
    agree(np.load(folder / "ckeras.npz"), np.load(folder / "from_ckeras.npz"))


def test_we_read_theirs(folder):
    model = ckeras.saving.load_model(folder / "keras.keras")
    program["numbers"](ckeras, model, folder / "read.npz")
    agree(np.load(folder / "read.npz"), np.load(folder / "keras.npz"))


def test_configs_are_equal(folder):
    ours = json.loads(json.dumps(program["configs"](ckeras)))
    for own, theirs in zip(ours, json.loads((folder / "configs.json").read_text()), strict=True):
        assert own == theirs
