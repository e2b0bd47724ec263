"""The `.h5` format of whole models, as Keras 1 laid it out and Keras 3 still writes and reads it.

    / model_config, training_config              attributes: JSON
    /model_weights/<layer>/<weight's path>       the weights of each layer of the model, nested models' included
    /optimizer_weights/<variable's path>         the optimizer's variables
    /ckeras_seeds                                states of seed generators, which Keras leaves out

Names and their order are attributes (`layer_names`, `weight_names`), cut into `name0`, `name1`... when they are long.
"""

import io
import json
import zlib

import numpy as np

from ckeras import losses
from ckeras.saving import registry, state
from ckeras.saving.errors import FileError
from ckeras.saving.h5_store import CHECKSUM, Entry, Reader, data_and_mark

_SEEDS = "ckeras_seeds"
# What HDF5 takes in one attribute.
_ATTRIBUTE_BYTES = 64512
_TRAINING = ("loss", "metrics", "weighted_metrics", "loss_weights", "run_eagerly", "steps_per_execution", "jit_compile")


def weights_of(layer):
    """The variables that the format keeps for a layer, in its order."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own_weights(model):
    """The model's variables that no layer of it has."""
    of_layers = {id(v) for layer in model.layers for v in layer.weights}
    return [v for v in weights_of(model) if id(v) not in of_layers]


def _seeds(model):
    weights = {id(v) for v in model.weights}
    return [v for v in model.variables if id(v) not in weights]


# ---------------------------------------------------------------- writing


