"""Inception-ResNet (Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections", 2017)."""

from ckeras.applications._build import KERNELS, classified, images, model_of, pooled, public, published
from ckeras.applications._inception import Inception
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor
from ckeras.layers.layer import Layer

_HASHES = ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4")
# Of each kind of residual block: its branches as steps (filters, kernel), how many follow each other, their scale.
_BLOCKS = {
    "block35": ((((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))), 10, 0.17),
    "block17": ((((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))), 20, 0.1),
    "block8": ((((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))), 10, 0.2),
}


class CustomScaleLayer(Layer):
    """`a + scale * b` of a list `[a, b]`."""

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class _Residual(Inception):
    def residual(self, x, branches, scale, name, last=False):
        y = self.join([self.chain(x, *steps) for steps in branches], f"{name}_mixed")
        y = self.conv(y, x.shape[self.axis], use_bias=True, name=f"{name}_conv")
        x = CustomScaleLayer(scale)([x, y])
        return x if last else self.relu(x, f"{name}_ac")

    def residuals(self, x, kind):
        """All blocks of a kind; the very last of the network is neither scaled nor rectified."""
        branches, count, scale = _BLOCKS[kind]
        for i in range(1, count + 1):
            last = kind == "block8" and i == count
            x = self.residual(x, branches, 1.0 if last else scale, f"{kind}_{i}", last)
        return x


def inception_resnet(
    kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
):
    s = _Residual()
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 299, 75)
    x = s.residuals(s.first(s.stem(inputs), 96, 64, "mixed_5b"), "block35")
    branches = [s.chain(x, (384, 3, 2, "valid")), s.chain(x, (256, 1), (256, 3), (384, 3, 2, "valid")), s.shrink(x)]
    x = s.residuals(s.join(branches, "mixed_6a"), "block17")
    branches = [
        s.chain(x, (256, 1), (384, 3, 2, "valid")),
        s.chain(x, (256, 1), (288, 3, 2, "valid")),
        s.chain(x, (256, 1), (288, 3), (320, 3, 2, "valid")),
        s.shrink(x),
    ]
    x = s.residuals(s.join(branches, "mixed_7a"), "block8")
    x = s.chain(x, (1536, 1), name="conv_7b")
    x = classified(x, classes, classifier_activation) if include_top else pooled(x, pooling, named=False)
    return model_of(
        inputs, x, name, weights, published(f"inception_resnet_v2/inception_resnet_v2{KERNELS}", _HASHES, include_top)
    )


InceptionResNetV2 = public(inception_resnet, "InceptionResNetV2", "inception_resnet_v2", 55_873_736, 299, 75)

preprocess_input = preprocessor("tf")
