"""`save_model`, `load_model`, `save_weights`, `load_weights`."""

import contextlib
import datetime
import json
import os
import random
import warnings

from ckeras._core import dtypes, rng, scope
from ckeras._core.scope import state as ambient
from ckeras.saving import archive, assets, json_reader, legacy_config, legacy_h5, shards, state
from ckeras.saving.atomic import write_atomically
from ckeras.saving.errors import FileError
from ckeras.saving.h5_store import Reader, Writer
from ckeras.saving.registry import (
    CustomObjectScope,
    SafeModeScope,
    deserialize_keras_object,
    serialize_keras_object,
)

# The version of Keras whose layout is written, for readers that ask.
KERAS_VERSION = "3.15.1"
# Variables that a loaded model may have beyond what its weights file stores: slots, seeds, metrics.
_FREE_BYTES = 16 << 20
_SLOTS = 4


class MissingFileError(FileError, FileNotFoundError):
    """A file that is not there."""


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Writes a `.keras` file: config, variables, optimizer state. Keras 3 reads it.

    The endings `.h5` and `.hdf5` give the older format, for Sequential and functional models; `include_optimizer=False`
    leaves the training state out there. The old file stays until the new one is complete. Raises `ValueError` for
    another ending, and for an existing file when `overwrite=False`.

    >>> ckeras.saving.save_model(model, "digits.keras")
    """
    path = _path(filepath, "save")
    legacy = _is_legacy(path)
    include_optimizer = kwargs.pop("include_optimizer", True) if legacy else True
    if kwargs:
        raise ValueError(f"[save] unexpected arguments {sorted(kwargs)}")
    if not legacy and not path.endswith(".keras"):
        raise ValueError(f"[save] filepath must end with '.keras' or '.h5' (it sets the format), got {path!r}")
    if zipped is False:
        raise ValueError("[save] zipped=False: folders are not supported; leave zipped out to write a .keras file")
    if zipped and legacy:
        raise ValueError(f"[save] zipped=True goes with '.keras', got {path!r}")
    if legacy and not state.is_graph(model):
        raise NotImplementedError(
            f"[save] the .h5 format holds Sequential and functional models alone, and {model.name!r} is a "
            f"{type(model).__name__}; save as .keras, or the weights with save_weights"
        )
    _check_overwrite(path, overwrite)
    if legacy:
        write_atomically(path, legacy_h5.write(model, KERAS_VERSION, include_optimizer))
        return
    config = json.dumps(serialize_keras_object(model))
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = json.dumps({"keras_version": KERAS_VERSION, "date_saved": now, "written_by": "ckeras"})
    weights = weights_bytes(model)
    members = [("metadata.json", metadata), ("config.json", config), ("model.weights.h5", weights)]
    members += assets.collect(model)
    write_atomically(path, archive.write(members))


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model of a `.keras` or `.h5` file, with its variables and, when `compile`, its training state.

    Nothing in the file runs as code unless `safe_mode=False`; classes are ckeras's own, registered ones, and those in
    `custom_objects`. Sizes are checked before memory is taken. A failed load leaves everything as it was.
    Raises `FileError` or `DeserializationError` (each a `ValueError`) naming the member of the file and the reason.

    >>> model = ckeras.saving.load_model("digits.keras")
    """
    path = _path(filepath, "load_model")
    where = os.path.basename(path)
    _check_readable(path, "load_model")
    if path.endswith(".weights.h5"):
        raise FileError(f"[load_model] {where} holds weights alone: build the model and call model.load_weights")
    if _is_legacy(path):
        return _load_legacy(path, where, custom_objects, compile, safe_mode)
    members = archive.read(path, where)
    json_reader.loads(members["metadata.json"], f"{where}: metadata.json")
    config = json_reader.loads(members["config.json"], f"{where}: config.json")
    if not compile:
        config.pop("compile_config", None)
    with Reader(members.pop("model.weights.h5"), f"{where}: model.weights.h5") as reader:
        allowance = Allowance(_FREE_BYTES + _SLOTS * reader.stored_bytes(), where)
        with _all_or_nothing(where), allowance, SafeModeScope(safe_mode), CustomObjectScope(custom_objects):
            model = _model_of(config, f"{where}: config.json")
            state.load(model, reader)
            assets.restore(model, members, where)
    return model


