"""Packages that load each of their public names on its first use: a program pays only for what it names."""

import importlib

from ckeras import _garbage


class Names:
    """The public names of a package, and where each is defined.

    `namespace`: the package's `globals()`. `modules` maps a module (its full name) to the names taken from it, in one
    string: "Dense", or "MaxPool1D=MaxPooling1D" where the package has another name for it. A module with no names is
    itself one. `also`: names that the package defines in its own file.
    """

    def __init__(self, namespace, modules, also=""):
        self._namespace = namespace
        self.sources = {}  # public name -> (module, its name there; None for the module itself)
        for module, names in modules.items():
            for name in names.split():
                public, _, own = name.partition("=")
                self.sources[public] = (module, own or public)
            if not names:
                self.sources[module.rpartition(".")[2]] = (module, None)
        self.all = sorted([*self.sources, *also.split()])

    def load(self, name):
        """The object of a name: the package's `__getattr__`. `AttributeError` when there is none such."""
        if name not in self.sources:
            raise AttributeError(f"module {self._namespace['__name__']!r} has no attribute {name!r}")
        module, own = self.sources[name]
        with _garbage.put_off():
            found = importlib.import_module(module)
        found = found if own is None else getattr(found, own)
        self._namespace[name] = found
        return found

    def list(self):
        """The package's `__dir__`."""
        return sorted({*self._namespace, *self.all})
