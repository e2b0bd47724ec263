# Generated from __init__.py by tests/test_public_stubs.py.
from ckeras.saving.errors import FileError as FileError
from ckeras.saving.file_editor import KerasFileEditor as KerasFileEditor
from ckeras.saving.registry import CustomObjectScope as CustomObjectScope
from ckeras.saving.registry import DeserializationError as DeserializationError
from ckeras.saving.registry import custom_object_scope as custom_object_scope
from ckeras.saving.registry import deserialize_keras_object as deserialize_keras_object
from ckeras.saving.registry import get_custom_objects as get_custom_objects
from ckeras.saving.registry import get_registered_name as get_registered_name
from ckeras.saving.registry import get_registered_object as get_registered_object
from ckeras.saving.registry import register_keras_serializable as register_keras_serializable
from ckeras.saving.registry import serialize_keras_object as serialize_keras_object
from ckeras.saving.saving_api import load_model as load_model
from ckeras.saving.saving_api import load_weights as load_weights
from ckeras.saving.saving_api import save_model as save_model
from ckeras.saving.saving_api import save_weights as save_weights
__all__ = ['CustomObjectScope', 'DeserializationError', 'FileError', 'KerasFileEditor', 'custom_object_scope', 'deserialize_keras_object', 'get_custom_objects', 'get_registered_name', 'get_registered_object', 'load_model', 'load_weights', 'register_keras_serializable', 'save_model', 'save_weights', 'serialize_keras_object']
