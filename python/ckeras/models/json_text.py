"""Models from the text of their architecture."""

from ckeras.models.model import Model
from ckeras.saving import json_reader, registry


def model_from_json(json_string, custom_objects=None):
    """The model of what `to_json` gave. Code in the text is refused. Raises `ValueError` for what is no such JSON."""
    if not isinstance(json_string, (str, bytes)):
        raise ValueError(
            f"[model_from_json] expected the JSON text that to_json() gives, got {type(json_string).__name__}"
        )
    config = json_reader.loads(json_string, "model_from_json")
    model = registry.deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"[model_from_json] expected the config of a model, got that of {type(model).__name__}")
    return model
