"""Variables in HDF5 groups as Keras lays them out, read without trusting the file.

Only hard links, only plain numeric datasets that live in the file itself; shape and dtype are compared with the model
before a byte of data is read.
"""

import io
import zlib

import numpy as np

from ckeras.saving.errors import FileError

MAX_OBJECTS = 1_000_000
CHECKSUM = "ckeras_crc32"


def data_and_mark(value):
    """An array as HDF5 keeps it, and what its attribute `dtype` says (`None`: nothing)."""
    value = np.asarray(value, order="C")  # keeps rank 0
    return (value.view(np.dtype("V2")), "bfloat16") if value.dtype.name == "bfloat16" else (value, None)


class Writer:
    """Builds the bytes of a weights file."""

    def __init__(self):
        import h5py  # heavy and only needed for files

        self._buffer = io.BytesIO()
        self._file = h5py.File(self._buffer, "w")

    def make(self, path, name=None):
        """The entry for the object at `path`: assign arrays to its keys."""
        group = self._file.require_group(f"{path}/vars" if path else "vars")
        if name:
            group.attrs["name"] = name
        return _WriteEntry(group)

    def close(self):
        """The file's bytes."""
        self._file.close()
        return self._buffer.getvalue()


def _order(key):
    """What the variables of an object are sorted by: numbers first, by size."""
    return (not key.isdigit(), int(key) if key.isdigit() else 0, key)


def _add_to_checksum(crc, key, value):
    return zlib.crc32(value.tobytes(), zlib.crc32(key.encode(), crc))


class _WriteEntry:
    def __init__(self, group):
        self._group = group
        self._crc = 0
        self._last = None

    def __setitem__(self, key, value):
        value, mark = data_and_mark(value)
        dataset = self._group.create_dataset(key, data=value)
        if mark:
            dataset.attrs["dtype"] = mark
        if self._last is None or _order(key) > _order(self._last):
            self._crc, self._last = _add_to_checksum(self._crc, key, value), key
        else:  # readers see the keys in order, whichever came first
            self._crc = 0
            for name in sorted(self._group, key=_order):
                self._crc = _add_to_checksum(self._crc, name, self._group[name][()])
        self._group.attrs[CHECKSUM] = np.uint32(self._crc)

    def keys(self):
        return self._group.keys()


