"""What all applications share: their input, their top, their weights, and layers in the order that they repeat."""

import inspect
import os

from ckeras import layers, utils
from ckeras._core.settings import image_data_format
from ckeras._core.symbolic import KerasTensor
from ckeras.models import Model

BASE = "https://storage.googleapis.com/tensorflow/keras-applications/"
KERNELS = "_weights_tf_dim_ordering_tf_kernels"  # in the names of the older files
# What the networks of most families take, in this order, and the defaults.
COMMON = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
}
PREPROCESSING = "\n    `include_preprocessing`: whether the network scales pixels from 0 to 255 itself."


class Stack:
    """Makes the layers that convolutional networks repeat; `momentum` and `epsilon` are of the batch normalization."""

    def __init__(self, momentum=0.99, epsilon=1e-3):
        self.axis = 3 if image_data_format() == "channels_last" else 1
        self._momentum = momentum
        self._epsilon = epsilon

    def conv(self, x, filters, kernel=1, strides=1, padding="same", use_bias=False, name=None, **options):
        return layers.Conv2D(
            filters, kernel, strides=strides, padding=padding, use_bias=use_bias, name=name, **options
        )(x)

    def depthwise(self, x, kernel=3, strides=1, padding="same", name=None, **options):
        return layers.DepthwiseConv2D(kernel, strides=strides, padding=padding, use_bias=False, name=name, **options)(x)

    def norm(self, x, name=None, **options):
        return layers.BatchNormalization(
            axis=self.axis, momentum=self._momentum, epsilon=self._epsilon, name=name, **options
        )(x)

    def relu(self, x, name=None):
        return layers.Activation("relu", name=name)(x)

    def relu6(self, x, name=None):
        return layers.ReLU(6.0, name=name)(x)

    def silu(self, x, name=None):
        return layers.Activation("silu", name=name)(x)

    def pad(self, x, kernel, name=None):
        """Zeros so that a valid convolution with stride 2 sees what TensorFlow's `same` one does at an even size."""
        rows, columns = (n for i, n in enumerate(x.shape[1:], start=1) if i != self.axis)
        half = kernel // 2
        odd = [0 if n is None else n % 2 for n in (rows, columns)]
        return layers.ZeroPadding2D([(half - 1 + n, half) for n in odd], name=name)(x)


