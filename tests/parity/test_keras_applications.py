"""Applications beside Keras's: the same layers in the same order with the same weights; of some, the same features."""

import re

import numpy as np
import pytest
from beside import MARKS, real

import ckeras

pytestmark = MARKS
NETWORKS = ["DenseNet121", "InceptionV3", "MobileNetV3Small", "ResNet50V2", "VGG16"]
NETWORKS += ["ConvNeXtTiny", "EfficientNetV2B1", "InceptionResNetV2", "NASNetMobile"]
FEATURES = ["ResNet50V2", "VGG16"]
LEAST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}


def shape_of(layer):
    """What identifies a layer; numbers that the library counts on by itself do not."""
    name = (
        re.sub(r"_\d+$", "", layer.name)
        if re.match(r"(conv2d|batch_norm|activation|input|layer_norm|re_lu|rescaling|normalization)", layer.name)
        else layer.name
    )
    return type(layer).__name__, name, [tuple(w.shape) for w in layer.weights]


@pytest.mark.parametrize("name", NETWORKS)
def test_same_network(name):
    size = LEAST.get(name, 32)
    arguments = {"weights": None, "include_top": False, "input_shape": (size, size, 3), "pooling": "avg"}
    theirs, ours = (getattr(k.applications, name)(**arguments) for k in (real, ckeras))
    for a, b in zip(theirs.layers, ours.layers, strict=True):
        if not re.match(
            r"(add|concatenate|cropping|custom_scale|max_pooling|average_pooling|global|zero_padding)", a.name
        ):
            assert shape_of(a) == shape_of(b)
    if name not in FEATURES:
        return
    theirs.set_weights(ours.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype("float32")
    expected = np.asarray(theirs(images, training=False))
    np.testing.assert_allclose(np.asarray(ours(images)), expected, rtol=2e-4, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("module", ["densenet", "inception_v3", "resnet50", "efficientnet"])
def test_same_preprocessing(module):
    images = np.random.default_rng(0).uniform(0, 255, (2, 5, 4, 3)).astype("float32")
    theirs, ours = (getattr(k.applications, module).preprocess_input(images.copy()) for k in (real, ckeras))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-5)
