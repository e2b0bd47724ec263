"""Applications beside Keras's: of some networks the same layers and features, and the same preprocessing."""

import json
import os
import sys

import numpy as np
import pytest
from beside import MARKS, real

import ckeras

sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
import network_layers

pytestmark = MARKS


@pytest.mark.parametrize("name", ["ResNet50V2", "VGG16"])
def test_same_network(name):
    theirs, ours = (network_layers.build(k, name) for k in (real, ckeras))
    assert network_layers.layout(ours) == network_layers.layout(theirs)
    assert json.loads(network_layers.FILE.read_text())[name] == network_layers.row(theirs)
    theirs.set_weights(ours.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (2, *ours.input_shape[1:])).astype("float32")
    expected = np.asarray(theirs(images, training=False))
    np.testing.assert_allclose(np.asarray(ours(images)), expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("module", ["densenet", "inception_v3", "resnet50", "efficientnet"])
def test_same_preprocessing(module):
    images = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3)).astype("float32")
    theirs, ours = (getattr(k.applications, module).preprocess_input(images.copy()) for k in (real, ckeras))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-5)
