"""DenseNet (Huang et al., "Densely Connected Convolutional Networks", 2017)."""

from ckeras import layers
from ckeras.applications._build import KERNELS, Stack, classified, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

_GROWTH = 32
# Layers of the four dense blocks, MD5 of the weights with and without the top.
_NETWORKS = {
    "densenet121": ((6, 12, 24, 16), "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    "densenet169": ((6, 12, 32, 32), "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    "densenet201": ((6, 12, 48, 32), "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}


def _grow(s, x, name):
    """32 more channels, behind those that are there."""
    y = s.relu(s.norm(x, f"{name}_0_bn"), f"{name}_0_relu")
    y = s.conv(y, 4 * _GROWTH, 1, padding="valid", name=f"{name}_1_conv")
    y = s.relu(s.norm(y, f"{name}_1_bn"), f"{name}_1_relu")
    y = s.conv(y, _GROWTH, 3, name=f"{name}_2_conv")
    return layers.Concatenate(axis=s.axis, name=f"{name}_concat")([x, y])


def _halve(s, x, name):
    """Half the channels, half the size."""
    x = s.relu(s.norm(x, f"{name}_bn"), f"{name}_relu")
    x = s.conv(x, x.shape[s.axis] // 2, 1, padding="valid", name=f"{name}_conv")
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def densenet(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    blocks, *hashes = _NETWORKS[kind]
    s = Stack(epsilon=1.001e-5)
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    x = layers.ZeroPadding2D(3)(inputs)
    x = s.relu(s.norm(s.conv(x, 64, 7, 2, "valid", name="conv1_conv"), "conv1_bn"), "conv1_relu")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for i, count in enumerate(blocks, start=2):
        for j in range(1, count + 1):
            x = _grow(s, x, f"conv{i}_block{j}")
        if i < 5:
            x = _halve(s, x, f"pool{i}")
    x = s.relu(s.norm(x, "bn"), "relu")
    x = classified(x, classes, classifier_activation) if include_top else pooled(x, pooling)
    return model_of(inputs, x, name, weights, published(f"densenet/{kind}{KERNELS}", hashes, include_top))


DenseNet121 = public(densenet, "DenseNet121", "densenet121", 8_062_504)
DenseNet169 = public(densenet, "DenseNet169", "densenet169", 14_307_880)
DenseNet201 = public(densenet, "DenseNet201", "densenet201", 20_242_984)

preprocess_input = preprocessor("torch")
