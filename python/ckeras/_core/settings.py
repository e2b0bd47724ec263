"""Settings that `ckeras.config` publishes and operations read; the default float dtype is in `dtypes`."""

from ckeras import _engine

_epsilon = 1e-7
_image_data_format = "channels_last"

# Bits of a convolution's layout: the channels of x (or its gradient), of the result (or its gradient) come first.
X_FIRST, Y_FIRST = 1, 2

_flash_attention = None


def epsilon():
    """The small number that keeps logarithms and divisions finite, 1e-7 unless set."""
    return _epsilon


def set_epsilon(value):
    global _epsilon
    _epsilon = float(value)
    _engine.forget_replays()


def image_data_format():
    """`"channels_last"` unless set to `"channels_first"`."""
    return _image_data_format


def set_image_data_format(data_format):
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)
    _engine.forget_replays()


def standardize_data_format(data_format):
    """The data format, the default for `None`; `ValueError` for an unknown one."""
    if data_format is None:
        return _image_data_format
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(f"[data_format] expected 'channels_last' or 'channels_first', got {data_format!r}")
    return name


def enable_flash_attention():
    """Makes `ops.dot_product_attention` use the kernel that never forms the scores, and layers refuse to return them.

    It is used by default too; this says that nothing else will do.
    """
    global _flash_attention
    _flash_attention = True
    _engine.forget_replays()


def disable_flash_attention():
    """Makes `ops.dot_product_attention` form the scores, with a product, a softmax and a product."""
    global _flash_attention
    _flash_attention = False
    _engine.forget_replays()


def is_flash_attention_enabled():
    """`True` or `False` as it was set last, and `None` when it was never set: used where nothing needs the scores."""
    return _flash_attention
