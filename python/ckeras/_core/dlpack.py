"""DLPack's capsules (https://dmlc.github.io/dlpack), made and taken with Python's C interface."""

import ctypes

CPU, CUDA = 1, 2  # kinds of devices
_NAMES, _USED = (b"dltensor", b"dltensor_versioned"), (b"used_dltensor", b"used_dltensor_versioned")


def _python(name, result, *types):
    return ctypes.PYFUNCTYPE(result, *types)((name, ctypes.pythonapi))


_new = _python("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
_is_valid = _python("PyCapsule_IsValid", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)
_pointer = _python("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_set_name = _python("PyCapsule_SetName", ctypes.c_int, ctypes.py_object, ctypes.c_char_p)
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


def is_versioned(max_version):
    """Whether who asks with this `max_version` understands versioned capsules."""
    return int(max_version is not None and tuple(max_version) >= (1, 0))


def destructor(versioned, drop):
    """What frees a capsule that nobody consumed: it calls `drop(managed tensor)`. Capsules need it as long as they
    live, so keep it."""

    def destroy(capsule):
        if _is_valid(capsule, _NAMES[versioned]):
            drop(_pointer(capsule, _NAMES[versioned]))

    return _DESTRUCTOR(destroy)


def capsule(managed, versioned, destroy):
    return _new(managed, _NAMES[versioned], ctypes.cast(destroy, ctypes.c_void_p))


def consume(x, stream):
    """(managed tensor, whether it is versioned) of another library's array, which is the caller's from now on."""
    try:
        given = x.__dlpack__(stream=stream, max_version=(1, 0))
    except TypeError:  # before DLPack 1.0
        given = x.__dlpack__(stream=stream)
    versioned = _is_valid(id(given), _NAMES[1])
    managed = _pointer(id(given), _NAMES[versioned])
    _set_name(given, _USED[versioned])
    return managed, versioned
