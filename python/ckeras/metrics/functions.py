"""Accuracies as functions: 1.0 where a prediction is right, one value per sample."""

from ckeras import ops
from ckeras.losses.loss import same_rank


def accuracy(y_true, y_pred):
    """1.0 where `y_true == y_pred`."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    _check("accuracy", y_true, y_pred)
    return ops.cast(ops.equal(y_true, y_pred), "float32")


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1.0 where `y_pred > threshold` agrees with the label 0 or 1.

    >>> ckeras.metrics.binary_accuracy([[1], [0]], [[0.9], [0.6]]).numpy()
    array([[1.],
           [0.]], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    _check("binary_accuracy", y_true, y_pred)
    return ops.cast(ops.equal(y_true, ops.cast(ops.greater(y_pred, threshold), y_true.dtype)), "float32")


def categorical_accuracy(y_true, y_pred):
    """1.0 where the largest entries of the one-hot row and the prediction stand at one place."""
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    if y_true.shape[:-1] != y_pred.shape[:-1]:
        _fail("categorical_accuracy", y_true, y_pred)
    return ops.cast(ops.equal(ops.argmax(y_true, -1), ops.argmax(y_pred, -1)), "float32")


def sparse_categorical_accuracy(y_true, y_pred):
    """1.0 where the largest entry of the prediction stands at the class number."""
    y_pred, y_true = ops.convert_to_tensor(y_pred), ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if y_true.shape != y_pred.shape[:-1]:
        _fail("sparse_categorical_accuracy", y_true, y_pred)
    guess = ops.argmax(y_pred, -1)
    return ops.cast(ops.equal(guess, ops.cast(y_true, guess.dtype)), "float32")


def _check(name, y_true, y_pred):
    if y_true.shape != y_pred.shape:
        _fail(name, y_true, y_pred)


def _fail(name, y_true, y_pred):
    raise ValueError(
        f"[{name}] y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape} do not fit: expected one target "
        "per prediction"
    )
