"""EfficientNet (Tan, Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019)."""

import math

from ckeras import layers
from ckeras.applications._build import Stack, classified, images, model_of, near_multiple, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

_BASE = "https://storage.googleapis.com/keras-applications/"
# Kernel, blocks, filters, expansion and the first block's stride of each group of B0.
_GROUPS = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
# Width, depth, image size, dropout of the top, MD5 of the weights with and without the top.
_NETWORKS = {
    "efficientnetb0": (1.0, 1.0, 224, 0.2, "902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "efficientnetb1": (1.0, 1.1, 240, 0.2, "1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "efficientnetb2": (1.1, 1.2, 260, 0.3, "b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "efficientnetb3": (1.2, 1.4, 300, 0.3, "ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "efficientnetb4": (1.4, 1.8, 380, 0.4, "18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "efficientnetb5": (1.6, 2.2, 456, 0.4, "ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "efficientnetb6": (1.8, 2.6, 528, 0.5, "165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "efficientnetb7": (2.0, 3.1, 600, 0.5, "8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}
_DROPPED = 0.2  # Probability that the last block is left out while training; smaller before it.
_DEVIATIONS = (0.229, 0.224, 0.225)
KERNEL = {
    "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
    }
}
TOP = {
    "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
    }
}


def excited(s, x, reduced, name):
    """Each channel scaled by what a small network makes of the averages of all."""
    wide = x.shape[s.axis]
    y = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = layers.Reshape((1, 1, wide) if s.axis == 3 else (wide, 1, 1), name=f"{name}se_reshape")(y)
    y = s.conv(y, max(1, reduced), use_bias=True, activation="silu", name=f"{name}se_reduce", **KERNEL)
    y = s.conv(y, wide, use_bias=True, activation="sigmoid", name=f"{name}se_expand", **KERNEL)
    return layers.Multiply(name=f"{name}se_excite")([x, y])


def drop_and_add(x, before, dropped, name):
    """A block's end: it is left out of whole examples while training."""
    if dropped > 0:
        x = layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, before])


def _block(s, x, kernel, filters, expansion, stride, dropped, name):
    """Inverted residual with squeeze and excitation."""
    before, channels = x, x.shape[s.axis]
    if expansion != 1:
        x = s.conv(x, channels * expansion, name=f"{name}expand_conv", **KERNEL)
        x = s.silu(s.norm(x, f"{name}expand_bn"), f"{name}expand_activation")
    if stride == 2:
        x = s.pad(x, kernel, f"{name}dwconv_pad")
    padding = "same" if stride == 1 else "valid"
    x = s.depthwise(x, kernel, stride, padding, f"{name}dwconv", depthwise_initializer=KERNEL["kernel_initializer"])
    x = s.silu(s.norm(x, f"{name}bn"), f"{name}activation")
    x = excited(s, x, channels // 4, name)
    x = s.norm(s.conv(x, filters, name=f"{name}project_conv", **KERNEL), f"{name}project_bn")
    return drop_and_add(x, before, dropped, name) if stride == 1 and channels == filters else x


def efficientnet(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    width, depth, size, dropout, *hashes = _NETWORKS[kind]
    s = Stack()
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, size, 32)
    x = layers.Rescaling(1.0 / 255.0)(inputs)
    x = layers.Normalization(axis=s.axis)(x)
    if weights == "imagenet":
        # The published weights expect a division by the root of the deviations; they hold only the deviations.
        x = layers.Rescaling([1.0 / math.sqrt(d) for d in _DEVIATIONS])(x)
    x = s.pad(x, 3, "stem_conv_pad")
    x = s.conv(x, near_multiple(32 * width), 3, 2, "valid", name="stem_conv", **KERNEL)
    x = s.silu(s.norm(x, "stem_bn"), "stem_activation")
    groups = [(k, math.ceil(depth * count), near_multiple(f * width), e, st) for k, count, f, e, st in _GROUPS]
    total, number = sum(group[1] for group in groups), 0
    for i, (kernel, count, filters, expansion, stride) in enumerate(groups, start=1):
        for j in range(count):
            letter = chr(ord("a") + j)
            x = _block(
                s, x, kernel, filters, expansion, 1 if j else stride, _DROPPED * number / total, f"block{i}{letter}_"
            )
            number += 1
    x = s.conv(x, near_multiple(1280 * width), name="top_conv", **KERNEL)
    x = s.silu(s.norm(x, "top_bn"), "top_activation")
    x = classified(x, classes, classifier_activation, dropout, **TOP) if include_top else pooled(x, pooling)
    return model_of(inputs, x, name, weights, published(kind, hashes, include_top, base=_BASE))


EfficientNetB0 = public(efficientnet, "EfficientNetB0", "efficientnetb0", 5_330_571, 224)
EfficientNetB1 = public(efficientnet, "EfficientNetB1", "efficientnetb1", 7_856_239, 240)
EfficientNetB2 = public(efficientnet, "EfficientNetB2", "efficientnetb2", 9_177_569, 260)
EfficientNetB3 = public(efficientnet, "EfficientNetB3", "efficientnetb3", 12_320_535, 300)
EfficientNetB4 = public(efficientnet, "EfficientNetB4", "efficientnetb4", 19_466_823, 380)
EfficientNetB5 = public(efficientnet, "EfficientNetB5", "efficientnetb5", 30_562_527, 456)
EfficientNetB6 = public(efficientnet, "EfficientNetB6", "efficientnetb6", 43_265_143, 528)
EfficientNetB7 = public(efficientnet, "EfficientNetB7", "efficientnetb7", 66_658_687, 600)

preprocess_input = preprocessor(None)
