"""VGG16 and VGG19 (Simonyan, Zisserman: "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015)."""

from ckeras import layers
from ckeras.applications._build import KERNELS, images, model_of, pooled, public, published
from ckeras.applications.imagenet_utils import preprocessor

# Filters of each block's convolutions.
_BLOCKS = {
    "vgg16": ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)),
    "vgg19": ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)),
}
# MD5 of the weights with and without the top.
_HASHES = {
    "vgg16": ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "vgg19": ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
}


def vgg(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    x = inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 224, 32)
    for i, (filters, count) in enumerate(_BLOCKS[kind], start=1):
        for j in range(1, count + 1):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{i}_conv{j}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{i}_pool")(x)
    if include_top:
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, activation="relu", name="fc1")(x)
        x = layers.Dense(4096, activation="relu", name="fc2")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    else:
        x = pooled(x, pooling, named=False)
    return model_of(inputs, x, name, weights, published(f"{kind}/{kind}{KERNELS}", _HASHES[kind], include_top))


VGG16 = public(vgg, "VGG16", "vgg16", 138_357_544)
VGG19 = public(vgg, "VGG19", "vgg19", 143_667_240)

preprocess_input = preprocessor("caffe")
