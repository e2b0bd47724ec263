"""Images into what the networks were trained on, and their outputs into names."""

import json

import numpy as np

from ckeras import ops, utils
from ckeras._core.dtypes import floatx
from ckeras._core.settings import standardize_data_format

_CLASSES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_CLASSES_MD5 = "c2c37ea517e94d9795004a39431a14cb"
# mode: scale, then mean and deviation of each channel, red first.
_MEANS = {
    "tf": (127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": (1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
}


def preprocess_input(x, data_format=None, mode="caffe"):
    """Images of red, green and blue from 0 to 255, float or integer, as the networks want them.

    `mode`: "caffe" subtracts ImageNet's means and puts blue first, "tf" gives [-1, 1], "torch" divides by 255 and
    standardises. An array gives an array, a tensor a tensor; the shape stays. Raises `ValueError` for another mode.

    >>> ckeras.applications.imagenet_utils.preprocess_input(np.full((1, 2, 2, 3), 255.0), mode="tf").max()
    1.0
    """
    if mode not in _MEANS:
        raise ValueError(f"[preprocess_input] mode must be one of {tuple(_MEANS)}, got {mode!r}")
    data_format = standardize_data_format(data_format)
    scale, means, deviations = _MEANS[mode]
    library = np if isinstance(x, np.ndarray) else ops
    if isinstance(x, np.ndarray):
        x = x.astype(x.dtype if x.dtype.kind == "f" else floatx())
    else:
        x = ops.convert_to_tensor(x)
        x = x if "float" in x.dtype else ops.cast(x, floatx())
    rank = len(x.shape)
    if rank not in (3, 4):
        raise ValueError(f"[preprocess_input] x must be an image or a batch of them, got shape {tuple(x.shape)}")
    axis = rank - 1 if data_format == "channels_last" else rank - 3
    along = [1] * rank
    along[axis] = 3
    if mode == "caffe":
        x = library.flip(x, axis=axis)
        means = means[::-1]
    mean, deviation = (np.reshape(v, along).astype(str(x.dtype)) for v in (means, deviations))
    return (x / scale - mean) / deviation


def decode_predictions(preds, top=5):
    """The `top` classes of each row of ImageNet probabilities `(n, 1000)`: lists of (WordNet id, name, probability).

    Downloads the names on first use. Raises `ValueError` for another shape.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(f"[decode_predictions] preds must have shape (n, 1000), got {preds.shape}")
    path = utils.get_file("imagenet_class_index.json", _CLASSES, cache_subdir="models", file_hash=_CLASSES_MD5)
    with open(path) as f:
        names = json.load(f)
    best = np.argsort(-preds, axis=1)[:, :top]
    return [[(*names[str(i)], float(row[i])) for i in order] for row, order in zip(preds, best, strict=True)]


def preprocessor(mode):
    """`preprocess_input` of one family; `None`: the family's models take 0 to 255 as they are."""
    if mode is None:

        def preprocess_input(x, data_format=None):
            """Gives `x` back: these models scale their inputs themselves."""
            return x

        return preprocess_input

    def scaled_input(x, data_format=None):
        return _general(x, data_format, mode)

    scaled_input.__name__ = scaled_input.__qualname__ = "preprocess_input"
    scaled_input.__doc__ = f"Images from 0 to 255 in the mode {mode!r} of `imagenet_utils.preprocess_input`."
    return scaled_input


_general = preprocess_input
