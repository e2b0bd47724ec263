"""The functions of `ops` that NumPy has too."""

from ckeras.ops import namespaces


def __getattr__(name):
    return namespaces.find("numpy", name)


def __dir__():
    return namespaces.names("numpy")
