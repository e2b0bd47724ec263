"""MobileNetV3 (Howard et al., "Searching for MobileNetV3", 2019)."""

from ckeras import layers
from ckeras.applications._build import PREPROCESSING, Stack, images, model_of, near_multiple, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

# Expansion, filters, kernel, stride, squeeze and excitation, hard SiLU instead of ReLU.
_BLOCKS = {
    "small": (
        (1, 16, 3, 2, True, False),
        (72 / 16, 24, 3, 2, False, False),
        (88 / 24, 24, 3, 1, False, False),
        (4, 40, 5, 2, True, True),
        (6, 40, 5, 1, True, True),
        (6, 40, 5, 1, True, True),
        (3, 48, 5, 1, True, True),
        (3, 48, 5, 1, True, True),
        (6, 96, 5, 2, True, True),
        (6, 96, 5, 1, True, True),
        (6, 96, 5, 1, True, True),
    ),
    "large": (
        (1, 16, 3, 1, False, False),
        (4, 24, 3, 2, False, False),
        (3, 24, 3, 1, False, False),
        (3, 40, 5, 2, True, False),
        (3, 40, 5, 1, True, False),
        (3, 40, 5, 1, True, False),
        (6, 80, 3, 2, False, True),
        (2.5, 80, 3, 1, False, True),
        (2.3, 80, 3, 1, False, True),
        (2.3, 80, 3, 1, False, True),
        (6, 112, 3, 1, True, True),
        (6, 112, 3, 1, True, True),
        (6, 160, 5, 2, True, True),
        (6, 160, 5, 1, True, True),
        (6, 160, 5, 1, True, True),
    ),
}
_LAST = {"small": 1024, "large": 1280}
# MD5 of the published weights with and without the top.
_HASHES = {
    "large_224_0.75": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


def _activate(x, hard):
    return layers.Activation("hard_silu")(x) if hard else layers.ReLU()(x)


def _weigh(x, name):
    """Squeeze and excitation (Hu et al., 2018): each channel times a factor from 0 to 1 computed from all means."""
    channels = x.shape[-1] if Stack().axis == 3 else x.shape[1]
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = layers.Conv2D(near_multiple(channels / 4), 1, padding="same", name=f"{name}_conv")(y)
    y = layers.ReLU(name=f"{name}_relu")(y)
    y = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv_1")(y)
    y = layers.ReLU(6.0)(y + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}_mul")([x, y])


def _block(s, x, expansion, filters, kernel, stride, weigh, hard, name):
    before, channels = x, x.shape[s.axis]
    if name != "expanded_conv":
        x = s.conv(x, near_multiple(channels * expansion), name=f"{name}_expand")
        x = _activate(s.norm(x, f"{name}_expand_bn"), hard)
    if stride == 2:
        x = s.pad(x, kernel, f"{name}_depthwise_pad")
    x = s.depthwise(x, kernel, stride, "same" if stride == 1 else "valid", f"{name}_depthwise")
    x = _activate(s.norm(x, f"{name}_depthwise_bn"), hard)
    if weigh:
        x = _weigh(x, f"{name}_squeeze_excite")
    x = s.norm(s.conv(x, filters, name=f"{name}_project"), f"{name}_project_bn")
    return layers.Add(name=f"{name}_add")([before, x]) if stride == 1 and channels == filters else x


# What both take, in this order, and the defaults.
_TAKES = {
    "input_shape": None,
    "alpha": 1.0,
    "minimalistic": False,
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "classes": 1000,
    "pooling": None,
    "dropout_rate": 0.2,
    "classifier_activation": "softmax",
    "include_preprocessing": True,
}
_MORE = f"""
    `alpha` scales the channels; `minimalistic=True` leaves out 5x5 kernels, hard SiLU and channel weights.
    `dropout_rate` is the top's.{PREPROCESSING}"""


def mobilenet_v3(
    kind,
    input_shape,
    alpha,
    minimalistic,
    include_top,
    weights,
    input_tensor,
    classes,
    pooling,
    dropout_rate,
    classifier_activation,
    include_preprocessing,
    name,
):
    file = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}"
    if weights == "imagenet" and file not in _HASHES:
        raise ValueError(
            f"[{name}] weights='imagenet' needs alpha 0.75 or 1.0, and 1.0 with minimalistic=True; got alpha={alpha}, "
            f"minimalistic={minimalistic}"
        )
    s = Stack(momentum=0.999)
    inputs = x = images(name, weights, include_top, classes, input_tensor, input_shape, 224, 32, any_size=True)
    if include_preprocessing:
        x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
    rich = not minimalistic
    x = s.conv(x, 16, 3, 2, name="conv")
    x = _activate(s.norm(x, "conv_bn"), rich)
    for i, (expansion, filters, kernel, stride, weigh, hard) in enumerate(_BLOCKS[kind]):
        prefix = f"expanded_conv_{i}" if i else "expanded_conv"
        filters = near_multiple(filters * alpha)
        x = _block(s, x, expansion, filters, kernel if rich else 3, stride, weigh and rich, hard and rich, prefix)
    x = s.conv(x, near_multiple(x.shape[s.axis] * 6), name="conv_1")
    x = _activate(s.norm(x, "conv_1_bn"), rich)
    if include_top:
        last = near_multiple(_LAST[kind] * alpha) if alpha > 1 else _LAST[kind]
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = _activate(s.conv(x, last, use_bias=True, name="conv_2"), rich)
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = s.conv(x, classes, use_bias=True, name="logits")
        x = layers.Flatten()(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling)
    path = f"mobilenet_v3/weights_mobilenet_v3_{file}_float"
    files = published(path, _HASHES[file], include_top, "_no_top_v2") if file in _HASHES else None
    return model_of(inputs, x, name, weights, files)


def _public(size, parameters):
    function = f"MobileNetV3{size}"
    return public(mobilenet_v3, function, size.lower(), parameters, takes=_TAKES, name=function, more=_MORE)


MobileNetV3Small = _public("Small", 2_554_968)
MobileNetV3Large = _public("Large", 5_507_432)

preprocess_input = preprocessor(None)
