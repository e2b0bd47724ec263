"""Objects by name and as configs in the form of Keras 2, for libraries with tables of their own."""

from ckeras.saving.legacy_objects import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
