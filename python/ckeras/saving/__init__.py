"""Files and configs: `.keras`, `.weights.h5`, and what classes they may name. Loading a file runs no code of it."""

import importlib

from ckeras.saving.errors import FileError
from ckeras.saving.registry import (
    CustomObjectScope,
    DeserializationError,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "DeserializationError",
    "FileError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

# The registry is below layers and models, reading and writing files is above them: loaded on first use.
_FILES = ("load_model", "load_weights", "save_model", "save_weights")


def __getattr__(name):
    if name in _FILES:
        return getattr(importlib.import_module("ckeras.saving.saving_api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
