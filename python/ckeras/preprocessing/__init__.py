"""Functions that prepare data: images and sequences. The layers that do are in `ckeras.layers`."""

from ckeras.preprocessing import image, sequence
from ckeras.utils.array_datasets import timeseries_dataset_from_array
from ckeras.utils.directory_datasets import image_dataset_from_directory, text_dataset_from_directory

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
