"""Utilities: seeds, progress, one-hot rows, datasets, pictures of models, and registered names."""

import importlib

from ckeras._core.dtypes import standardize as standardize_dtype
from ckeras._core.symbolic import is_keras_tensor
from ckeras.backend import clear_session
from ckeras.config.settings import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from ckeras.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from ckeras.utils import bounding_boxes, legacy
from ckeras.utils.array_datasets import split_dataset, timeseries_dataset_from_array
from ckeras.utils.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from ckeras.utils.config import Config
from ckeras.utils.dataset import PyDataset, Sequence
from ckeras.utils.directory_datasets import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from ckeras.utils.files import get_file
from ckeras.utils.graph import get_source_inputs
from ckeras.utils.images import array_to_img, img_to_array, load_img, save_img
from ckeras.utils.numerical import normalize, to_categorical
from ckeras.utils.progbar import Progbar
from ckeras.utils.seeds import set_random_seed
from ckeras.utils.sequences import pad_sequences

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

# Loaded on first use: because they know models, which are above the utilities, or many layers.
_LATER = {"FeatureSpace": "utils.feature_space", "model_to_dot": "models.plotting", "plot_model": "models.plotting"}


def __getattr__(name):
    if name in _LATER:
        return getattr(importlib.import_module(f"ckeras.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
