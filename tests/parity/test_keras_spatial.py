"""Convolution and pooling layers beside Keras's: values, gradients, shapes, configs, files both ways."""

import beside
import numpy as np
import pytest
from beside import real

import ckeras

pytestmark = beside.MARKS

# Class, arguments, input shape. Every argument of every class appears with a value that is not its default.
SEQUENCE, IMAGE, VOLUME = (2, 9, 4), (2, 7, 8, 4), (2, 5, 6, 7, 2)


def _arguments(kind, penalty="L2", constraint="non_neg"):
    """Initializer, regularizer (of a weight that float32 holds exactly) and constraint of one kind of weight."""
    regularizer = {"class_name": penalty, "config": {penalty.lower(): 0.5}}
    return {f"{kind}_initializer": "ones", f"{kind}_regularizer": regularizer, f"{kind}_constraint": constraint}


BIAS, POINT = _arguments("bias"), _arguments("pointwise")
KERNEL = {**_arguments("kernel", "L1", "unit_norm"), **BIAS}
DEPTH = {**_arguments("depthwise", "L1"), **BIAS}
ROWS = [
    ("Conv1D", {"filters": 6, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, SEQUENCE),
    ("Conv1D", {"filters": 6, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "tanh"}, SEQUENCE),
    ("Conv1D", {"filters": 6, "kernel_size": (3,), "groups": 2, "use_bias": False, **KERNEL}, SEQUENCE),
    ("Conv2D", {"filters": 6, "kernel_size": (3, 2), "strides": (1, 2), "padding": "same", "groups": 2}, IMAGE),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": (2, 1), "activation": "relu", **KERNEL}, IMAGE),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", **KERNEL}, SEQUENCE),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3, "activation": "tanh"}, SEQUENCE),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "use_bias": False}, SEQUENCE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": (2, 1), "padding": "same"}, IMAGE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": (4, 3), "strides": 2, "output_padding": (1, 0)}, IMAGE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1, "padding": "same"}, IMAGE),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same", **DEPTH}, SEQUENCE),
    ("DepthwiseConv1D", {"kernel_size": 3, "strides": 2, "use_bias": False, "activation": "relu"}, SEQUENCE),
    ("DepthwiseConv2D", {"kernel_size": (3, 2), "strides": 2, "padding": "same", "activation": "tanh"}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 3, "dilation_rate": 2, "depth_multiplier": 3, **DEPTH}, IMAGE),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, **DEPTH, **POINT}, SEQUENCE),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}, SEQUENCE),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "padding": "same", "depth_multiplier": 2}, IMAGE),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "dilation_rate": 2, "activation": "tanh", **POINT}, IMAGE),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, SEQUENCE),
    ("MaxPooling1D", {}, SEQUENCE),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}, IMAGE),
    ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, SEQUENCE),
    ("AveragePooling1D", {"pool_size": 2}, SEQUENCE),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": (1, 2), "padding": "same"}, IMAGE),
    ("AveragePooling2D", {"pool_size": 3}, IMAGE),
    ("Conv3D", {"filters": 4, "kernel_size": (2, 3, 3), "strides": (1, 2, 1), "padding": "same", **KERNEL}, VOLUME),
    ("Conv3D", {"filters": 4, "kernel_size": 2, "dilation_rate": 2, "groups": 2, "activation": "tanh"}, VOLUME),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": 3, "strides": (2, 1, 2), "padding": "same"}, VOLUME),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": (3, 2, 3), "strides": 2, "output_padding": (1, 0, 1)}, VOLUME),
    ("MaxPooling3D", {"pool_size": (2, 3, 2), "strides": (1, 2, 2), "padding": "same"}, VOLUME),
    ("MaxPooling3D", {}, VOLUME),
    ("AveragePooling3D", {"pool_size": (2, 3, 2), "strides": (1, 2, 2), "padding": "same"}, VOLUME),
    *[
        (f"Global{kind}Pooling{n}D", arguments, shape)
        for kind in ("Max", "Average")
        for n, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
        for arguments in ({}, {"keepdims": True})
    ],
    *[
        (f"Adaptive{kind}Pooling{n}D", {"output_size": size}, shape)
        for kind in ("Max", "Average")
        for n, size, shape in ((1, 4, SEQUENCE), (2, (3, 4), IMAGE), (3, (2, 3, 3), VOLUME))
    ],
]
NAMES = [f"{name} {i}" for i, (name, _, _) in enumerate(ROWS)]
FIRST_OF_CLASS = {name: i for i, (name, _, _) in reversed(list(enumerate(ROWS)))}.values()
FORMATS = [(row, "channels_last") for row in ROWS] + [(ROWS[i], "channels_first") for i in FIRST_OF_CLASS]


