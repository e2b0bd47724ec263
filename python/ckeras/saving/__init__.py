"""Files and configs: `.keras`, `.weights.h5`, and what classes they may name. Loading a file runs no code of it."""

from ckeras import _lazy
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

# The registry is below layers and models, reading and writing files is above them: loaded on first use.
_FILES = {
    "ckeras.saving.file_editor": "KerasFileEditor",
    "ckeras.saving.saving_api": "load_model load_weights save_model save_weights",
}
_REGISTRY = """
CustomObjectScope DeserializationError FileError custom_object_scope deserialize_keras_object get_custom_objects
get_registered_name get_registered_object register_keras_serializable serialize_keras_object
"""
_names = _lazy.Names(globals(), _FILES, also=_REGISTRY)
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all
