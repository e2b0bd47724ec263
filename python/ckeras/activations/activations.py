"""Activation functions that are more than the function of `ops` of their name."""

from ckeras import ops


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """`max(x, 0)`; with options, `negative_slope * (x - threshold)` below the threshold, at most `max_value`.

    >>> ckeras.activations.relu([-2.0, 0.5, 9.0], negative_slope=0.5, max_value=6.0).numpy()
    array([-1. ,  0.5,  6. ], dtype=float32)
    """
    if not negative_slope and max_value is None and not threshold:
        return ops.relu(x)
    x = ops.convert_to_tensor(x) if not hasattr(x, "shape") else x
    if threshold:
        above = ops.where(ops.greater(x, threshold), x, 0.0)
    else:
        above = ops.relu(x)
    if max_value is not None:
        above = ops.minimum(above, max_value)
    if not negative_slope:
        return above
    below = ops.minimum(ops.subtract(x, threshold), 0.0)
    return ops.add(above, ops.multiply(below, negative_slope))


def leaky_relu(x, negative_slope=0.2):
    """`x` where positive, `negative_slope * x` elsewhere."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def gelu(x, approximate=False):
    """`x` times the normal distribution's share below `x` (Hendrycks and Gimpel, 2016); exact unless `approximate`."""
    return ops.gelu(x, approximate=approximate)


def softmax(x, axis=-1):
    """`exp(x)` over its sum along `axis`, without overflow. Raises `ValueError` for rank 0.

    >>> ckeras.activations.softmax([[0.0, 0.0]]).numpy()
    array([[0.5, 0.5]], dtype=float32)
    """
    return ops.softmax(x, axis=axis)


def log_softmax(x, axis=-1):
    """`log(softmax(x))` along `axis`."""
    return ops.log_softmax(x, axis=axis)


def exponential(x):
    """`exp(x)`."""
    return ops.exp(x)


def mish(x):
    """`x * tanh(softplus(x))` (Misra, 2019)."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


def linear(x):
    """`x` itself."""
    return x