class Reader:
    """Reads a weights file from bytes. Use as a context manager; raises `FileError` for all that is wrong with it."""

    def __init__(self, data, where):
        import h5py

        self._h5 = h5py
        self.where = where
        if not data:
            raise FileError(f"[{where}] is empty")
        if data[:2] == b"PK":
            raise FileError(f"[{where}] is a zip archive, not HDF5: name it .keras and use load_model")
        if data[:8] != b"\x89HDF\r\n\x1a\n":
            raise FileError(f"[{where}] is not an HDF5 file, or it is damaged")
        _check_trees(data, where)
        self._file = self._try("/", lambda: h5py.File(io.BytesIO(data), "r"))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._file.close()

    def stored_bytes(self):
        """The bytes of all datasets together, as far as the file can really hold them."""
        seen, total = set(), 0
        todo = [("", self._file)]
        while todo:
            path, group = todo.pop()
            for key in self._keys(group, path):
                child = self._child(group, key, path)
                where = f"{path}/{key}"
                info = self._try(where, lambda c=child: self._h5.h5o.get_info(c.id))
                if (info.fileno, info.addr) in seen:
                    continue
                seen.add((info.fileno, info.addr))
                if len(seen) > MAX_OBJECTS:
                    raise FileError(f"[{self.where}] more than {MAX_OBJECTS} objects")
                if isinstance(child, self._h5.Group):
                    todo.append((where, child))
                elif isinstance(child, self._h5.Dataset):
                    total += self._check_dataset(child, where)
        return total

    def entry(self, path, limit):
        """The variables of the object at `path`, a mapping; `None` when the file has no such group.

        `limit`: the bytes that reading the entry may take in all, those of the object's own variables; or a `Budget`
        that several entries share.
        """
        path = f"{path}/vars".strip("/")
        group = self.group(path)
        return None if group is None else Entry(self, group, f"/{path}", limit)

    def group(self, path):
        """The group at `path`, every link on the way checked; `None` when there is none."""
        group, done = self._file, ""
        for part in [p for p in path.split("/") if p]:
            if part not in self._keys(group, done):
                return None
            group, done = self.step(group, part, done)
        return group

    def step(self, group, part, done):
        """The group `part` inside the one at `done`, and its path."""
        child = self._child(group, part, done)
        done = f"{done}/{part}"
        if not isinstance(child, self._h5.Group):
            raise FileError(f"[{self.where}] {done!r} should be a group, and is a dataset")
        return child, done

    def place(self, path):
        """What tells the group at `path` from every other one of the file."""
        group = self.group(path)
        info = self._try(path, lambda: self._h5.h5o.get_info(group.id))
        return info.fileno, info.addr

    def child_names(self, path):
        """Names of what is inside the group at `path`; none where there is no such group."""
        group = self.group(path)
        return [] if group is None else self._keys(group, path)

    # ---- attributes

    def _attribute(self, path, name):
        """The attribute's identifier, its shape checked; `None` when there is none."""
        group = self.group(path)
        if group is None or not self._try(path, lambda: name in group.attrs):
            return None, None
        kind = self._try(path, lambda: group.attrs.get_id(name))
        if len(kind.shape) > 1 or any(n > MAX_OBJECTS for n in kind.shape):
            raise FileError(f"[{self.where}] {path or '/'}: the attribute {name!r} has the shape {kind.shape}")
        return group, kind

    def number(self, path, name):
        """An attribute that is one uint32, or `None`."""
        group, kind = self._attribute(path, name)
        return None if group is None else self._try(path, lambda: _plain_number(group.attrs, kind, name))

    def text(self, path, name):
        """An attribute that is one string, or `None`."""
        group, kind = self._attribute(path, name)
        if group is None:
            return None
        found = self._try(path, lambda: _strings(group.attrs, kind, name))
        if len(found) != 1:
            raise FileError(f"[{self.where}] {path or '/'}: the attribute {name!r} is no string")
        return found[0]

    def has_names(self, path, name):
        return any(self._attribute(path, n)[0] is not None for n in (name, f"{name}0"))

    def names(self, path, name):
        """An attribute that is a list of strings, in one piece or in numbered ones."""
        found, i = [], 0
        group, kind = self._attribute(path, name)
        if group is not None:
            return self._try(path, lambda: _strings(group.attrs, kind, name))
        while True:
            group, kind = self._attribute(path, f"{name}{i}")
            if group is None:
                break
            found += self._try(path, lambda g=group, k=kind, n=f"{name}{i}": _strings(g.attrs, k, n))
            i += 1
        if i == 0:
            raise FileError(f"[{self.where}] {path or '/'}: no attribute {name!r}")
        return found

    def _try(self, path, fn):
        try:
            return fn()
        except FileError:
            raise
        except (
            OSError,
            RuntimeError,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            MemoryError,
            OverflowError,
        ) as e:
            raise FileError(f"[{self.where}] {path or '/'}: the HDF5 file is damaged: {e}") from e

    def _keys(self, group, path):
        return self._try(path, lambda: list(group.keys()))

    def _child(self, group, key, path):
        """The object behind a hard link; every other kind of link is refused."""
        where = f"{path}/{key}"
        link = self._try(where, lambda: group.get(key, getlink=True))
        if type(link) is not self._h5.HardLink:
            raise FileError(f"[{self.where}] {where!r} is a link ({type(link).__name__}); links are refused")
        return self._try(where, lambda: group[key])

    def _check_dataset(self, dataset, path):
        """Refuses data outside the file and computed data; gives the dataset's size in bytes."""

        def check():
            plist = dataset.id.get_create_plist()
            layout = plist.get_layout()
            d = self._h5.h5d
            if plist.get_external_count() or layout == d.VIRTUAL:
                raise FileError(f"[{self.where}] {path!r} keeps its data in other files; refused")
            if dataset.dtype.kind not in "biuf" and not dataset.dtype == np.dtype("V2"):
                raise FileError(f"[{self.where}] {path!r} has dtype {dataset.dtype}; weights are real numbers")
            if len(dataset.shape) > 16:
                raise FileError(f"[{self.where}] {path!r} has rank {len(dataset.shape)}")
            size = dataset.dtype.itemsize
            for n in dataset.shape:
                size *= int(n)
            stored = dataset.id.get_storage_size()
            if size > stored and (layout != d.CHUNKED or size > max(1 << 20, 100 * stored)):
                raise FileError(f"[{self.where}] {path!r} declares {size} bytes and stores {stored}; refused")
            return size

        return self._try(path, check)


class Budget:
    """How many bytes may still be read."""

    def __init__(self, limit):
        self.left = limit


class Named:
    """What a mapping has beside its values, of the list `_names`."""

    def keys(self):
        return self._names

    def __len__(self):
        return len(self._names)

    def __iter__(self):
        return iter(self._names)

    def __contains__(self, key):
        return str(key) in self._names


