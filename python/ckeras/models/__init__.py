"""Models."""

from ckeras import _lazy
from ckeras.models.cloning import clone_model
from ckeras.models.function import Function as Function
from ckeras.models.functional import Functional as Functional
from ckeras.models.model import Model
from ckeras.models.sequential import Sequential

# The file formats load with the first file.
_names = _lazy.Names(
    globals(),
    {"ckeras.saving": "load_model save_model", "ckeras.models.json_text": "model_from_json"},
    also="Model Sequential clone_model",
)
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all
