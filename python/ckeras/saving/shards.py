"""Weights in several HDF5 files, and the JSON file that says which of them holds what, as Keras lays them out.

`big.weights.json` holds `{"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": file or files}}`; the
files beside it are `big_00000.weights.h5` and so on, each a weights file with some of the variables.
"""

import json
import os

from ckeras.saving import json_reader
from ckeras.saving.atomic import AtomicFiles
from ckeras.saving.errors import FileError
from ckeras.saving.h5_store import Budget, Named, Reader, Writer, data_and_mark

ENDING = ".weights.json"
_PART = ".weights.h5"


class ShardWriter:
    """Builds the files of `path` (a `.json`), none with more than `limit` bytes of values; a context manager.

    Nothing of an older save is replaced before all files are complete; the map is the last to be.
    """

    def __init__(self, path, limit):
        self._path = path
        self._limit = limit
        self._files = AtomicFiles()
        self._part = Writer()
        self._number = 0
        self._used = 0
        self._total = 0
        self._map = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self._finish_part()
            told = {"metadata": {"total_size": self._total}, "weight_map": self._map}
            self._files.add(self._path, json.dumps(told, indent=4).encode())
            self._files.commit()
        else:
            self._part.close()
            self._files.discard()

    def make(self, path, name=None):
        """The entry for the object at `path`: assign arrays to its keys. Its group comes with the first of them."""
        return _ShardEntry(self, path, name)

    def _name(self):
        stem = os.path.basename(self._path).removesuffix(".json").replace(".weights", "")
        return f"{stem}_{self._number:05}{_PART}"

    def _finish_part(self):
        data = self._part.close()
        self._files.add(os.path.join(os.path.dirname(self._path), self._name()), data)

    def _room(self, size, path):
        """Counts `size` more bytes, for a value of the group `path`, in this file or in a new one."""
        if size > self._limit:
            raise ValueError(
                f"[save_weights] a variable of {path!r} takes {size} bytes, more than the {int(self._limit)} of "
                "max_shard_size (given in GB): pass a bigger one"
            )
        if self._used + size > self._limit:
            self._finish_part()
            self._part, self._used = Writer(), 0
            self._number += 1
        self._used += size
        self._total += size
        names = self._map.get(path, self._name())
        names = names if isinstance(names, list) else [names]
        if self._name() not in names:
            names = [*names, self._name()]
        self._map[path] = names if len(names) > 1 else names[0]


class _ShardEntry:
    def __init__(self, writer, path, name):
        self._writer = writer
        self._path = path
        self._name = name
        self._part = self._entry = None
        self._keys = []

    def __setitem__(self, key, value):
        writer = self._writer
        writer._room(data_and_mark(value)[0].nbytes, f"/{self._path}/vars" if self._path else "/vars")
        if self._part is not writer._part:
            self._part, self._entry = writer._part, writer._part.make(self._path, self._name)
        self._entry[key] = value
        self._keys.append(key)

    def keys(self):
        return self._keys


class ShardReader:
    """Reads what the map at `path` tells of, as `Reader` reads one file. Raises `FileError` for all that is wrong.

    The map may name only weights files of its own folder; each is opened when something in it is asked for.
    """

    def __init__(self, path, where):
        self.where = where
        self._folder = os.path.dirname(path)
        self._readers = {}
        with open(path, "rb") as f:
            told = json_reader.loads(f.read(json_reader.MAX_BYTES + 1), where)
        found = told.get("weight_map")
        if not isinstance(found, dict):
            raise FileError(f"[{where}] has no 'weight_map': it is not the map of a model's weights")
        self._map = {key: _names(value, key, where) for key, value in found.items()}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for reader in self._readers.values():
            reader.__exit__()

    def group(self, path):
        """Something that is not `None` when the map has variables at `path` or inside."""
        prefix = f"/{path}/" if path else "/"
        return next((key for key in self._map if key.startswith(prefix)), None)

    def child_names(self, path):
        """Names of the variables in the group at `path`, which is that of one object's variables."""
        return [
            name for file in self._map.get(f"/{path.strip('/')}", ()) for name in self._reader(file).child_names(path)
        ]

    def entry(self, path, limit):
        """The variables of the object at `path`, a mapping; `None` when the map has none. `limit`: as in `Reader`."""
        key = f"/{path}/vars" if path else "/vars"
        if key not in self._map:
            return None
        budget, parts = Budget(limit), []
        for file in self._map[key]:
            part = self._reader(file).entry(path, budget)
            if part is None:
                raise FileError(f"[{self.where}] says that {key!r} is in {file!r}, which has no such group")
            parts.append(part)
        return parts[0] if len(parts) == 1 else _Joined(parts, f"{self.where}: {key}")

    def _reader(self, name):
        if name not in self._readers:
            path = os.path.join(self._folder, name)
            if not os.path.isfile(path):
                raise FileError(f"[{self.where}] names the file {name!r}, which is not beside it")
            with open(path, "rb") as f:
                self._readers[name] = Reader(f.read(), f"{self.where}: {name}")
        return self._readers[name]


def _names(value, key, where):
    names = value if isinstance(value, list) else [value]
    for name in names:
        plain = isinstance(name, str) and name == os.path.basename(name) and not set(name) & set("/\\:\0")
        if not plain or not name.endswith(_PART):
            raise FileError(
                f"[{where}] {key!r} is said to be in {name!r}; only '{_PART}' files of the same folder may be named"
            )
    if not names or len(set(names)) < len(names):
        raise FileError(f"[{where}] {key!r} has no file, or one of them twice")
    return names


class _Joined(Named):
    """One object's variables out of several files: a mapping as `Entry` is."""

    def __init__(self, parts, where):
        self._parts = parts
        self._owners = {}
        for part in parts:
            for key in part:
                if key in self._owners:
                    raise FileError(f"[{where}] two files hold the variable {key!r}")
                self._owners[key] = part
        self._names = list(self._owners)

    def __getitem__(self, key):
        return self._owners.get(str(key), self._parts[0])[key]

    def verify(self):
        for part in self._parts:
            part.verify()