def write(model, keras_version, include_optimizer=True):
    """The bytes of a `.h5` file."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        texts = {"model_config": json.dumps({"class_name": _class_name(model), "config": model.get_config()})}
        trained = include_optimizer and getattr(model, "compiled", False)
        if trained:
            texts["training_config"] = json.dumps(_training_config(model))
        _mark(file, keras_version)
        for name, text in texts.items():
            _write_text(file, name, text)
        file.attrs[CHECKSUM] = np.uint32(_texts_checksum(texts))
        weights = file.create_group("model_weights")
        _mark(weights, keras_version)
        _write_names(weights, "layer_names", [layer.name for layer in model.layers])
        for layer in model.layers:
            _write_variables(weights.create_group(layer.name), weights_of(layer))
        _write_variables(weights.create_group("top_level_model_weights"), _own_weights(model))
        _write_variables(file.create_group(_SEEDS), _seeds(model))
        if trained and model.optimizer is not None and model.optimizer.built:
            _write_variables(file.create_group("optimizer_weights"), state.own_variables(model.optimizer))
    return buffer.getvalue()


def _class_name(model):
    name = registry.get_registered_name(type(model))
    return name if ">" in name else type(model).__name__


def _training_config(model):
    config = model.get_compile_config()
    optimizer = config.pop("optimizer", None)
    training = {k: config[k] for k in _TRAINING if k in config}
    for key in ("loss", "metrics", "weighted_metrics"):
        training[key] = _long_names(training.get(key))
    if isinstance(optimizer, dict):
        training["optimizer_config"] = {k: optimizer[k] for k in ("class_name", "config")}
    return training


def _long_names(value):
    """Short names of losses ("mse") as the long ones, which Keras reads back."""
    if isinstance(value, str):
        found = losses._catalog.known(value)
        return found.__name__ if callable(found) and not isinstance(found, type) else value
    if isinstance(value, (list, tuple)):
        return [_long_names(v) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _long_names(v) for k, v in value.items()}
    return value


def _mark(group, keras_version):
    group.attrs["keras_version"] = keras_version.encode()
    group.attrs["backend"] = b"ckeras"


def _write_text(file, name, text):
    data = text.encode()
    if len(data) <= _ATTRIBUTE_BYTES:
        file.attrs[name] = data
    else:  # too long to lie in the object's header
        import h5py

        file.attrs.create(name, text, dtype=h5py.string_dtype("utf-8"))


def _write_names(group, name, names):
    encoded = [n.encode() for n in names]
    longest = max(map(len, encoded), default=1)
    if longest > _ATTRIBUTE_BYTES:
        raise ValueError(f"[save] a name of {longest} bytes does not fit the .h5 format; save as .keras")
    each = max(1, _ATTRIBUTE_BYTES // longest)
    if len(encoded) <= each:
        group.attrs[name] = np.asarray(encoded) if encoded else np.zeros((0,))
        return
    for i in range(0, len(encoded), each):
        group.attrs[f"{name}{i // each}"] = np.asarray(encoded[i : i + each])


def _write_variables(group, variables):
    names, crc = [], 0
    for v in variables:
        name, n = v.path, 1
        while name in group:
            name, n = f"{v.path}_{n}", n + 1
        value, mark = data_and_mark(v.numpy())
        dataset = group.create_dataset(name, data=value)
        if mark:
            dataset.attrs["dtype"] = mark
        crc = zlib.crc32(value.tobytes(), zlib.crc32(str(len(names)).encode(), crc))
        names.append(name)
    _write_names(group, "weight_names", names)
    if names:
        group.attrs[CHECKSUM] = np.uint32(crc)


def _texts_checksum(texts):
    crc = 0
    for name in sorted(texts):
        # What is no UTF-8 is read as half pairs: of a spoilt file, whose sum then differs.
        crc = zlib.crc32(texts[name].encode(errors="surrogateescape"), zlib.crc32(name.encode(), crc))
    return crc


# ---------------------------------------------------------------- reading


class LegacyReader(Reader):
    """Reads a `.h5` file, or one of weights alone, from bytes; as `Reader` in what it trusts."""

    def config(self):
        """`(model_config, training_config or None)`: JSON texts."""
        texts = {name: self.text("", name) for name in ("model_config", "training_config")}
        texts = {name: text for name, text in texts.items() if text is not None}
        if "model_config" not in texts:
            raise FileError(f"[{self.where}] holds no model_config: build the model and call model.load_weights")
        expected = self.number("", CHECKSUM)
        if expected is not None and _texts_checksum(texts) != expected:
            raise FileError(f"[{self.where}] the configuration does not fit its checksum; the file is damaged")
        return texts["model_config"], texts.get("training_config")

    def root(self):
        """The path of the group that holds the layers."""
        if self.has_names("", "layer_names"):
            return ""
        if "model_weights" in self.child_names(""):
            return "model_weights"
        raise FileError(f"[{self.where}] holds no weights of layers (no attribute layer_names)")

    def layer_names(self):
        return self.names(self.root(), "layer_names")

    def named_entry(self, path, limit):
        """The variables of a group by their place in its `weight_names`; `None` when there is no such group."""
        group = self.group(path)
        return None if group is None else _NamedEntry(self, group, path, limit)


class _NamedEntry(Entry):
    """Variables 0, 1... that lie where `weight_names` says."""

    def __init__(self, reader, group, path, limit):
        super().__init__(reader, group, path, limit)
        self._places = dict(enumerate(reader.names(path, "weight_names")))
        self._names = [str(i) for i in self._places]

    def _find(self, key):
        *parts, last = self._places[int(key)].split("/")
        owner, done = self._group, self._path
        for part in parts:
            owner, done = self._reader.step(owner, part, done)
        return owner, last, done


def load_weights(model, reader, skip_mismatch=False, by_name=False):
    """Reads the weights of all layers. Everything is compared before anything is assigned.

    Layers correspond by their order, or `by_name`, where those that only one side has are left alone.
    """
    root = reader.root()
    names = reader.layer_names()
    pairs = _by_name(model, names) if by_name else _in_order(model, reader, root, names)
    if "top_level_model_weights" in reader.child_names(root):
        own = _own_weights(model)
        if own:
            pairs.append(("top_level_model_weights", model, own))
    _assign(pairs, reader, root, skip_mismatch)


def _by_name(model, names):
    known = set(names)
    return [(layer.name, layer, weights_of(layer)) for layer in model.layers if layer.name in known]


def _in_order(model, reader, root, names):
    """The model's layers that have weights with the file's."""
    layers = [(layer, weights_of(layer)) for layer in model.layers]
    layers = [(layer, variables) for layer, variables in layers if variables]
    names = [name for name in names if reader.names(f"{root}/{name}".strip("/"), "weight_names")]
    if len(names) != len(layers):
        hint = "" if model.built else "; the model is not built: call it on data, or build(input_shape), first"
        raise FileError(
            f"[{reader.where}] the file has {len(names)} layers with weights, the model {len(layers)}{hint}"
        )
    return [(name, layer, variables) for name, (layer, variables) in zip(names, layers)]


def _assign(pairs, reader, root, skip_mismatch):
    ready = []
    for name, obj, variables in pairs:
        path = f"{root}/{name}".strip("/")
        entry = reader.named_entry(path, 2 * sum(state.nbytes(v) for v in variables))
        problem = state.compare(path, obj, entry, variables, reader.where)
        if problem is None:
            ready.append((entry, variables))
        elif skip_mismatch:
            state.warn_kept(problem)
        else:
            raise FileError(problem)
    for entry, _ in ready:
        entry.verify()
    for entry, variables in ready:
        for i, v in enumerate(variables):
            v.assign(np.asarray(entry[str(i)]))


def load_seeds(model, reader):
    """Reads the states of seed generators, where the file has them: those of Keras have none."""
    seeds = _seeds(model)
    if seeds and reader.group(_SEEDS) is not None:
        _assign([(_SEEDS, model, seeds)], reader, "", False)


def load_optimizer(model, reader):
    """Reads the optimizer's variables where the file has them; one of another optimizer is left, with a warning."""
    if reader.group("optimizer_weights") is None:
        return
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    variables = state.own_variables(optimizer)
    skip = len(reader.names("optimizer_weights", "weight_names")) != len(variables)  # Keras 2 had other slots
    _assign([("optimizer_weights", optimizer, variables)], reader, "", skip)
