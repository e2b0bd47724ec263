# Generated from __init__.py by tests/test_public_stubs.py.
from ckeras.models.cloning import clone_model as clone_model
from ckeras.models.function import Function as Function
from ckeras.models.functional import Functional as Functional
from ckeras.models.json_text import model_from_json as model_from_json
from ckeras.models.model import Model as Model
from ckeras.models.sequential import Sequential as Sequential
from ckeras.saving import load_model as load_model
from ckeras.saving import save_model as save_model
__all__ = ['Function', 'Functional', 'Model', 'Sequential', 'clone_model', 'load_model', 'model_from_json', 'save_model']
