"""Where the data sets lie, and how their files are read without running what is in them."""

import io
import json
import os
import pickle
import zipfile

import numpy as np

from ckeras import utils

_TF = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
# Name -> URL, hash (SHA-256, of word lists MD5; None where none was published).
FILES = {
    "mnist.npz": (_TF, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    "train-labels-idx1-ubyte.gz": (_TF, None),
    "train-images-idx3-ubyte.gz": (_TF, None),
    "t10k-labels-idx1-ubyte.gz": (_TF, None),
    "t10k-images-idx3-ubyte.gz": (_TF, None),
    "cifar-10-python.tar.gz": (_CIFAR, "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
    "cifar-100-python.tar.gz": (_CIFAR, "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"),
    "imdb.npz": (_TF, "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"),
    "imdb_word_index.json": (_TF, "bfafd718b763782e994055a2d397834f"),
    "reuters.npz": (_TF, "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"),
    "reuters_word_index.json": (_TF, "4d44cc38712099c9e383dc6e5f11a921"),
    "boston_housing.npz": (_TF, "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"),
    "california_housing.npz": (_TF, "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"),
}
# All that a pickled array of lists or of bytes refers to.
_SAFE = {
    ("_codecs", "encode"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _SAFE:
            raise ValueError(f"[datasets] the file refers to {module}.{name}, which data has no need of: refused")
        return super().find_class(module, name)


def unpickle(file, encoding="ASCII"):
    """What was pickled into an open file: numbers, text, lists, dicts and arrays; `ValueError` for anything else."""
    return _Unpickler(file, encoding=encoding).load()


def fetch(name, local=None, **options):
    """The path of the file, downloaded unless it is there; `local`: its name in the cache."""
    base, file_hash = FILES[name]
    return utils.get_file(local or name, origin=base + name, file_hash=file_hash, **options)


def arrays(name, local=None):
    """The arrays of an `.npz` file by name."""
    found = {}
    with zipfile.ZipFile(fetch(name, local)) as archive:
        for member in archive.namelist():
            data = io.BytesIO(archive.read(member))
            version = np.lib.format.read_magic(data)
            shape, fortran, dtype = _header(data, version)
            if dtype.hasobject:
                value = unpickle(data)
            else:
                value = np.frombuffer(data.read(), dtype).reshape(shape, order="F" if fortran else "C").copy()
            found[member.removesuffix(".npy")] = value
    return found


def _header(data, version):
    reads = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return reads(data)


def words(name, local=None):
    """The rank of each word, from a JSON file."""
    with open(fetch(name, local), encoding="utf-8") as f:
        return json.load(f)


def shuffled(seed, *columns):
    """The columns in one random order."""
    order = np.arange(len(columns[0]))
    np.random.RandomState(seed).shuffle(order)
    return [c[order] for c in columns]


def split(test_split, x, y):
    """`((x_train, y_train), (x_test, y_test))`, the last `test_split` of them for tests."""
    if not 0 <= test_split < 1:
        raise ValueError(f"[load_data] test_split must be at least 0 and less than 1, got {test_split!r}")
    n = int(len(x) * (1 - test_split))
    return (x[:n], y[:n]), (x[n:], y[n:])


def folder(name, local):
    """The folder that an archive is unpacked to."""
    return os.path.join(fetch(name, local, extract=True), local.removesuffix("-target"))