def pair(row, data_format=None):
    """The layer in both, built alike with the same weights, and an input."""
    name, arguments, shape = row
    if data_format:
        arguments = {**arguments, "data_format": data_format}
    if data_format == "channels_first":
        shape = (shape[0], shape[-1], *shape[1:-1])
    return *beside.pair(name, arguments, shape), beside.numbers(shape, seed=2)


@pytest.mark.parametrize(("row", "data_format"), FORMATS, ids=[f"{row[0]} {f[9:]}" for row, f in FORMATS])
def test_values_gradients_and_shapes(row, data_format):
    theirs, ours, x = pair(row, data_format)
    unknown = range(1, x.ndim - 1) if data_format == "channels_last" else ()
    beside.check_values(theirs, ours, x, unknown)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_configs_are_equal_and_make_the_layer_again(row):
    beside.check_configs(*pair(row))


@pytest.mark.parametrize("shape", [SEQUENCE, IMAGE, VOLUME], ids=["1d", "2d", "3d"])
def test_files_go_both_ways(shape, tmp_path):
    rows = [(name, arguments) for name, arguments, s in ROWS if s == shape]
    beside.check_files(rows, beside.numbers(shape, seed=3), tmp_path)


def test_mask_of_a_global_average():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    mask = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 0]], "bool")
    for arguments in ({}, {"keepdims": True}):
        theirs, ours = (k.layers.GlobalAveragePooling1D(**arguments) for k in (real, ckeras))
        np.testing.assert_allclose(ours(x, mask=mask).numpy(), np.asarray(theirs(x, mask=mask)), rtol=1e-6)
    first = x.transpose(0, 2, 1)
    theirs, ours = (k.layers.GlobalAveragePooling1D("channels_first") for k in (real, ckeras))
    np.testing.assert_allclose(ours(first, mask=mask).numpy(), np.asarray(theirs(first, mask=mask)), rtol=1e-6)
    ids = np.array([[3, 1, 0, 0]])
    model = ckeras.Sequential([ckeras.layers.Embedding(5, 2, mask_zero=True), ckeras.layers.GlobalAveragePooling1D()])
    table = model(ids) is not None and model.layers[0].get_weights()[0]
    np.testing.assert_allclose(model.predict(ids, verbose=0)[0], table[[3, 1]].mean(0), rtol=1e-6)


BAD = {
    "padding": lambda k: k.layers.Conv2D(2, 3, padding="causal"),
    "transposed padding": lambda k: k.layers.Conv1DTranspose(2, 3, padding="causal"),
    "strides and dilation": lambda k: k.layers.Conv1D(2, 3, strides=2, dilation_rate=2),
    "groups and filters": lambda k: k.layers.Conv1D(4, 3, groups=3),
    "groups and channels": lambda k: k.layers.Conv1D(4, 3, groups=4)(np.ones((1, 5, 3), "float32")),
    "filters": lambda k: k.layers.SeparableConv2D(0, 3),
    "kernel size": lambda k: k.layers.DepthwiseConv2D((3, 3, 3)),
    "output padding": lambda k: k.layers.Conv2DTranspose(2, 3, strides=2, output_padding=2).build((1, 5, 5, 2)),
    "window": lambda k: k.layers.Conv1D(2, 9)(np.ones((1, 5, 3), "float32")),
    "pool window": lambda k: k.layers.AveragePooling1D(9).compute_output_shape((1, 5, 3)),
    "rank": lambda k: k.layers.GlobalMaxPooling2D()(np.ones((1, 5, 3), "float32")),
    "channels": lambda k: k.layers.DepthwiseConv1D(3).build((1, 5, None)),
    "output size": lambda k: k.layers.AdaptiveMaxPooling2D((2, 3, 4)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_keras_refuses_is_refused(name):
    for k in (real, ckeras):
        with pytest.raises((ValueError, TypeError)):
            BAD[name](k)
