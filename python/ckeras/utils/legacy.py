"""The functions of `ckeras.legacy.saving`, where Keras has them too."""

from ckeras.saving.legacy_objects import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
