"""Folders of files as labelled samples: what the `*_dataset_from_directory` functions share."""

import os

import numpy as np

from ckeras import ops
from ckeras._core.tensor import convert
from ckeras.utils.progbar import log_line
from ckeras.utils.sample_datasets import Samples

_MODES = ("int", "categorical", "binary", None)
_SUBSETS = ("training", "validation", "both", None)


class Listing:
    """The files of a folder, their labels (or `None`) and the names of the classes (or `None`), in their order."""

    def __init__(self, paths, labels, class_names):
        self.paths, self.labels, self.class_names = paths, labels, class_names

    def part(self, start, stop):
        """The files `start` to `stop`."""
        labels = None if self.labels is None else self.labels[start:stop]
        return Listing(self.paths[start:stop], labels, self.class_names)


def check_arguments(name, labels, label_mode, class_names, validation_split, subset, shuffle, seed, formats, format):
    """Raises `ValueError` for what the functions have in common."""
    if labels not in ("inferred", None) and not isinstance(labels, (list, tuple, np.ndarray)):
        raise ValueError(f"[{name}] labels must be 'inferred', None or a list of integers, one a file, got {labels!r}")
    if label_mode not in _MODES:
        raise ValueError(f"[{name}] label_mode must be one of {_MODES}, got {label_mode!r}")
    if class_names is not None and not (isinstance(labels, str) and labels == "inferred"):
        raise ValueError(f"[{name}] class_names needs labels='inferred', got labels={labels!r}")
    if subset not in _SUBSETS:
        raise ValueError(f"[{name}] subset must be one of {_SUBSETS}, got {subset!r}")
    if (validation_split is None) != (subset is None):
        raise ValueError(
            f"[{name}] validation_split and subset go together, got validation_split={validation_split!r}, "
            f"subset={subset!r}"
        )
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(f"[{name}] validation_split must be between 0 and 1, got {validation_split!r}")
    if validation_split is not None and shuffle and seed is None:
        raise ValueError(
            f"[{name}] give a seed when validation_split is used with shuffle=True, so that the files of the training "
            "and the validation subset do not overlap"
        )
    check_format(name, format, formats)


def check_format(name, format, known=("tf", "grain")):
    """Raises `ValueError` for another format than "tf", which stands for the datasets of ckeras."""
    if format not in known:
        raise ValueError(f"[{name}] format must be one of {known}, got {format!r}")
    if format != "tf":
        raise ValueError(
            f"[{name}] format={format!r} makes a dataset of another library; write format='tf' for one that ckeras's "
            "fit, evaluate and predict take"
        )


def list_files(name, directory, labels, endings, class_names, shuffle, seed, follow_links, verbose):
    """The `Listing` of the files with one of these endings: in the order of their paths, or shuffled by `seed`.

    With inferred labels every subfolder is a class. Raises `ValueError` when there is none, or no file.
    """
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(f"[{name}] there is no folder {directory!r}")
    inferred = isinstance(labels, str)
    folders = [""]
    if inferred:
        folders = sorted(e.name for e in os.scandir(directory) if e.is_dir() and not e.name.startswith("."))
        if class_names is not None and not set(class_names) <= set(folders):
            raise ValueError(
                f"[{name}] class_names must be names of subfolders of {directory!r}: {folders}, got {class_names}"
            )
        folders = folders if class_names is None else list(class_names)
    paths, numbers = [], []
    for number, folder in enumerate(folders):
        found = list(_files(os.path.join(directory, folder) if folder else directory, endings, follow_links))
        paths += found
        numbers += [number] * len(found)
    if not paths:
        where = " in its subfolders, one a class" if inferred else ""
        raise ValueError(f"[{name}] no file that ends in {', '.join(endings)} in {directory!r}{where}")
    if inferred:
        labels, class_names = np.array(numbers, "int32"), folders
    elif labels is None:
        class_names = None
    else:
        if len(labels) != len(paths):
            raise ValueError(f"[{name}] labels must hold one label a file: got {len(labels)} for {len(paths)} files")
        class_names = [str(label) for label in sorted(set(labels))]
        labels = np.asarray(labels)
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        log_line(f"Found {len(paths)} files{classes}.")
    if shuffle:  # the legacy generator: its split of the files is that of Keras for the same seed
        order = np.random.RandomState(seed).permutation(len(paths))
        paths = [paths[i] for i in order]
        labels = None if labels is None else labels[order]
    return Listing(paths, labels, class_names)


def _files(folder, endings, follow_links):
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda step: step[0]):
        for name in sorted(names):
            if name.lower().endswith(endings):
                yield os.path.join(root, name)


def split(listing, validation_split, subset, verbose):
    """The parts of the listing that `subset` asks for: one, or training and validation."""
    if validation_split is None:
        return [listing]
    n = len(listing.paths)
    held = int(validation_split * n)
    at = n - held if held else n
    parts = {"training": listing.part(0, at), "validation": listing.part(at, n)}
    wanted = [s for s in parts if subset in (s, "both")]
    for s in wanted:
        if not parts[s].paths:
            raise ValueError(f"[validation_split] {n} files split by {validation_split} leave none for {s}")
        if verbose:
            log_line(f"Using {len(parts[s].paths)} files for {s}.")
    return [parts[s] for s in wanted]


def datasets(name, listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, pad=None):
    """The dataset, or for "both" the tuple of datasets, of the files that `read(path)` reads."""
    if listing.labels is None:
        label_mode = None
    classes = len(listing.class_names or ())
    if label_mode == "binary" and classes != 2:
        raise ValueError(
            f"[{name}] label_mode='binary' needs exactly 2 classes, found {classes}: {listing.class_names}"
        )
    found = []
    for part in split(listing, validation_split, subset, verbose):
        dataset = _dataset(part, read, label_mode, shuffle, seed, pad)
        if batch_size is not None:
            dataset = dataset.batch(batch_size)
        dataset.class_names = part.class_names
        dataset.file_paths = part.paths
        found.append(dataset)
    return tuple(found) if subset == "both" else found[0]


def _dataset(part, read, label_mode, shuffle, seed, pad):
    labels = None if label_mode is None else _encoded(part.labels, label_mode, len(part.class_names))

    def get(i):
        x = read(part.paths[i])
        return x if labels is None else (x, labels[i])

    def padded(numbers):
        x = pad([read(part.paths[i]) for i in numbers])
        return x if labels is None else (x, convert(labels[numbers]))

    return Samples(len(part.paths), get, None if pad is None else padded, shuffle, seed)


def _encoded(labels, label_mode, classes):
    if label_mode == "binary":
        return labels.astype("float32")[:, None]
    if label_mode == "categorical":
        return ops.one_hot(labels.astype("int32"), classes).numpy()
    return labels.astype("int32") if labels.dtype.kind in "iub" else labels