def near_multiple(value, divisor=8, least=None):
    """The multiple of `divisor` nearest to `value`, no less than 0.9 of it (Howard et al., 2017)."""
    found = max(least or divisor, int(value + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * value else found


def _image_shape(where, input_shape, default_size, least, weights, needs_size):
    """The shape of one image: the user's, checked, or the default; sizes may be None where nothing needs them."""
    last = image_data_format() == "channels_last"
    order = (lambda size, channels: (*size, channels)) if last else (lambda size, channels: (channels, *size))
    default = order((default_size, default_size), 3)
    if input_shape is None:
        return default if needs_size else order((None, None), 3)
    shape = tuple(input_shape)
    if len(shape) != 3:
        raise ValueError(f"[{where}] input_shape must have 3 dimensions, as {default}; got {shape}")
    size, channels = (shape[:2], shape[2]) if last else (shape[1:], shape[0])
    if weights == "imagenet" and channels != 3:
        raise ValueError(f"[{where}] weights='imagenet' needs 3 channels, got input_shape {shape}")
    if weights == "imagenet" and needs_size and shape != default:
        raise ValueError(
            f"[{where}] weights='imagenet' with include_top=True needs input_shape {default}, got {shape}; "
            "use include_top=False for images of another size"
        )
    if any(n is not None and n < least for n in size):
        raise ValueError(f"[{where}] images must be at least {least} x {least}, got input_shape {shape}")
    if needs_size and None in shape:
        raise ValueError(f"[{where}] include_top=True needs all sizes known, got input_shape {shape}")
    return shape


def trained_size(input_shape, sizes):
    """The image size whose weights fit `input_shape`: its own if it is square and among `sizes`, else the largest."""
    if input_shape is None:
        return sizes[-1]
    rows, columns = tuple(input_shape)[:2] if image_data_format() == "channels_last" else tuple(input_shape)[-2:]
    return rows if rows == columns and rows in sizes else sizes[-1]


def _check(where, weights, include_top, classes):
    """Raises `ValueError` for weights that are neither None, 'imagenet' nor a file, and for a top they do not fit."""
    is_path = isinstance(weights, (str, os.PathLike))
    if not (weights is None or weights == "imagenet" or (is_path and os.path.exists(weights))):
        raise ValueError(f"[{where}] weights must be None, 'imagenet' or the path of a file, got {weights!r}")
    if weights == "imagenet" and include_top and classes != 1000:
        raise ValueError(f"[{where}] weights='imagenet' with include_top=True has 1000 classes, got classes={classes}")


def _input_of(input_tensor, shape):
    """The symbolic images to start from."""
    if input_tensor is None:
        return layers.Input(shape=shape)
    if isinstance(input_tensor, KerasTensor):
        return input_tensor
    return layers.Input(tensor=input_tensor, shape=shape)


def images(where, weights, include_top, classes, input_tensor, input_shape, size, least, any_size=False):
    """The symbolic images that a network starts from, its arguments checked.

    size: the usual one. least: no image is smaller. any_size: the top takes images of all sizes, and so do the weights.
    """
    _check(where, weights, include_top, classes)
    shape = _image_shape(where, input_shape, size, least, None if any_size else weights, include_top and not any_size)
    return _input_of(input_tensor, shape)


def rows_of(inputs, weights, size):
    """The rows that the name of a network of several sizes tells: of its images, or of those its weights are for."""
    return size if weights == "imagenet" else inputs.shape[1 if image_data_format() == "channels_last" else 2]


def pooled(x, pooling, named=True):
    """What stands in for the top. `named`: under "avg_pool" or "max_pool", as most families have it."""
    if pooling is None:
        return x
    kinds = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    if pooling not in kinds:
        raise ValueError(f"pooling must be None, 'avg' or 'max', got {pooling!r}")
    return kinds[pooling](name=f"{pooling}_pool" if named else None)(x)


def classified(x, classes, activation, dropout=0.0, **options):
    """The usual top: the average over the image and one dense layer."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    if dropout > 0:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(classes, activation=activation, name="predictions", **options)(x)


def published(path, hashes, include_top, without_top="_notop", base=BASE):
    """Where a network's trained weights are, and their hash; `hashes`: of the files with and without the top."""
    return f"{base}{path}{'' if include_top else without_top}.h5", hashes[not include_top]


def model_of(inputs, outputs, name, weights, files=None):
    """The model from what `inputs` start from, with weights from a file or downloaded. `files`: url, MD5 hash of the
    file for 'imagenet'."""
    sources = utils.get_source_inputs(inputs)
    model = Model(sources[0] if len(sources) == 1 else sources, outputs, name=name)
    if weights == "imagenet":
        if files is None:
            raise ValueError(f"[{name}] no 'imagenet' weights exist for these arguments; pass weights=None or a path")
        url, md5 = files
        model.load_weights(utils.get_file(os.path.basename(url), url, cache_subdir="models", file_hash=md5))
    elif weights is not None:
        model.load_weights(weights)
    return model


def public(build, function, kind, parameters, size=224, least=32, *, takes=COMMON, name=None, more=""):
    """The network `kind` of a family as a public function. `build` takes `kind` and, by keyword, what the function
    takes: `takes` and its defaults, then `name`. `more`: what its docstring says beside what all have to say."""
    options = {**takes, "name": name or kind}
    signature = inspect.Signature(
        [
            inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
            for key, value in options.items()
        ]
    )

    def network(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"[{function}] {error}; it takes {', '.join(options)}") from None
        return build(kind, **{**options, **given})

    network.__name__ = network.__qualname__ = function
    network.__module__ = build.__module__
    network.__signature__ = signature
    network.__doc__ = f"""{function}: images `(n, {size}, {size}, 3)` to `(n, classes)`; {parameters:,} parameters.

    `weights`: None (initial), "imagenet" (downloaded) or a path. `include_top=False` ends after the convolutions, or
    after `pooling` ("avg", "max"), for images of {least} x {least} and more. `input_tensor`: symbolic images to start
    from. `classes` and `classifier_activation` are of the top.{more}
    Raises `ValueError` for arguments that do not fit.

    >>> model = ckeras.applications.{function}(weights=None)
    """
    return network


def channels_last(where):
    """Raises `ValueError` for the families that were made for images with channels last alone."""
    if image_data_format() != "channels_last":
        raise ValueError(
            f"[{where}] images must have their channels last; "
            "call ckeras.config.set_image_data_format('channels_last') first"
        )