def _load_legacy(path, where, custom_objects, compile, safe_mode):
    with open(path, "rb") as f:
        data = f.read()
    with legacy_h5.LegacyReader(data, where) as reader:
        config, training = reader.config()
        config = json_reader.loads(config, f"{where}: model_config")
        training = json_reader.loads(training, f"{where}: training_config") if training and compile else None
        allowance = Allowance(_FREE_BYTES + _SLOTS * reader.stored_bytes(), where)
        with _all_or_nothing(where), allowance, SafeModeScope(safe_mode), CustomObjectScope(custom_objects):
            model = _model_of(legacy_config.modern(config), f"{where}: model_config")
            legacy_h5.load_weights(model, reader)
            legacy_h5.load_seeds(model, reader)
            if training is not None:
                model.compile(**legacy_config.compile_arguments(training))
                if model.optimizer is not None:
                    legacy_h5.load_optimizer(model, reader)
    return model


def _model_of(config, where):
    model = deserialize_keras_object(config)
    if not (hasattr(model, "fit") and hasattr(model, "layers")) and not getattr(model, "is_saved_alone", False):
        raise FileError(f"[{where}] describes a {type(model).__name__}, not a model")
    return model


def _is_legacy(path):
    return path.endswith((".h5", ".hdf5")) and not path.endswith(".weights.h5")


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Writes a `.weights.h5` file: the variables of the model, its layers and its optimizer.

    With `max_shard_size`, in GB, several of them, and beside them the file `filepath`, here `.weights.json`, that says
    which holds what and that `load_weights` takes.

    >>> ckeras.saving.save_weights(model, "big.weights.json", max_shard_size=2)
    """
    if kwargs:
        raise ValueError(f"[save_weights] unexpected arguments {sorted(kwargs)}")
    path = _path(filepath, "save_weights")
    if not model.built:
        raise ValueError(
            f"[save_weights] the model '{model.name}' is not built, so it has no weights: call it on data, or "
            "build(input_shape), first"
        )
    if max_shard_size is not None:
        _save_shards(model, path, overwrite, max_shard_size)
        return
    if path.endswith(shards.ENDING):
        raise ValueError(
            f"[save_weights] filepath {path!r} goes with max_shard_size, in GB; or end it in '.weights.h5'"
        )
    if not path.endswith(".weights.h5"):
        raise ValueError(f"[save_weights] filepath must end with '.weights.h5', got {path!r}")
    _check_overwrite(path, overwrite)
    write_atomically(path, weights_bytes(model))


def _save_shards(model, path, overwrite, size):
    if isinstance(size, bool) or not isinstance(size, (int, float)) or not size > 0:
        raise ValueError(f"[save_weights] max_shard_size must be a number of GB above 0, got {size!r}")
    if path.endswith(".weights.h5"):
        path = path.removesuffix(".weights.h5") + shards.ENDING
        warnings.warn(
            f"[save_weights] weights in several files are told of by a JSON file: writing {path!r}", stacklevel=4
        )
    if not path.endswith(shards.ENDING):
        raise ValueError(f"[save_weights] with max_shard_size filepath must end with '{shards.ENDING}', got {path!r}")
    _check_overwrite(path, overwrite)
    with shards.ShardWriter(path, size * (1 << 30)) as writer:
        state.save(model, writer)


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Reads the variables of a `.weights.h5`, `.keras` or `.h5` file into a built model of the same layers.

    Of a `.weights.json` file, those of all the files beside it that it names.
    Of a `.h5` file, `by_name=True` reads the layers that the file and the model both have, by their names.
    `skip_mismatch`: objects that do not fit keep their values, with a warning. `objects_to_skip` (a list, `.weights.h5`
    and `.weights.json` alone) keep theirs with all that is in them. Nothing is assigned unless all fits.
    Raises `FileError` (a `ValueError`) naming layer, variable and both shapes.
    """
    path = _path(filepath, "load_weights")
    where = os.path.basename(path)
    by_name, skipped = kwargs.pop("by_name", False), kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"[load_weights] unexpected arguments {sorted(kwargs)}")
    if not isinstance(skipped, (list, tuple, set)):
        raise ValueError(f"[load_weights] objects_to_skip must be a list of layers, got {type(skipped).__name__}")
    if skipped and not path.endswith((".weights.h5", shards.ENDING)):
        raise ValueError(f"[load_weights] objects_to_skip goes with '.weights.h5' files, got {path!r}")
    if by_name and not _is_legacy(path):
        raise ValueError(f"[load_weights] by_name=True goes with the older '.h5' format, got {path!r}")
    _check_readable(path, "load_weights")
    if path.endswith(shards.ENDING):
        with shards.ShardReader(path, where) as reader, _all_or_nothing(where):
            state.load(model, reader, skip_mismatch, skipped)
        return
    if path.endswith(".keras"):
        data = archive.read(path, where)["model.weights.h5"]
    elif path.endswith((".h5", ".hdf5")):
        with open(path, "rb") as f:
            data = f.read()
    else:
        raise ValueError(
            f"[load_weights] filepath must end with '.weights.h5', '.weights.json', '.keras' or '.h5', got {path!r}"
        )
    if _is_legacy(path):
        with legacy_h5.LegacyReader(data, where) as reader, _all_or_nothing(where):
            legacy_h5.load_weights(model, reader, skip_mismatch, by_name)
        return
    with Reader(data, where) as reader, _all_or_nothing(where):
        state.load(model, reader, skip_mismatch, skipped)


