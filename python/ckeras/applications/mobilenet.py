"""MobileNet (Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision", 2017)."""

from ckeras import layers
from ckeras.applications._build import Stack, images, model_of, pooled, published, rows_of, trained_size
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

# Filters and stride of each separable block.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
# Widths with published weights, as their files spell them.
_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}


def MobileNet(
    input_shape=None,
    alpha=1.0,
    depth_multiplier=1,
    dropout=0.001,
    include_top=True,
    weights="imagenet",
    input_tensor=None,
    pooling=None,
    classes=1000,
    classifier_activation="softmax",
    name=None,
):
    """Depthwise separable convolutions: images `(n, 224, 224, 3)` to `(n, classes)`; 4,253,864 parameters.

    `alpha` scales the channels, `depth_multiplier` those of the depthwise convolutions, `dropout` is the top's rate.
    `weights`: None (initial), "imagenet" (downloaded; alpha 0.25, 0.5, 0.75, 1 at 128, 160, 192, 224) or a path.
    `include_top=False` ends after the convolutions, or after `pooling` ("avg", "max"). Raises `ValueError` for
    arguments that do not fit.

    >>> model = ckeras.applications.MobileNet(weights=None, alpha=0.5)
    """
    size = trained_size(input_shape, (128, 160, 192, 224))
    if weights == "imagenet" and (depth_multiplier != 1 or alpha not in _ALPHAS):
        raise ValueError(
            f"[MobileNet] weights='imagenet' needs depth_multiplier=1 and alpha one of {tuple(_ALPHAS)}; "
            f"got depth_multiplier={depth_multiplier}, alpha={alpha}"
        )
    s = Stack()
    inputs = images("MobileNet", weights, include_top, classes, input_tensor, input_shape, size, 32)
    x = s.conv(inputs, int(32 * alpha), 3, 2, name="conv1")
    x = s.relu6(s.norm(x, "conv1_bn"), "conv1_relu")
    for i, (filters, stride) in enumerate(_BLOCKS, start=1):
        if stride == 2:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x)
        padding = "same" if stride == 1 else "valid"
        x = s.depthwise(x, 3, stride, padding, f"conv_dw_{i}", depth_multiplier=depth_multiplier)
        x = s.relu6(s.norm(x, f"conv_dw_{i}_bn"), f"conv_dw_{i}_relu")
        x = s.conv(x, int(filters * alpha), name=f"conv_pw_{i}")
        x = s.relu6(s.norm(x, f"conv_pw_{i}_bn"), f"conv_pw_{i}_relu")
    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling, named=False)
    files = published(f"mobilenet/mobilenet_{_ALPHAS.get(alpha)}_{size}_tf", (None, None), include_top, "_no_top")
    return model_of(inputs, x, name or f"mobilenet_{alpha:0.2f}_{rows_of(inputs, weights, size)}", weights, files)


preprocess_input = preprocessor("tf")
