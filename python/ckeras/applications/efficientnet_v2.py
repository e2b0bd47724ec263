"""EfficientNetV2 (Tan, Le: "EfficientNetV2: Smaller Models and Faster Training", 2021)."""

import functools
import math

from ckeras import layers
from ckeras.applications._build import (
    COMMON,
    PREPROCESSING,
    Stack,
    classified,
    images,
    model_of,
    pooled,
    public,
    published,
)
from ckeras.applications.efficientnet import KERNEL, TOP, drop_and_add, excited
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

# Blocks, filters before and after, expansion and the first block's stride of each group; the first three groups expand
# and filter in one convolution.
_GROUPS = {
    "b": ((1, 32, 16, 1, 1), (2, 16, 32, 4, 2), (2, 32, 48, 4, 2), (3, 48, 96, 4, 2), (5, 96, 112, 6, 1))
    + ((8, 112, 192, 6, 2),),
    "s": ((2, 24, 24, 1, 1), (4, 24, 48, 4, 2), (4, 48, 64, 4, 2), (6, 64, 128, 4, 2), (9, 128, 160, 6, 1))
    + ((15, 160, 256, 6, 2),),
    "m": ((3, 24, 24, 1, 1), (5, 24, 48, 4, 2), (5, 48, 80, 4, 2), (7, 80, 160, 4, 2), (14, 160, 176, 6, 1))
    + ((18, 176, 304, 6, 2), (5, 304, 512, 6, 1)),
    "l": ((4, 32, 32, 1, 1), (7, 32, 64, 4, 2), (7, 64, 96, 4, 2), (10, 96, 192, 4, 2), (19, 192, 224, 6, 1))
    + ((25, 224, 384, 6, 2), (7, 384, 640, 6, 1)),
}
_FUSED = 3
# Groups, width, depth, image size, MD5 of the weights with and without the top.
_NETWORKS = {
    "efficientnetv2-b0": ("b", 1.0, 1.0, 224, "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    "efficientnetv2-b1": ("b", 1.0, 1.1, 240, "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    "efficientnetv2-b2": ("b", 1.1, 1.2, 260, "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "efficientnetv2-b3": ("b", 1.2, 1.4, 300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    "efficientnetv2-s": ("s", 1.0, 1.0, 384, "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    "efficientnetv2-m": ("m", 1.0, 1.0, 480, "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    "efficientnetv2-l": ("l", 1.0, 1.0, 480, "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
}
_DROPPED = 0.2  # Probability that the last block is left out while training; smaller before it.
_MOMENTUM = 0.9


def _filters(count, width):
    return max(8, int(count * width + 4) // 8 * 8)


def _block(s, x, fused, filters, expansion, stride, dropped, name):
    """Inverted residual: with 3x3 convolutions, or pointwise and depthwise ones and squeeze and excitation."""
    before, channels = x, x.shape[s.axis]
    if expansion != 1:
        kernel = (3, stride) if fused else (1, 1)
        x = s.conv(x, channels * expansion, *kernel, name=f"{name}expand_conv", **KERNEL)
        x = s.silu(s.norm(x, f"{name}expand_bn"), f"{name}expand_activation")
    if not fused:
        x = s.depthwise(x, 3, stride, name=f"{name}dwconv2", depthwise_initializer=KERNEL["kernel_initializer"])
        x = s.silu(s.norm(x, f"{name}bn"), f"{name}activation")
        x = excited(s, x, channels // 4, name)
    kernel = (3, stride) if fused and expansion == 1 else (1, 1)
    x = s.norm(s.conv(x, filters, *kernel, name=f"{name}project_conv", **KERNEL), f"{name}project_bn")
    if fused and expansion == 1:
        x = s.silu(x, f"{name}project_activation")
    return drop_and_add(x, before, dropped, name) if stride == 1 and channels == filters else x


def _scaled(s, x, kind):
    """Pixels from 0 to 255 as the networks were trained on them."""
    if kind.startswith("efficientnetv2-b") and x.shape[s.axis] == 3:
        variances = [0.229**2, 0.224**2, 0.225**2]
        x = layers.Rescaling(1.0 / 255.0)(x)
        return layers.Normalization(axis=s.axis, mean=[0.485, 0.456, 0.406], variance=variances)(x)
    return layers.Rescaling(1.0 / 128.0, offset=-1)(x)


_TAKES = {**COMMON, "include_preprocessing": True}


def efficientnet_v2(
    kind,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    include_preprocessing,
    name,
):
    letter, width, depth, size, *hashes = _NETWORKS[kind]
    groups = _GROUPS[letter]
    s = Stack(_MOMENTUM)
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, size, 32)
    x = _scaled(s, inputs, kind) if include_preprocessing else inputs
    x = s.conv(x, _filters(groups[0][1], width), 3, 2, name="stem_conv", **KERNEL)
    x = s.silu(s.norm(x, "stem_bn"), "stem_activation")
    total, number = sum(group[0] for group in groups), 0
    for i, (count, _, filters, expansion, stride) in enumerate(groups):
        for j in range(math.ceil(depth * count)):
            dropped, block = _DROPPED * number / total, f"block{i + 1}{chr(ord('a') + j)}_"
            x = _block(s, x, i < _FUSED, _filters(filters, width), expansion, 1 if j else stride, dropped, block)
            number += 1
    x = s.conv(x, _filters(1280, width), name="top_conv", **KERNEL)
    x = s.silu(s.norm(x, "top_bn"), "top_activation")
    x = classified(x, classes, classifier_activation, 0.2, **TOP) if include_top else pooled(x, pooling)
    return model_of(inputs, x, name, weights, published(f"efficientnet_v2/{kind}", hashes, include_top))


_public = functools.partial(public, efficientnet_v2, takes=_TAKES, more=PREPROCESSING)
EfficientNetV2B0 = _public("EfficientNetV2B0", "efficientnetv2-b0", 7_200_312, 224)
EfficientNetV2B1 = _public("EfficientNetV2B1", "efficientnetv2-b1", 8_212_124, 240)
EfficientNetV2B2 = _public("EfficientNetV2B2", "efficientnetv2-b2", 10_178_374, 260)
EfficientNetV2B3 = _public("EfficientNetV2B3", "efficientnetv2-b3", 14_467_622, 300)
EfficientNetV2S = _public("EfficientNetV2S", "efficientnetv2-s", 21_612_360, 384)
EfficientNetV2M = _public("EfficientNetV2M", "efficientnetv2-m", 54_431_388, 480)
EfficientNetV2L = _public("EfficientNetV2L", "efficientnetv2-l", 119_027_848, 480)

preprocess_input = preprocessor(None)