class Allowance:
    """Inside `with`, variables that take more than `limit` bytes together are refused before they are made."""

    def __init__(self, limit, where):
        self._limit = limit
        self._left = limit
        self._where = where

    def __call__(self, path, shape, dtype):
        size = dtypes.itemsize(dtype)
        for n in shape:
            size *= n
        self._left -= size
        if self._left < 0:
            raise FileError(
                f"[{self._where}: config.json] the variable {path!r} of shape {shape} makes the model "
                f"bigger than its weights "
                f"file can fill (limit {self._limit} bytes): refused"
            )

    def __enter__(self):
        self._saved = ambient.allowance
        ambient.allowance = self

    def __exit__(self, *exc):
        ambient.allowance = self._saved


@contextlib.contextmanager
def _all_or_nothing(where):
    """Puts automatic names and random states back when the load fails; every failure becomes a `ValueError`."""
    names, python_random = scope.names_snapshot(), random.getstate()
    generator = rng.global_seed_generator().state
    seed = generator.numpy()
    try:
        yield
    except Exception as e:
        scope.restore_names(names)
        random.setstate(python_random)
        generator.assign(seed)
        if isinstance(e, ValueError):
            raise
        raise FileError(f"[{where}] cannot be loaded: {type(e).__name__}: {str(e)[:500]}") from e


def weights_bytes(model):
    """The bytes of the model's weights file."""
    writer = Writer()
    state.save(model, writer)
    return writer.close()


def _path(filepath, what):
    try:
        return os.fspath(filepath)
    except TypeError:
        raise ValueError(f"[{what}] filepath must be a path, got {type(filepath).__name__} {filepath!r}") from None


def _check_overwrite(path, overwrite):
    if not overwrite and os.path.exists(path):
        raise ValueError(f"[save] {path!r} is there already; pass overwrite=True or another path")


def _check_readable(path, what):
    if not os.path.exists(path):
        raise MissingFileError(f"[{what}] file not found: {path!r}")
    if os.path.isdir(path):
        raise FileError(f"[{what}] {path!r} is a folder, not a file")
    if not os.path.isfile(path):
        raise FileError(f"[{what}] {path!r} is no regular file")
    if not os.access(path, os.R_OK):
        raise FileError(f"[{what}] no permission to read {path!r}")
