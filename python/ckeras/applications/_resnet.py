"""Residual networks: He et al., "Deep Residual Learning for Image Recognition", 2016, and "Identity Mappings in Deep
Residual Networks", 2016 (the second version)."""

from ckeras import layers
from ckeras.applications._build import KERNELS, Stack, classified, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import preprocessor

# Residual blocks of the four stages.
_BLOCKS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}
# MD5 of the weights with and without the top.
_HASHES = {
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}


def _block(s, x, filters, stride, first, name):
    """1x1, 3x3, 1x1 and the sum with the input; activations after the sums."""
    short = x
    if first:
        short = s.conv(x, 4 * filters, 1, stride, "valid", True, f"{name}_0_conv")
        short = s.norm(short, f"{name}_0_bn")
    for i, (kernel, step, padding) in enumerate(((1, stride, "valid"), (3, 1, "same")), start=1):
        x = s.conv(x, filters, kernel, step, padding, True, f"{name}_{i}_conv")
        x = s.relu(s.norm(x, f"{name}_{i}_bn"), f"{name}_{i}_relu")
    x = s.norm(s.conv(x, 4 * filters, 1, 1, "valid", True, f"{name}_3_conv"), f"{name}_3_bn")
    return s.relu(layers.Add(name=f"{name}_add")([short, x]), f"{name}_out")


def _block_v2(s, x, filters, stride, first, name):
    """The same with normalization and activation before each convolution."""
    ready = s.relu(s.norm(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if first:
        short = s.conv(ready, 4 * filters, 1, stride, "valid", True, f"{name}_0_conv")
    else:
        short = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = s.conv(ready, filters, 1, 1, "valid", False, f"{name}_1_conv")
    x = s.relu(s.norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = s.conv(x, filters, 3, stride, "valid", False, f"{name}_2_conv")
    x = s.relu(s.norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = s.conv(x, 4 * filters, 1, 1, "valid", True, f"{name}_3_conv")
    return layers.Add(name=f"{name}_out")([short, x])


def resnet(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    second = kind.endswith("v2")
    s = Stack(epsilon=1.001e-5)
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    x = layers.ZeroPadding2D(3, name="conv1_pad")(inputs)
    x = s.conv(x, 64, 7, 2, "valid", True, "conv1_conv")
    if not second:
        x = s.relu(s.norm(x, "conv1_bn"), "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    stages = _BLOCKS[kind.removeprefix("resnet").removesuffix("v2")]
    for stage, count in enumerate(stages):
        for i in range(count):
            # The first version shrinks the image in a stage's first block, the second in its last.
            shrinks = (stage < 3 and i == count - 1) if second else (stage > 0 and i == 0)
            block = _block_v2 if second else _block
            x = block(s, x, 64 << stage, 2 if shrinks else 1, i == 0, f"conv{stage + 2}_block{i + 1}")
    if second:
        x = s.relu(s.norm(x, "post_bn"), "post_relu")
    x = classified(x, classes, classifier_activation) if include_top else pooled(x, pooling)
    return model_of(inputs, x, name, weights, published(f"resnet/{kind}{KERNELS}", _HASHES[kind], include_top))


ResNet50 = public(resnet, "ResNet50", "resnet50", 25_636_712)
ResNet101 = public(resnet, "ResNet101", "resnet101", 44_707_176)
ResNet152 = public(resnet, "ResNet152", "resnet152", 60_419_944)
ResNet50V2 = public(resnet, "ResNet50V2", "resnet50v2", 25_613_800)
ResNet101V2 = public(resnet, "ResNet101V2", "resnet101v2", 44_675_560)
ResNet152V2 = public(resnet, "ResNet152V2", "resnet152v2", 60_380_648)

preprocess_input = preprocessor("caffe")
