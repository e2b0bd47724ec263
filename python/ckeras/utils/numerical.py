"""Small functions on arrays."""

import numpy as np

from ckeras import ops
from ckeras._core.tensor import TensorBase


def to_categorical(x, num_classes=None):
    """One-hot rows of class numbers: shape (...,) or (..., 1) gives (..., num_classes), float64 as Keras.

    Tensors give a float32 tensor. Raises `ValueError` for a number outside [0, num_classes).

    >>> ckeras.utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(x, TensorBase):
        x = ops.convert_to_tensor(x)
        if len(x.shape) > 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return ops.one_hot(x, num_classes if num_classes is not None else int(ops.max(x)) + 1)
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"[to_categorical] expected class numbers, got dtype {labels.dtype}")
    labels = labels.astype("int64")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    if not num_classes:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    if labels.size and not (labels.min() >= 0 and labels.max() < num_classes):
        raise ValueError(
            f"[to_categorical] class numbers must be in [0, {num_classes}), got {labels.min()} to {labels.max()}"
        )
    out = np.zeros((labels.size, num_classes))
    out[np.arange(labels.size), labels] = 1
    return out.reshape((*shape, num_classes))


def normalize(x, axis=-1, order=2):
    """`x` divided by its norm of this order along `axis`; rows of zeros stay.

    >>> ckeras.utils.normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    if isinstance(x, TensorBase):
        size = ops.norm(x, ord=order, axis=axis, keepdims=True)
        return ops.divide(x, ops.where(ops.equal(size, 0), 1.0, size))
    x = np.asarray(x)
    size = np.atleast_1d(np.linalg.norm(x, order, axis))
    size[size == 0] = 1
    return x / np.expand_dims(size, axis)
