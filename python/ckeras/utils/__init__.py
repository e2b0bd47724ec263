"""Utilities: seeds, progress, one-hot rows, datasets, pictures of models, and registered names."""

from ckeras import _lazy

_MODULES = {
    "ckeras._core.dtypes": "standardize_dtype=standardize",
    "ckeras._core.symbolic": "is_keras_tensor",
    "ckeras.backend": "clear_session",
    "ckeras.config.settings": "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled",
    "ckeras.saving.registry": (
        "CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects get_registered_name "
        "get_registered_object register_keras_serializable serialize_keras_object"
    ),
    "ckeras.utils.array_datasets": "split_dataset timeseries_dataset_from_array",
    "ckeras.utils.batches": "pack_x_y_sample_weight unpack_x_y_sample_weight",
    "ckeras.utils.config": "Config",
    "ckeras.utils.dataset": "PyDataset Sequence",
    "ckeras.utils.directory_datasets": (
        "audio_dataset_from_directory image_dataset_from_directory text_dataset_from_directory"
    ),
    "ckeras.utils.devices": "list_devices memory_info reset_peak_memory",
    "ckeras.utils.files": "get_file",
    "ckeras.utils.graph": "get_source_inputs",
    "ckeras.utils.images": "array_to_img img_to_array load_img save_img",
    "ckeras.utils.numerical": "normalize to_categorical",
    "ckeras.utils.progbar": "Progbar",
    "ckeras.utils.seeds": "set_random_seed",
    "ckeras.utils.sequences": "pad_sequences",
    "ckeras.utils.bounding_boxes": "",
    "ckeras.utils.legacy": "",
    "ckeras.utils.feature_space": "FeatureSpace",
    "ckeras.models.plotting": "model_to_dot plot_model",
}
_names = _lazy.Names(globals(), _MODULES)
__getattr__, __dir__, __all__ = _names.load, _names.list, _names.all
