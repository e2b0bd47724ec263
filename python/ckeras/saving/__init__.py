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
    "KerasFileEditor",
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
_FILES = {
    "KerasFileEditor": "file_editor",
    "load_model": "saving_api",
    "load_weights": "saving_api",
    "save_model": "saving_api",
    "save_weights": "saving_api",
}


def __getattr__(name):
    if name in _FILES:
        return getattr(importlib.import_module(f"ckeras.saving.{_FILES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
