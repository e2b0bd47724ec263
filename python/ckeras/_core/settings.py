"""Settings that `ckeras.config` publishes and operations read; the default float dtype is in `dtypes`."""

_epsilon = 1e-7
_image_data_format = "channels_last"


def epsilon():
    """The small number that keeps logarithms and divisions finite, 1e-7 unless set."""
    return _epsilon


def set_epsilon(value):
    global _epsilon
    _epsilon = float(value)


def image_data_format():
    """`"channels_last"` unless set to `"channels_first"`."""
    return _image_data_format


def set_image_data_format(data_format):
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format):
    """The data format, the default for `None`; `ValueError` for an unknown one."""
    if data_format is None:
        return _image_data_format
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(f"[data_format] expected 'channels_last' or 'channels_first', got {data_format!r}")
    return name
