"""Models."""

from ckeras import _lazy
from ckeras.models.function import Function as Function
from ckeras.models.functional import Functional as Functional
from ckeras.models.model import Model
from ckeras.models.sequential import Sequential

_names = _lazy.Names(
    globals(),
    {
        "ckeras.models.cloning": "clone_model",
        "ckeras.models.json_text": "model_from_json",
        "ckeras.saving": "load_model save_model",
    },
    also="Model Sequential",
)
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all
