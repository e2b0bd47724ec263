"""Metrics as functions: accuracies (1.0 where a prediction is right) and correlations, one value per sample."""

from ckeras import ops
from ckeras._core.settings import epsilon
from ckeras.losses import functions as losses
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


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1.0 where the class of the one-hot row is among the k largest entries of the prediction.

    >>> ckeras.metrics.top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.3, 0.0, 0.7]], k=2)
    <ckeras.Tensor shape=(2,), dtype=float32, [1. 0.]>
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if y_true.shape != y_pred.shape:
        _fail("top_k_categorical_accuracy", y_true, y_pred)
    return _among(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1.0 where the class number is among the k largest entries of the prediction.

    With `from_sorted_ids` the predictions are class numbers themselves, best first.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if y_true.shape != y_pred.shape[:-1]:
        _fail("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        same = ops.equal(ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1), y_pred[..., :k])
        return ops.cast(ops.any(same, axis=-1), "float32")
    return _among(ops.cast(y_true, "int32"), y_pred, k)


def _among(classes, y_pred, k):
    """Leading dims are laid out as one row each, and put back."""
    hits = ops.in_top_k(ops.reshape(classes, (-1,)), ops.reshape(y_pred, (-1, y_pred.shape[-1])), k)
    return ops.reshape(ops.cast(hits, "float32"), classes.shape)


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between targets and predictions: 1 for one direction, 0 for orthogonal ones."""
    return ops.negative(losses.cosine_similarity(y_true, y_pred, axis=axis))


def pearson_correlation(y_true, y_pred, axis=-1):
    """The covariance along `axis` divided by both standard deviations: NaN where one of them is 0.

    >>> float(ckeras.metrics.pearson_correlation([[0.0, 1.0, 2.0]], [[1.0, 3.0, 5.0]])[0])
    1.0
    """
    true, pred, covariance = _centred("pearson_correlation", y_true, y_pred, axis)[:3]
    spread = ops.multiply(ops.sqrt(_square_mean(true, axis)), ops.sqrt(_square_mean(pred, axis)))
    return ops.divide(covariance, spread)


def concordance_correlation(y_true, y_pred, axis=-1):
    """`2 * covariance / (both variances + squared difference of the means)` along `axis` (Lin, 1989)."""
    true, pred, covariance, gap = _centred("concordance_correlation", y_true, y_pred, axis)
    spread = ops.add(_square_mean(true, axis), _square_mean(pred, axis))
    below = ops.add(ops.add(spread, ops.square(gap)), epsilon())
    return ops.divide(ops.multiply(covariance, 2.0), below)


def _square_mean(x, axis):
    return ops.mean(ops.square(x), axis=axis)


def _centred(name, y_true, y_pred, axis):
    """Both less their means, their covariance, and the difference of the means."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = same_rank(y_true, y_pred)
    _check(name, y_true, y_pred)
    means = [ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred)]
    true, pred = ops.subtract(y_true, means[0]), ops.subtract(y_pred, means[1])
    gap = ops.squeeze(ops.subtract(means[0], means[1]), axis)
    return true, pred, ops.mean(ops.multiply(true, pred), axis=axis), gap


def _check(name, y_true, y_pred):
    if y_true.shape != y_pred.shape:
        _fail(name, y_true, y_pred)


def _fail(name, y_true, y_pred):
    raise ValueError(
        f"[{name}] y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape} do not fit: expected one target "
        "per prediction"
    )
