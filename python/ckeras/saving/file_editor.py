"""KerasFileEditor: the weights of a file as a tree of objects, to be looked at, changed and written again."""

import os
import sys

import numpy as np

from ckeras.saving import archive, json_reader
from ckeras.saving.atomic import write_atomically
from ckeras.saving.errors import FileError
from ckeras.saving.h5_store import Reader, Writer
from ckeras.saving.saving_api import weights_bytes

_DEPTH = 200


class _Object(dict):
    """An object of a file: its weights (arrays) and the objects in it, by their names there; its own name, if stored.

    `stored`: the file has a place for its weights, even if there are none.
    """

    name = None
    stored = False

    def weights(self):
        return {key: x for key, x in self.items() if not isinstance(x, dict)}

    def objects(self):
        return {key: x for key, x in self.items() if isinstance(x, dict)}


class KerasFileEditor:
    """Edits the weights of a `.keras` or `.weights.h5` file, for models that changed since they were saved.

    Objects are named by their paths, as "layers/dense_1", or by the last part where it is the only one of that name.
    `weights_dict` is the tree; `config` and `metadata` are what a `.keras` file holds besides. Files are read with the
    checks of `load_weights`. Raises `ValueError` for names that are not there or not unique.

    >>> editor = ckeras.saving.KerasFileEditor("old.weights.h5")
    >>> editor.rename_object("layers/dense_1", "dense_2")
    >>> editor.save("new.weights.h5")
    """

    def __init__(self, filepath):
        path = os.fspath(filepath)
        where = os.path.basename(path)
        self.filepath = path
        self.config = self.metadata = None
        if path.endswith(".keras"):
            members = archive.read(path, where)
            self.config = json_reader.loads(members["config.json"], f"{where}: config.json")
            self.metadata = json_reader.loads(members["metadata.json"], f"{where}: metadata.json")
            data = members["model.weights.h5"]
        elif path.endswith(".weights.h5"):
            with open(path, "rb") as f:
                data = f.read()
        else:
            raise ValueError(f"[KerasFileEditor] filepath must end with '.keras' or '.weights.h5', got {path!r}")
        self.weights_dict = _tree(data, where)

    # ---------------------------------------------------------------- to look at it

    def summary(self):
        """Prints the objects of the file with the shapes and dtypes of their weights."""
        lines = [f"Weights of {self.filepath}"]
        _describe(self.weights_dict, "    ", lines)
        sys.stdout.write("\n".join(lines) + "\n")

    def compare(self, reference_model):
        """Prints where the file differs from what the model would store, and returns a dict.

        Its keys: `status` ("success" or "error"), `error_count` (objects and weights that are in one alone, shapes
        that differ) and `match_count` (weights that are in both).
        """
        wanted = _tree(weights_bytes(reference_model), "reference model")
        lines = []
        matches = _differences(self.weights_dict, wanted, "", lines)
        errors = len(lines)
        good = errors == 0
        lines.append(f"{matches} weights match, {errors} differences" if not good else f"All {matches} weights match")
        sys.stdout.write("\n".join(lines) + "\n")
        return {"status": "success" if good else "error", "error_count": errors, "match_count": matches}

    # ---------------------------------------------------------------- to change it

    def _find(self, name):
        """(the object that holds it, its key) of an object's name or path."""
        if "/" in name:
            *way, key = name.split("/")
            holder = self.weights_dict
            for part in way:
                holder = holder.get(part) if isinstance(holder, dict) else None
            if not isinstance(holder, dict) or not isinstance(holder.get(key), dict):
                raise ValueError(f"[KerasFileEditor] there is no object {name!r}; summary() lists all")
            return holder, key
        found = list(_holders(self.weights_dict, name))
        if len(found) != 1:
            several = "is the name of several objects; give its whole path" if found else "is no object of the file"
            raise ValueError(f"[KerasFileEditor] {name!r} {several}; summary() lists all")
        return found[0], name

    def rename_object(self, object_name, new_name):
        """Gives an object another key, in the same place: `new_name` is no path."""
        if "/" in new_name:
            raise ValueError(f"[rename_object] new_name must be a name, not a path, got {new_name!r}")
        holder, key = self._find(object_name)
        if new_name in holder and new_name != key:
            raise ValueError(f"[rename_object] there is a {new_name!r} beside {object_name!r} already")
        items = [(new_name if k == key else k, x) for k, x in holder.items()]
        holder.clear()
        holder.update(items)

    def delete_object(self, object_name):
        """Takes an object out, with all that is in it."""
        holder, key = self._find(object_name)
        del holder[key]

    def add_object(self, object_path, weights):
        """Puts a new object with these weights, a dict of arrays by name ("0", "1", ...), at a path."""
        *way, key = object_path.split("/")
        holder = self.weights_dict
        if way:
            parent, last = self._find("/".join(way))
            holder = parent[last]
        added = _Object(_checked("add_object", weights))
        added.stored = True
        holder[key] = added

    def delete_weight(self, object_name, weight_name):
        """Takes one weight of an object out."""
        holder, key = self._find(object_name)
        if weight_name not in holder[key].weights():
            raise ValueError(
                f"[delete_weight] {object_name!r} has no weight {weight_name!r}, but {list(holder[key].weights())}"
            )
        del holder[key][weight_name]

    def add_weights(self, object_name, weights):
        """Adds weights, a dict of arrays by name, to an object; those of the same name are replaced."""
        holder, key = self._find(object_name)
        holder[key].update(_checked("add_weights", weights))

    # ---------------------------------------------------------------- to write it

    def save(self, filepath):
        """Writes a `.weights.h5` file, which `load_weights` reads."""
        path = os.fspath(filepath)
        if not path.endswith(".weights.h5"):
            raise ValueError(f"[KerasFileEditor] filepath must end with '.weights.h5', got {path!r}")
        writer = Writer()
        _write(self.weights_dict, "", writer)
        write_atomically(path, writer.close())

    def resave_weights(self, filepath):
        """The same as `save`."""
        self.save(filepath)


