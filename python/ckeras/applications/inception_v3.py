"""InceptionV3 (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016)."""

from ckeras.applications._build import KERNELS, classified, images, model_of, pooled, public, published
from ckeras.applications._inception import Inception
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

_HASHES = ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63")


def _fork(s, x, filters, name=None):
    """1x3 and 3x1 side by side."""
    return s.join([s.chain(x, (filters, (1, 3))), s.chain(x, (filters, (3, 1)))], name)


def inception(kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name):
    s = Inception()
    inputs = images(kind, weights, include_top, classes, input_tensor, input_shape, 299, 75)
    x = s.stem(inputs)
    for i, filters in enumerate((32, 64, 64)):
        x = s.first(x, 64, filters, f"mixed{i}")
    branches = [s.chain(x, (384, 3, 2, "valid")), s.chain(x, (64, 1), (96, 3), (96, 3, 2, "valid")), s.shrink(x)]
    x = s.join(branches, "mixed3")
    for i, n in enumerate((128, 160, 160, 192), start=4):
        branches = [
            s.chain(x, (192, 1)),
            s.chain(x, (n, 1), (n, (1, 7)), (192, (7, 1))),
            s.chain(x, (n, 1), (n, (7, 1)), (n, (1, 7)), (n, (7, 1)), (192, (1, 7))),
            s.mean(x, 192),
        ]
        x = s.join(branches, f"mixed{i}")
    branches = [
        s.chain(x, (192, 1), (320, 3, 2, "valid")),
        s.chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid")),
        s.shrink(x),
    ]
    x = s.join(branches, "mixed8")
    for i in range(2):
        branches = [
            s.chain(x, (320, 1)),
            _fork(s, s.chain(x, (384, 1)), 384, f"mixed9_{i}"),
            _fork(s, s.chain(x, (448, 1), (384, 3)), 384),
            s.mean(x, 192),
        ]
        x = s.join(branches, f"mixed{9 + i}")
    x = classified(x, classes, classifier_activation) if include_top else pooled(x, pooling, named=False)
    return model_of(inputs, x, name, weights, published(f"inception_v3/inception_v3{KERNELS}", _HASHES, include_top))


InceptionV3 = public(inception, "InceptionV3", "inception_v3", 23_851_784, 299, 75)

preprocess_input = preprocessor("tf")
