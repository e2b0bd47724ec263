"""ConvNeXt (Liu et al., "A ConvNet for the 2020s", 2022)."""

import functools

from ckeras import initializers, layers
from ckeras.applications._build import COMMON, PREPROCESSING, channels_last, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor
from ckeras.layers.layer import Layer
from ckeras.models import Sequential

# Blocks and filters of the four stages, SHA-256 of the weights with and without the top.
_NETWORKS = {
    "convnext_tiny": (
        (3, 3, 9, 3),
        (96, 192, 384, 768),
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": (
        (3, 3, 27, 3),
        (96, 192, 384, 768),
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": (
        (3, 3, 27, 3),
        (128, 256, 512, 1024),
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": (
        (3, 3, 27, 3),
        (192, 384, 768, 1536),
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": (
        (3, 3, 27, 3),
        (256, 512, 1024, 2048),
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}
_SCALE = 1e-6  # that a block's result begins with


class LayerScale(Layer):
    """Each channel times a weight that begins near 0 (Touvron et al., "Going deeper with Image Transformers", 2021)."""

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim
        self.gamma = None

    def build(self, input_shape):
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, name="gamma")

    def call(self, x):
        return x * self.gamma

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


def _norm(name=None):
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x, filters, name):
    """7x7 depthwise, then a wide pointwise pair beside the input."""
    y = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    y = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(_norm(f"{name}_layernorm")(y))
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(_SCALE, filters, name=f"{name}_layer_scale")(y)
    return x + layers.Activation("linear", name=f"{name}_identity")(y)


def _entry(stage, filters, name):
    """What makes images smaller before a stage."""
    if stage == 0:
        parts = [layers.Conv2D(filters, 4, 4, name=f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")]
        return Sequential(parts, name=f"{name}_stem")
    i = stage - 1
    parts = [_norm(f"{name}_downsampling_layernorm_{i}")]
    parts.append(layers.Conv2D(filters, 2, 2, name=f"{name}_downsampling_conv_{i}"))
    return Sequential(parts, name=f"{name}_downsampling_block_{i}")


_TAKES = {"include_top": True, "include_preprocessing": True, **COMMON}


def convnext(
    kind,
    include_top,
    include_preprocessing,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
):
    channels_last(kind)
    depths, widths, *hashes = _NETWORKS[kind]
    inputs = x = images(kind, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    if include_preprocessing and x.shape[-1] == 3:
        means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        x = layers.Normalization(
            mean=[m * 255 for m in means],
            variance=[(d * 255) ** 2 for d in deviations],
            name=f"{name}_prestem_normalization",
        )(x)
    for stage, (depth, filters) in enumerate(zip(depths, widths)):
        x = _entry(stage, filters, name)(x)
        for j in range(depth):
            x = _block(x, filters, f"{name}_stage_{stage}_block_{j}")
    if include_top:
        x = _norm(f"{name}_head_layernorm")(layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x))
        x = layers.Dense(classes, activation=classifier_activation, name=f"{name}_head_dense")(x)
    else:
        x = _norm()(pooled(x, pooling, named=False))
    return model_of(inputs, x, name, weights, published(f"convnext/{kind}", hashes, include_top))


_public = functools.partial(public, convnext, takes=_TAKES, more=PREPROCESSING)
ConvNeXtTiny = _public("ConvNeXtTiny", "convnext_tiny", 28_589_128)
ConvNeXtSmall = _public("ConvNeXtSmall", "convnext_small", 50_223_688)
ConvNeXtBase = _public("ConvNeXtBase", "convnext_base", 88_591_464)
ConvNeXtLarge = _public("ConvNeXtLarge", "convnext_large", 197_767_336)
ConvNeXtXLarge = _public("ConvNeXtXLarge", "convnext_xlarge", 350_196_968)

preprocess_input = preprocessor(None)
