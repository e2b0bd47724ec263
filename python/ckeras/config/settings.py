"""Process-wide settings with plain values."""

from ckeras._core import tracebacks as _tracebacks
from ckeras._core.dtypes import floatx, set_floatx
from ckeras._core.settings import (
    disable_flash_attention,
    enable_flash_attention,
    epsilon,
    image_data_format,
    is_flash_attention_enabled,
    set_epsilon,
    set_image_data_format,
)

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_values = {
    "interactive_logging": True,
    "max_epochs": None,
    "max_steps_per_epoch": None,
}


def backend():
    """The name of the engine: `"ckeras"`."""
    return "ckeras"


def set_backend(backend):
    """Does nothing for `"ckeras"`, the only engine; `ValueError` for another."""
    if backend != "ckeras":
        raise ValueError(
            f"[set_backend] {backend!r} is not to be had: ckeras computes on its own engine, 'ckeras', alone. Programs "
            "that need JAX, PyTorch or TensorFlow underneath use Keras itself."
        )


def is_nnx_enabled():
    """Whether layers are Flax NNX modules: never, there is no JAX here."""
    return False


enable_traceback_filtering = _tracebacks.enable_traceback_filtering
disable_traceback_filtering = _tracebacks.disable_traceback_filtering
is_traceback_filtering_enabled = _tracebacks.is_traceback_filtering_enabled


def is_interactive_logging_enabled():
    """Whether progress goes to a live display (the default) or to the `logging` module."""
    return _values["interactive_logging"]


def enable_interactive_logging():
    _values["interactive_logging"] = True


def disable_interactive_logging():
    _values["interactive_logging"] = False


def max_epochs():
    """The cap on epochs of any `fit`, or `None`."""
    return _values["max_epochs"]


def set_max_epochs(max_epochs):
    _values["max_epochs"] = _cap("max_epochs", max_epochs)


def max_steps_per_epoch():
    """The cap on steps of any epoch, or `None`."""
    return _values["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch):
    _values["max_steps_per_epoch"] = _cap("max_steps_per_epoch", max_steps_per_epoch)


def _cap(name, value):
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value <= 0):
        raise ValueError(f"[set_{name}] expected a positive integer or None, got {value!r}")
    return value
