"""MobileNetV2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018)."""

from ckeras import layers
from ckeras.applications._build import (
    KERNELS,
    Stack,
    images,
    model_of,
    near_multiple,
    pooled,
    published,
    rows_of,
    trained_size,
)
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

# Expansion, filters, blocks and the first one's stride of each group.
_GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def _block(s, x, expansion, filters, stride, number):
    """1x1 to many channels, 3x3 on each of them, 1x1 to few; the sum where shapes allow."""
    before, channels = x, x.shape[s.axis]
    name = f"block_{number}_" if number else "expanded_conv_"
    if number:
        x = s.conv(x, expansion * channels, name=name + "expand")
        x = s.relu6(s.norm(x, name + "expand_BN"), name + "expand_relu")
    if stride == 2:
        x = s.pad(x, 3, name + "pad")
    x = s.depthwise(x, 3, stride, "same" if stride == 1 else "valid", name + "depthwise")
    x = s.relu6(s.norm(x, name + "depthwise_BN"), name + "depthwise_relu")
    x = s.norm(s.conv(x, filters, name=name + "project"), name + "project_BN")
    return layers.Add(name=name + "add")([before, x]) if stride == 1 and channels == filters else x


def MobileNetV2(
    input_shape=None,
    alpha=1.0,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """Inverted residual blocks: images `(n, 224, 224, 3)` to `(n, classes)`; 3,538,984 parameters.

    `alpha` scales the channels. `weights`: None (initial), "imagenet" (downloaded; alpha 0.35, 0.5, 0.75, 1, 1.3, 1.4
    at 96, 128, 160, 192, 224) or a path. `include_top=False` ends after the convolutions, or after `pooling` ("avg",
    "max"). Raises `ValueError` for arguments that do not fit.

    >>> model = ckeras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10)
    """
    size = trained_size(input_shape, (96, 128, 160, 192, 224))
    if weights == "imagenet" and alpha not in _ALPHAS:
        raise ValueError(f"[MobileNetV2] weights='imagenet' needs alpha one of {_ALPHAS}, got alpha={alpha}")
    s = Stack(momentum=0.999)
    inputs = images("MobileNetV2", weights, include_top, classes, input_tensor, input_shape, size, 32)
    x = s.conv(inputs, near_multiple(32 * alpha), 3, 2, name="Conv1")
    x = s.relu6(s.norm(x, "bn_Conv1"), "Conv1_relu")
    number = 0
    for expansion, filters, count, stride in _GROUPS:
        for i in range(count):
            x = _block(s, x, expansion, near_multiple(filters * alpha), 1 if i else stride, number)
            number += 1
    x = s.conv(x, near_multiple(1280 * alpha) if alpha > 1 else 1280, padding="valid", name="Conv_1")
    x = s.relu6(s.norm(x, "Conv_1_bn"), "out_relu")
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling, named=False)
    path = f"mobilenet_v2/mobilenet_v2{KERNELS}_{float(alpha)}_{size}"
    files = published(path, (None, None), include_top, "_no_top")
    return model_of(inputs, x, name or f"mobilenetv2_{alpha:0.2f}_{rows_of(inputs, weights, size)}", weights, files)


preprocess_input = preprocessor("tf")
