"""A CUDA device from Python: arrays and variables' storage on it, and single operations.

The library (csrc/cuda/api.cu) is loaded with ctypes when a `Device` is made. `_core.device` decides what goes where;
programs are `_core.gpu_program`.
"""

import ctypes
import math

import numpy as np

from ckeras import _cuda, _engine
from ckeras._core import dlpack, dtypes
from ckeras._core.errors import from_fault

_MAX_RANK = 12
_FAILED, _BAD_VALUE, _OUT_OF_MEMORY, _INVALID = 1, 2, 3, 4
_ERRORS = {_FAILED: RuntimeError, _OUT_OF_MEMORY: MemoryError, _INVALID: ValueError}
HANDLE, NUMBERS, FLOATS = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_double)
HANDLES = ctypes.POINTER(HANDLE)
_COUNT, _INT = ctypes.c_int64, ctypes.c_int
HOST_CALL = ctypes.CFUNCTYPE(_INT, _COUNT, HANDLES, HANDLES)
# Functions that answer with a status, and those that answer nothing.
_ASKED = {
    "device_open": (_INT, HANDLES),
    "device_memory": (HANDLE, NUMBERS),
    "device_release": (HANDLE,),
    "device_wait": (HANDLE,),
    "device_stream": (HANDLE, HANDLES),
    "array_put": (HANDLE, HANDLE, NUMBERS, _COUNT, ctypes.c_char_p, HANDLES),
    "array_fetch": (HANDLE, HANDLE, HANDLE),
    "array_view": (HANDLE, _COUNT, NUMBERS, _COUNT, HANDLES),
    "array_export": (HANDLE, HANDLE, _INT, HANDLES),
    "array_import": (HANDLE, HANDLE, _INT, HANDLES),
    "op_run": (HANDLE, _INT, HANDLES, _COUNT, NUMBERS, _COUNT, _COUNT, NUMBERS, _COUNT, FLOATS, _COUNT, HANDLES),
    "cell_make": (HANDLE, HANDLES),
    "cell_get": (HANDLE, HANDLES),
    "cell_set": (HANDLE, HANDLE, HANDLE),
    "program_make": (HANDLE, NUMBERS, _COUNT, FLOATS, _COUNT, HANDLES, _COUNT, HANDLES, _COUNT, HOST_CALL, HANDLES),
    "program_run": (HANDLE, HANDLES, HANDLES, NUMBERS, _COUNT, _COUNT, HANDLES),
    "program_run_steps": (HANDLE, HANDLES, HANDLES, NUMBERS, _COUNT, _COUNT, HANDLE, NUMBERS)
    + (ctypes.c_double, NUMBERS, HANDLES),
    "program_check": (HANDLE,),
}
_TOLD = {
    "met": (NUMBERS,),
    "device_drop": (HANDLE,),
    "device_reset_peak": (HANDLE,),
    "array_type": (HANDLE, NUMBERS),
    "array_drop": (HANDLE,),
    "export_drop": (HANDLE, _INT),
    "cell_drop": (HANDLE,),
    "program_drop": (HANDLE,),
}


class _Library:
    def __init__(self, path):
        self._functions = library = ctypes.CDLL(str(path))
        library.ckeras_message.restype = ctypes.c_char_p
        for names, result in ((_ASKED, _INT), (_TOLD, None)):
            for name, types in names.items():
                function = getattr(library, f"ckeras_{name}")
                function.argtypes, function.restype = types, result
        library.ckeras_program_is_graph.argtypes = (HANDLE,)
        self.emulated = bool(library.ckeras_emulated())

    def ask(self, name, *args):
        status = getattr(self._functions, f"ckeras_{name}")(*args)
        if not status:
            return
        message = self._functions.ckeras_message().decode(errors="replace")
        if status == _BAD_VALUE:
            met = (_COUNT * 2)()
            self.tell("met", met)
            raise from_fault(_engine.Fault(message, 1, met[0], met[1]))
        raise _ERRORS[status](message)

    def tell(self, name, *args):
        return getattr(self._functions, f"ckeras_{name}")(*args)

    def make(self, name, *args):
        """The handle that a function gives by its last argument."""
        handle = HANDLE()
        self.ask(name, *args, ctypes.byref(handle))
        return handle.value


class Held:
    """A handle that is dropped with its last reference; `device` lives as long."""

    __slots__ = ("device", "handle")
    drop = None  # the function's name

    def __init__(self, device, handle):
        self.device, self.handle = device, handle

    def __del__(self):
        if hasattr(self, "handle"):
            self.device.library.tell(self.drop, self.handle)


