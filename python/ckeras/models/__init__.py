"""Models."""

from ckeras import saving
from ckeras.models.cloning import clone_model
from ckeras.models.function import Function as Function
from ckeras.models.functional import Functional as Functional
from ckeras.models.model import Model, model_from_json
from ckeras.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "model_from_json"]


def __getattr__(name):
    # The file formats load with the first file.
    if name in ("load_model", "save_model"):
        return getattr(saving, name)
    raise AttributeError(f"module 'ckeras.models' has no attribute {name!r}")