def _tree(data, where):
    """The root `_Object` of a weights file. `FileError` for groups that are linked more than once, or too deep."""
    with Reader(data, where) as reader:
        return _read(reader, "", reader.stored_bytes(), set(), 0)


def _read(reader, path, limit, seen, depth):
    place = reader.place(path)
    if place in seen or depth > _DEPTH:
        raise FileError(f"[{reader.where}] {path or '/'} is linked to more than once, or lies too deep; refused")
    seen.add(place)
    found = _Object()
    entry = reader.entry(path, limit)
    if entry is not None:
        entry.verify()
        found.stored = True
        found.name = reader.text(f"{path}/vars".strip("/"), "name")
        entry = reader.entry(path, limit)
        found.update((key, np.asarray(entry[key])) for key in entry)
    for key in reader.child_names(path):
        if key != "vars":
            found[key] = _read(reader, f"{path}/{key}".strip("/"), limit, seen, depth + 1)
    return found


def _write(node, path, writer):
    weights = node.weights()
    if weights or getattr(node, "stored", False):
        entry = writer.make(path, getattr(node, "name", None))
        for key, x in weights.items():
            entry[key] = x
    for key, child in node.objects().items():
        _write(child, f"{path}/{key}".strip("/"), writer)


def _describe(node, indent, lines):
    for key, x in node.items():
        if isinstance(x, dict):
            name = f" ({x.name})" if x.name and x.name != key else ""
            lines.append(f"{indent}{key}{name}")
            _describe(x, indent + "    ", lines)
        else:
            lines.append(f"{indent}{key}: shape={x.shape}, dtype={x.dtype}")


def _holders(node, name):
    """The objects that hold an object of this key."""
    if isinstance(node.get(name), dict):
        yield node
    for child in node.objects().values():
        yield from _holders(child, name)


def _differences(found, wanted, path, lines):
    """Adds a line a difference; how many weights are in both with the same shape."""
    matches = 0
    for key in [*wanted, *(k for k in found if k not in wanted)]:
        where = f"{path}/{key}".strip("/")
        a, b = found.get(key), wanted.get(key)
        if a is None or b is None:
            here, there = ("model", "file") if a is None else ("file", "model")
            x = b if a is None else a
            if isinstance(x, dict) and not _holds_weights(x):
                continue
            what = "object" if isinstance(x, dict) else "weight"
            lines.append(f"The {what} {where} is in the {here} and not in the {there}")
        elif isinstance(a, dict) and isinstance(b, dict):
            matches += _differences(a, b, where, lines)
        elif isinstance(a, dict) or isinstance(b, dict):
            lines.append(f"{where} is an object in one and a weight in the other")
        elif a.shape != b.shape:
            lines.append(f"The weight {where} has the shape {a.shape} in the file and {b.shape} in the model")
        else:
            matches += 1
    return matches


def _holds_weights(node):
    return bool(node.weights()) or any(_holds_weights(child) for child in node.objects().values())


def _checked(method, weights):
    if not isinstance(weights, dict):
        raise ValueError(f"[{method}] weights must be a dict of arrays by name, got {type(weights).__name__}")
    found = {}
    for key, x in weights.items():
        x = np.asarray(x)
        if (
            not isinstance(key, str)
            or not key
            or "/" in key
            or (x.dtype.kind not in "biuf" and x.dtype.name != "bfloat16")
        ):
            raise ValueError(f"[{method}] weights must be arrays of numbers by name, got {key!r}: dtype {x.dtype}")
        found[key] = x
    return found