class Device:
    """GPU number `index`. `library` is the path of another build of the kernels."""

    def __init__(self, index=0, library=_cuda.LIBRARY):
        self.library = _Library(library)
        self.index, self.name = index, f"gpu:{index}"
        self.handle = self.library.make("device_open", index)
        self._destroy = [dlpack.destructor(v, lambda p, v=v: self.library.tell("export_drop", p, v)) for v in (0, 1)]
        self._small = {}  # id of a small array of the host -> (it, its copy here)

    def __del__(self):
        if hasattr(self, "handle"):
            self._small.clear()
            self.library.tell("device_drop", self.handle)

    def __repr__(self):
        return f"<device {self.name}>"

    def put(self, values, name="an array"):
        """A copy of a NumPy array. Raises `MemoryError`, which names it, when the device has no room."""
        values = np.ascontiguousarray(values).reshape(np.shape(values))
        type_ = _type(dtypes.standardize(values.dtype), values.shape)
        data = values.ctypes.data
        return Array(self, self.library.make("array_put", self.handle, data, *counted(type_), name.encode()))

    def array(self, array):
        """An array of the engine, or of any device, on this one. Small ones are copied once."""
        if array.__class__ is Array:
            return array if array.device is self else self.put(array.numpy())
        found = self._small.get(id(array))
        if found is not None:
            return found[1]
        made = self.put(host_values(array))
        if array.nbytes <= 4096:
            if len(self._small) >= 4096:
                self._small.clear()
            self._small[id(array)] = array, made
        return made

    def from_dlpack(self, x):
        """An array that shares the memory of another library's array on this device."""
        managed, versioned = dlpack.consume(x, None if self.library.emulated else self.stream())
        return Array(self, self.library.make("array_import", self.handle, managed, versioned))

    def run(self, op_id, arrays, specs, ints, floats):
        """One operation on arrays of this device: a tuple of new ones, of the `(shape, dtype code)`s `specs`."""
        types = []
        for shape, code in specs:
            types += (code, len(shape), *shape)
        outputs = (HANDLE * len(specs))()
        args = handles(arrays), len(arrays), *counted(types), len(specs), *counted(ints)
        self.library.ask("op_run", self.handle, op_id, *args, *counted(floats, ctypes.c_double), outputs)
        return tuple([Array(self, handle) for handle in outputs])

    def memory(self):
        """Bytes `in_use` by arrays and programs, the `peak` of that, and `reserved` from the driver."""
        numbers = (_COUNT * 3)()
        self.library.ask("device_memory", self.handle, numbers)
        return dict(zip(("in_use", "peak", "reserved"), numbers))

    def reset_peak(self):
        """Sets the peak to the bytes in use now."""
        self.library.tell("device_reset_peak", self.handle)

    def release(self):
        """Gives memory that is kept but not in use back to the driver."""
        self._small.clear()
        self.library.ask("device_release", self.handle)

    def wait(self):
        """Until all work that was queued is done."""
        self.library.ask("device_wait", self.handle)

    def stream(self):
        """The address of the CUDA stream that work is queued on."""
        return self.library.make("device_stream", self.handle) or 0


class Array(Held):
    """An array on a device, with the methods of the engine's."""

    __slots__ = ("dtype", "shape")
    drop = "array_drop"

    def __init__(self, device, handle):
        super().__init__(device, handle)
        type_ = (_COUNT * (2 + _MAX_RANK))()
        device.library.tell("array_type", handle, type_)
        self.dtype, self.shape = dtypes.NAMES[type_[0]], tuple(type_[2 : 2 + type_[1]])

    @property
    def nbytes(self):
        return math.prod(self.shape) * dtypes.SIZES[self.dtype]

    def numpy(self):
        """Its elements; waits for the work that makes them."""
        values = np.empty(self.shape, dtypes.numpy_dtype(self.dtype))
        self.device.library.ask("array_fetch", self.device.handle, self.handle, values.ctypes.data)
        values.flags.writeable = False
        return values

    def _view(self, offset, shape):
        made = self.device.library.make("array_view", self.handle, offset, *counted(_type(self.dtype, shape)))
        return Array(self.device, made)

    def reshape(self, shape):
        """The same elements in another shape; shares the memory."""
        return self._view(0, shape)

    def slice0(self, start, stop):
        """Elements start to stop of the first axis; shares the memory."""
        row = math.prod(self.shape[1:]) * dtypes.SIZES[self.dtype]
        return self._view(start * row, (stop - start, *self.shape[1:]))

    def __dlpack__(self, stream=None, max_version=None, dl_device=None, copy=None):
        """A capsule that shares the memory, marked read only; a copy for who knows no such mark (before DLPack 1.0).
        All work on the array is done by then, so that any `stream` may read it."""
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            raise BufferError(f"the tensor lives on {self.device.name}; x.numpy() gives its values on the processor")
        if copy:
            return self.device.put(self.numpy()).__dlpack__(max_version=max_version)
        versioned = dlpack.is_versioned(max_version)
        managed = self.device.library.make("array_export", self.device.handle, self.handle, versioned)
        return dlpack.capsule(managed, versioned, self.device._destroy[versioned])

    def __dlpack_device__(self):
        return (dlpack.CPU if self.device.library.emulated else dlpack.CUDA), self.device.index


class Cell(Held):
    """A variable's storage on a device."""

    __slots__ = ()
    drop = "cell_drop"

    def __init__(self, array):
        super().__init__(array.device, array.device.library.make("cell_make", array.handle))

    def get(self):
        """The array that it holds now; the next write makes another one while somebody holds it."""
        return Array(self.device, self.device.library.make("cell_get", self.handle))

    def set(self, array):
        """Copies the elements of another array of the same shape and dtype: True."""
        self.device.library.ask("cell_set", self.device.handle, self.handle, self.device.array(array).handle)
        return True


def host_values(array):
    """The elements of an array of the engine."""
    code = array.dtype
    return array.numpy(dtypes.numpy_dtype("bfloat16")) if dtypes.NAMES[code] == "bfloat16" else array.numpy()


def _type(dtype, shape):
    return [dtypes.code(dtype), len(shape), *shape]


def counted(values, kind=ctypes.c_int64):
    """Numbers as the library takes them: their place, and how many."""
    return (kind * len(values))(*values), len(values)


def handles(held):
    return (HANDLE * len(held))(*[x.handle for x in held])
