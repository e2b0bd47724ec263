"""Every argument of the call of every layer shows in what the call gives."""

import inspect
import os
import sys

import numpy as np
import pytest

import ckeras

sys.path.insert(0, os.path.dirname(__file__))
from layer_arguments import Row, row
from layer_table import ROWS
from test_all_layers import CELLS, CLASSES, SPREAD, made
from test_layer_arguments import NAMES, base_of, inputs, same

INPUTS = {"inputs", "data", "sequences", "query", "value", "states", "args", "kwargs", "self", "x"}
_SEEN = np.array([[1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 0, 1], [1, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]], bool)
_PAIRS = np.random.default_rng(0).random((4, 6, 6)) > 0.4
_PAIRS[:, :, 0] = True
_DROPPED = {"training": row(True, dropout=0.5)}


def _states(*shapes):
    return [np.full((4, *s), 0.5, "float32") for s in shapes]


_ATTENDED = {
    **_DROPPED,
    "key": np.random.default_rng(1).normal(size=(4, 6, 4)).astype("float32"),
    "query_mask": _SEEN,
    "value_mask": _SEEN,
    "key_mask": _SEEN,
    "attention_mask": _PAIRS,
    "return_attention_scores": True,
    "use_causal_mask": True,
}
_RNN = {"mask": _SEEN, **_DROPPED}
_CONV = {"mask": np.array([[1, 0, 1], [1, 1, 0], [1, 1, 1], [0, 1, 1]], bool), **_DROPPED}


def _brighter(x, training=False):
    return x * 2 if training else x


def _masked(x, mask=None):
    return x if mask is None else x * mask


CALLS = {
    "AdditiveAttention": {**_DROPPED, "mask": [None, _SEEN], "return_attention_scores": True, "use_causal_mask": True},
    "Attention": {**_DROPPED, "mask": [None, _SEEN], "return_attention_scores": True, "use_causal_mask": True},
    "BatchNormalization": {"mask": row(np.arange(4 * 48).reshape(4, 8, 6) % 3 > 0, call={"training": True})},
    "Bidirectional": {
        "training": row(True, layer="layers.LSTM(3, dropout=0.5)"),
        "mask": _SEEN,
        "initial_state": _states(*[(3,)] * 4),
    },
    "CategoryEncoding": {"count_weights": row(np.full((4, 3), 2.0, "float32"), output_mode="count")},
    "ConvLSTM1D": {"initial_state": _states((5, 2), (5, 2)), **_CONV},
    "ConvLSTM2D": {"initial_state": _states((7, 5, 2), (7, 5, 2)), **_CONV},
    "ConvLSTM3D": {
        "initial_state": _states((3, 5, 4, 2), (3, 5, 4, 2)),
        "mask": np.array([[1, 0], [0, 1], [1, 1], [1, 1]], bool),
        **_DROPPED,
    },
    "GRU": {"initial_state": _states((3,))[0], **_RNN},
    "GRUCell": _DROPPED,
    "GlobalAveragePooling1D": {"mask": _SEEN},
    "GroupQueryAttention": _ATTENDED,
    "LSTM": {"initial_state": _states((3,), (3,)), **_RNN},
    "LSTMCell": _DROPPED,
    "Lambda": {
        "training": row(True, function=_brighter),
        "mask": row(np.arange(8).reshape(2, 4) % 2 == 0, function=_masked),
    },
    "MultiHeadAttention": _ATTENDED,
    "Pipeline": {"training": row(True, layers=["layers.GaussianNoise(1.0)"]), "mask": None},
    "RNN": {
        "initial_state": _states((3,)),
        "mask": _SEEN,
        "training": row(True, cell="layers.SimpleRNNCell(3, dropout=0.5)"),
    },
    "RandomColorJitter": {"training": row(True, brightness_factor=0.5)},
    "ReversibleEmbedding": {"reverse": row(True, x=np.ones((2, 3), "float32"))},
    "SimpleRNN": {"initial_state": _states((3,))[0], **_RNN},
    "SimpleRNNCell": _DROPPED,
    "Softmax": {"mask": np.arange(20).reshape(4, 5) % 3 > 0},
    "Solarization": {"training": row(True, addition_factor=0.5)},
    "StackedRNNCells": {"training": row(True, cells=["layers.GRUCell(3, dropout=0.5)", "layers.SimpleRNNCell(2)"])},
    "TimeDistributed": {
        "training": row(True, layer="layers.Dropout(0.5)"),
        "mask": row(np.stack([_SEEN] * 3, 1), x=(3, 6, 4), layer="layers.LSTM(2)"),
    },
}
# Taken for the sake of Keras's signature: the same values in training.
ALIKE = {"AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "Dense", "EinsumDense"}
ALIKE |= {"MaxNumBoundingBoxes", "Resizing"}


def call_of(name, row, **extra):
    ckeras.utils.set_random_seed(2)
    base = {**base_of(name), **row.base}
    layer = CLASSES[name](**{k: made(v) for k, v in base.items()})
    x = inputs(name, row.x if row.x is not None else ROWS.get(name, (0, None))[1], "float32")
    given = {**row.call, **extra}
    if name == "ReversibleEmbedding":
        layer.build(None)
    if name in CELLS:
        x = [x[0], layer.get_initial_state(batch_size=4)]
    if not given.get("reverse", True):
        return []
    out = layer(*x, **given) if name in CELLS | SPREAD else layer(x, **given)
    return [np.asarray(o) for o in ckeras.tree.flatten(out)]


CASES = [(n, a) for n in NAMES for a in inspect.signature(CLASSES[n].call).parameters if a not in INPUTS]


@pytest.mark.parametrize(("name", "argument"), CASES)
def test_every_argument_of_a_call_shows(name, argument):
    found = CALLS.get(name, {}).get(argument, True if argument == "training" else None)
    if (name, argument) == ("Pipeline", "mask"):
        pytest.skip("for layers that take masks: none of its own")
    assert found is not None, "a row in CALLS for each argument of a call"
    row = found if isinstance(found, Row) else Row(found)
    without = {"training": False} if argument == "training" else {"reverse": False} if argument == "reverse" else {}
    alike = same(call_of(name, row, **without), call_of(name, row, **{argument: row.value}))
    assert alike == (argument == "training" and name in ALIKE)


def test_a_first_argument_given_by_its_name_is_checked_and_masked_as_one_by_place():
    x = ckeras.layers.Embedding(9, 4, mask_zero=True)(np.array([[1, 2, 0], [3, 0, 0]]))
    shown = np.array([[True, True, False], [True, False, False]])
    layers = ckeras.layers
    for layer, named in (
        (layers.MultiHeadAttention(2, 3), {"query": x, "value": x, "key": x}),
        (layers.Attention(), {"inputs": [x, x]}),
        (layers.Add(), {"inputs": [x, x]}),
        (layers.Activation("tanh"), {"inputs": x}),
        (layers.GRU(2, return_sequences=True), {"sequences": x}),
        (layers.GlobalAveragePooling1D(), {"inputs": x}),
    ):
        by_name, by_place = layer(**named), layer(*named.values())
        np.testing.assert_array_equal(by_name, by_place)
        masks = [getattr(t, "_keras_mask", None) for t in (by_name, by_place)]
        assert (
            all(m is None for m in masks) if by_name.ndim == 2 else all((np.asarray(m) == shown).all() for m in masks)
        )
    with pytest.raises(ValueError, match="expected axis -1 to have size 4"):
        dense = layers.Dense(2)
        dense.build((None, 4))
        dense(inputs=np.ones((2, 3)))
