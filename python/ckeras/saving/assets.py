"""What layers keep in files of their own inside a `.keras` file: vocabularies.

A layer with `save_assets(folder)` and `load_assets(folder)` has the folder `assets/<its path>/`, as in Keras.
"""

import os
import tempfile

from ckeras.saving.errors import FileError
from ckeras.saving.state import walk

_ROOT = "assets/"


def collect(model):
    """`(member, bytes)` of every file that a layer of the model writes."""
    found = []
    for path, layer in _owners(model, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            for name in sorted(os.listdir(folder)):
                with open(os.path.join(folder, name), "rb") as f:
                    found.append((f"{_ROOT}{path}/{name}" if path else f"{_ROOT}{name}", f.read()))
    return found


def restore(model, members, where):
    """Gives each layer its files. Raises `FileError` for files that belong to no layer."""
    left = {name: data for name, data in members.items() if name.startswith(_ROOT) and not name.endswith("/")}
    for path, layer in _owners(model, "load_assets"):
        root = f"{_ROOT}{path}/" if path else _ROOT
        own = {name[len(root) :]: left.pop(name) for name in list(left) if name.rpartition("/")[0] + "/" == root}
        if not own:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name, data in own.items():
                if name in ("", ".", "..") or os.path.basename(name) != name or "\\" in name or "\0" in name:
                    raise FileError(f"[{where}] the assets have a file of the name {name!r}: refused")
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(data)
            layer.load_assets(folder)
    if left:
        raise FileError(f"[{where}] holds assets that belong to no layer: {sorted(left)[:3]}")


def _owners(model, method):
    """The layers with files of their own, those inside such a layer left out: it writes for them."""
    owned = []
    for path, obj in walk(model):
        if callable(getattr(obj, method, None)) and not any(path.startswith(f"{o}/") for o, _ in owned if o):
            owned.append((path, obj))
    return owned
