"""The old `keras.backend` names; new programs take them from `ckeras.ops` and `ckeras.config`."""

from ckeras import config as _config
from ckeras import ops as _ops
from ckeras._core import dtypes as _dtypes
from ckeras._core import hooks as _hooks
from ckeras._core import scope as _scope
from ckeras._core.dtypes import result_type as result_type
from ckeras._core.dtypes import standardize as standardize_dtype
from ckeras._core.symbolic import is_keras_tensor as is_keras_tensor

backend = _config.backend
epsilon, set_epsilon = _config.epsilon, _config.set_epsilon
floatx, set_floatx = _config.floatx, _config.set_floatx
image_data_format, set_image_data_format = _config.image_data_format, _config.set_image_data_format

# The spellings of Keras 2: the function of `ops` under its old name.
abs, exp, log, sqrt, square, sign, round, sin, cos = (
    _ops.absolute,
    _ops.exp,
    _ops.log,
    _ops.sqrt,
    _ops.square,
    _ops.sign,
    _ops.round,
    _ops.sin,
    _ops.cos,
)
sum, mean, max, min, prod, any, all, argmax, argmin, var, std, logsumexp = (
    _ops.sum,
    _ops.mean,
    _ops.max,
    _ops.min,
    _ops.prod,
    _ops.any,
    _ops.all,
    _ops.argmax,
    _ops.argmin,
    _ops.var,
    _ops.std,
    _ops.logsumexp,
)
maximum, minimum, equal, not_equal = _ops.maximum, _ops.minimum, _ops.equal, _ops.not_equal
greater, greater_equal, less, less_equal = _ops.greater, _ops.greater_equal, _ops.less, _ops.less_equal
relu, sigmoid, tanh, softmax, softplus, elu = (
    _ops.relu,
    _ops.sigmoid,
    _ops.tanh,
    _ops.softmax,
    _ops.softplus,
    _ops.elu,
)
concatenate, reshape, squeeze, expand_dims, stack, tile, flatten = (
    _ops.concatenate,
    _ops.reshape,
    _ops.squeeze,
    _ops.expand_dims,
    _ops.stack,
    _ops.tile,
    _ops.ravel,
)
cast, one_hot, pow, zeros_like, ones_like = _ops.cast, _ops.one_hot, _ops.power, _ops.zeros_like, _ops.ones_like


def clear_session(free_memory=True):
    """Starts automatic names over and forgets the global seed generator, policy and masks.

    Memory is given back when its last reader goes. With `free_memory`, what was kept of a GPU's for later goes back to
    its driver.
    """
    _scope.clear_session()
    if free_memory and _hooks.free_memory is not None:
        _hooks.free_memory()


def get_uid(prefix=""):
    """The next number of `prefix`: 1, 2..."""
    uids = _scope.get_global("uids")
    if uids is None:
        uids = {}
        _scope.set_global("uids", uids)
    uids[prefix] = uids.get(prefix, 0) + 1
    return uids[prefix]


def is_float_dtype(dtype):
    """Whether a dtype is a float one."""
    return _dtypes.standardize(dtype) in _dtypes.FLOATS


def is_int_dtype(dtype):
    """Whether a dtype is an integer one."""
    return _dtypes.standardize(dtype) in _dtypes.INTS


def dot(x, y):
    """The matrix product; over the last axis of `x` and the second to last of `y`."""
    return _ops.dot(x, y)


def transpose(x):
    """`x` with its axes in reverse order."""
    return _ops.transpose(x)


def int_shape(x):
    """The shape as a tuple, `None` for unknown dimensions."""
    return tuple(x.shape)


def shape(x):
    """The shape of `x`."""
    return _ops.shape(x)


def ndim(x):
    """The number of dimensions."""
    return len(x.shape)


def clip(x, min_value, max_value):
    """`x` held within [min_value, max_value]."""
    return _ops.clip(x, min_value, max_value)


def get_value(x):
    """The value of a variable or tensor as a NumPy array."""
    return _ops.convert_to_numpy(x)


def set_value(x, value):
    """Assigns `value` to the variable `x`."""
    x.assign(value)


def binary_crossentropy(target, output, from_logits=False):
    """Elementwise cross-entropy of yes-or-no targets."""
    return _ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """The cross-entropy of target distributions."""
    return _ops.categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """The cross-entropy of class numbers."""
    return _ops.sparse_categorical_crossentropy(target, output, from_logits=from_logits, axis=axis)