class Entry(Named):
    """The variables of one object: `keys()` and `entry[key]`, whose `shape` and `dtype` cost no reading."""

    def __init__(self, reader, group, path, limit):
        self._reader = reader
        self._group = group
        self._path = path
        self._budget = limit if isinstance(limit, Budget) else Budget(limit)
        self._names = sorted(reader._keys(group, path), key=_order)

    def __getitem__(self, key):
        key = str(key)
        path = f"{self._path}/{key}"
        if key not in self._names:
            raise FileError(f"[{self._reader.where}] no variable {path!r}")
        owner, place, done = self._find(key)
        path = f"{done}/{place}"
        child = self._reader._child(owner, place, done)
        if not isinstance(child, self._reader._h5.Dataset):
            raise FileError(f"[{self._reader.where}] {path!r} should be a dataset, and is a group")
        self._reader._check_dataset(child, path)
        return Stored(self, child, path)

    def _find(self, key):
        """The group that holds the variable, its name there, and the group's path."""
        return self._group, key, self._path

    def verify(self):
        """Compares the data with the checksum that ckeras writes beside it; files of Keras have none."""
        reader = self._reader
        expected = reader.number(self._path, CHECKSUM)
        if expected is None:
            return
        crc = 0
        for key in self._names:
            crc = _add_to_checksum(crc, key, self[key]._read())
        if crc != expected:
            raise FileError(f"[{reader.where}] {self._path!r}: the data does not fit its checksum; the file is damaged")

    def _spend(self, size, path):
        self._budget.left -= size
        if self._budget.left < 0:
            raise FileError(f"[{self._reader.where}] {path!r} is bigger than the model's variables of this object")


def _check_trees(data, where):
    """Refuses index trees that are none: the HDF5 library follows a node that leads back to itself until it crashes.

    A node: "TREE", type (0 group, 1 chunks), level, entry count (u16), two siblings (u64), then key and child (u64
    each, for groups) by turns. A child of a node of level n is of level n - 1 and has no other parent. Nodes of chunks
    must be leaves: Keras stores no chunks, and 64 are enough for others.
    """
    found, at = set(), -1
    while (at := data.find(b"TREE", at + 1)) >= 0:
        kind, level, count = (
            data[at + 4 : at + 5],
            data[at + 5 : at + 6],
            int.from_bytes(data[at + 6 : at + 8], "little"),
        )
        if kind > b"\1" or level == b"\0":
            continue  # a leaf, or by chance in the values of a weight
        if kind == b"\1":
            raise FileError(f"[{where}] a dataset has more than 64 chunks; Keras writes weights in one piece")
        for start in range(at + 32, at + 32 + 16 * count, 16):
            child = int.from_bytes(data[start : start + 8], "little")
            if data[child : child + 4] != b"TREE":
                continue  # the library says so itself
            if data[child + 5] != level[0] - 1 or child in found:
                raise FileError(f"[{where}] an index of the HDF5 file runs in a circle; refused")
            found.add(child)
    # The inner nodes of the newer kind of tree, which only very large groups of the newer kind have.
    at = -1
    while (at := data.find(b"BTIN\0", at + 1)) >= 0:
        if data[at + 5 : at + 6] < b"\x0c":
            raise FileError(f"[{where}] has indexes of a kind that Keras does not write; refused")


def _plain_number(attrs, kind, name):
    if kind.dtype != np.dtype("<u4") or kind.shape != ():
        raise FileError(f"the attribute {name!r} is no number")
    return int(attrs[name])


def _strings(attrs, kind, name):
    """The attribute as a list of strings, of fixed or of varying length; an empty list may have any type."""
    if 0 in kind.shape:
        return []
    if kind.dtype.kind not in "SO":
        raise FileError(f"the attribute {name!r} holds {kind.dtype}, not strings")
    values = attrs[name]
    values = [values] if kind.shape == () else list(values)
    if not all(isinstance(v, (bytes, str)) for v in values):
        raise FileError(f"the attribute {name!r} does not hold strings")
    return [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values]


class Stored:
    """A dataset not read yet; `np.asarray` reads it."""

    def __init__(self, entry, dataset, path):
        self._entry = entry
        self._dataset = dataset
        self.path = path
        self.shape = dataset.shape
        self.dtype = dataset.dtype

    @property
    def ndim(self):
        return len(self.shape)

    def _read(self):
        size = self.dtype.itemsize
        for n in self.shape:
            size *= int(n)
        if size > self._entry._budget.left:
            self._entry._spend(size, self.path)
        return self._entry._reader._try(self.path, lambda: np.asarray(self._dataset[()]))

    def __array__(self, dtype=None, copy=None):
        value = self._read()
        self._entry._spend(value.nbytes, self.path)
        if value.dtype == np.dtype("V2"):
            import ml_dtypes

            value = value.view(ml_dtypes.bfloat16)
        return value if dtype is None else value.astype(dtype)

    def __len__(self):
        return len(np.asarray(self))

    def __getitem__(self, key):
        return np.asarray(self)[key]
