"""Xception (Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017)."""

from ckeras import layers
from ckeras.applications._build import KERNELS, Stack, classified, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

_HASHES = ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")


def _separable(s, x, filters, name):
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return s.norm(x, f"{name}_bn")


def _shrinking(s, x, widths, name, activates_first=True):
    """Two separable convolutions and a maximum over 3x3, beside a 1x1 convolution with stride 2."""
    beside = s.norm(s.conv(x, widths[1], 1, 2))
    for i, filters in enumerate(widths, start=1):
        if i > 1 or activates_first:
            x = s.relu(x, f"{name}_sepconv{i}_act")
        x = _separable(s, x, filters, f"{name}_sepconv{i}")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add()([x, beside])


def xception(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    s = Stack()
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 299, 71)
    x = s.conv(inputs, 32, 3, 2, "valid", name="block1_conv1")
    x = s.relu(s.norm(x, "block1_conv1_bn"), "block1_conv1_act")
    x = s.conv(x, 64, 3, padding="valid", name="block1_conv2")
    x = s.relu(s.norm(x, "block1_conv2_bn"), "block1_conv2_act")
    for i, filters in enumerate((128, 256, 728), start=2):
        x = _shrinking(s, x, (filters, filters), f"block{i}", activates_first=i > 2)
    for i in range(5, 13):
        before = x
        for j in range(1, 4):
            x = s.relu(x, f"block{i}_sepconv{j}_act")
            x = _separable(s, x, 728, f"block{i}_sepconv{j}")
        x = layers.Add()([x, before])
    x = _shrinking(s, x, (728, 1024), "block13")
    for j, filters in enumerate((1536, 2048), start=1):
        x = s.relu(_separable(s, x, filters, f"block14_sepconv{j}"), f"block14_sepconv{j}_act")
    x = classified(x, classes, classifier_activation) if include_top else pooled(x, pooling, named=False)
    return model_of(inputs, x, name, weights, published(f"xception/xception{KERNELS}", _HASHES, include_top))


Xception = public(xception, "Xception", "xception", 22_910_480, 299, 71)

preprocess_input = preprocessor("tf")
