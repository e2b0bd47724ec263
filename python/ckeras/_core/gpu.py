"""A CUDA device from Python: arrays and variables on it, and traced programs that run there.

The library (csrc/cuda/api.cu) is loaded with ctypes when a `Device` is made. Nothing of the public API comes here yet:
`ckeras.device("gpu:0")` says why (`ckeras._cuda`).
"""

import ctypes
import weakref

import numpy as np

from ckeras import _cuda
from ckeras._core import dtypes
from ckeras._core.errors import DataError

_MAX_RANK = 12
_FAILED, _BAD_VALUE, _OUT_OF_MEMORY, _INVALID = 1, 2, 3, 4
_ERRORS = {_FAILED: RuntimeError, _BAD_VALUE: DataError, _OUT_OF_MEMORY: MemoryError, _INVALID: ValueError}
_HANDLE, _NUMBERS = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)
_HANDLES = ctypes.POINTER(_HANDLE)
# Functions that answer with a status, and those that answer nothing.
_ASKED = {
    "device_open": (ctypes.c_int, _HANDLES),
    "device_memory": (_HANDLE, _NUMBERS),
    "device_release": (_HANDLE,),
    "array_put": (_HANDLE, _HANDLE, _NUMBERS, ctypes.c_int64, ctypes.c_char_p, _HANDLES),
    "array_fetch": (_HANDLE, _HANDLE, _HANDLE),
    "cell_make": (_HANDLE, _HANDLES),
    "cell_get": (_HANDLE, _HANDLES),
    "program_make": (_HANDLE, _NUMBERS, ctypes.c_int64, ctypes.POINTER(ctypes.c_double), ctypes.c_int64)
    + (_HANDLES, ctypes.c_int64) * 2
    + (_HANDLES,),
    "program_run": (_HANDLE, _HANDLES, ctypes.c_int64, _HANDLES),
    "program_check": (_HANDLE,),
}
_TOLD = {
    "device_drop": (_HANDLE,),
    "array_type": (_HANDLE, _NUMBERS),
    "array_drop": (_HANDLE,),
    "cell_set": (_HANDLE, _HANDLE),
    "cell_drop": (_HANDLE,),
    "program_drop": (_HANDLE,),
}


class _Library:
    def __init__(self, path):
        self._functions = library = ctypes.CDLL(str(path))
        library.ckeras_message.restype = ctypes.c_char_p
        for names, result in ((_ASKED, ctypes.c_int), (_TOLD, None)):
            for name, types in names.items():
                function = getattr(library, f"ckeras_{name}")
                function.argtypes, function.restype = types, result

    def ask(self, name, *args):
        status = getattr(self._functions, f"ckeras_{name}")(*args)
        if status:
            raise _ERRORS[status](self._functions.ckeras_message().decode(errors="replace"))

    def tell(self, name, *args):
        getattr(self._functions, f"ckeras_{name}")(*args)

    def make(self, name, *args):
        """The handle that a function gives by its last argument."""
        handle = _HANDLE()
        self.ask(name, *args, ctypes.byref(handle))
        return handle.value


class _Held:
    """A handle that is dropped with its last reference; `device` lives as long."""

    def __init__(self, device, handle, drop):
        self.device, self.handle = device, handle
        weakref.finalize(self, device.library.tell, drop, handle)


class Device:
    """GPU number `index`. `library` is the path of another build of the kernels."""

    def __init__(self, index=0, library=_cuda.LIBRARY):
        self.library = _Library(library)
        self.handle = self.library.make("device_open", index)
        weakref.finalize(self, self.library.tell, "device_drop", self.handle)

    def put(self, values, name="an array"):
        """A copy of a NumPy array. Raises `MemoryError`, which names it, when the device has no room."""
        values = np.ascontiguousarray(values)
        type_ = [dtypes.code(dtypes.standardize(values.dtype)), values.ndim, *values.shape]
        data = values.ctypes.data
        return Array(
            self, self.library.make("array_put", self.handle, data, _numbers(type_), len(type_), name.encode())
        )

    def memory(self):
        """Bytes `in_use` by arrays and programs, the `peak` of that, and `reserved` from the driver."""
        numbers = (ctypes.c_int64 * 3)()
        self.library.ask("device_memory", self.handle, numbers)
        return dict(zip(("in_use", "peak", "reserved"), numbers))

    def release(self):
        """Gives memory that is kept but not in use back to the driver."""
        self.library.ask("device_release", self.handle)


class Array(_Held):
    """An array on a device."""

    def __init__(self, device, handle):
        super().__init__(device, handle, "array_drop")
        type_ = (ctypes.c_int64 * (2 + _MAX_RANK))()
        device.library.tell("array_type", handle, type_)
        self.dtype, self.shape = dtypes.NAMES[type_[0]], tuple(type_[2 : 2 + type_[1]])

    def numpy(self):
        """Its elements; waits for the work that makes them."""
        values = np.empty(self.shape, dtypes.numpy_dtype(self.dtype))
        self.device.library.ask("array_fetch", self.device.handle, self.handle, values.ctypes.data)
        return values


class Cell(_Held):
    """A variable's storage on a device."""

    def __init__(self, array):
        super().__init__(array.device, array.device.library.make("cell_make", array.handle), "cell_drop")

    def get(self):
        """The array that it holds now: programs may write it in place."""
        return Array(self.device, self.device.library.make("cell_get", self.handle))

    def set(self, array):
        """Holds another array of the same shape and dtype."""
        self.device.library.tell("cell_set", self.handle, array.handle)


class Program(_Held):
    """A `CompiledProgram` on a device; `cells` are those of its `variables`, in their order.

    Raises `ValueError` for what has no kernel on a device yet, by name.
    """

    def __init__(self, device, compiled, cells):
        plan = compiled._plan
        self.n_outputs = len(plan.outputs)
        numbers, floats = encode(plan)
        constants = [device.put(t.numpy(), "a constant") for t in plan.constants]
        handle = device.library.make(
            "program_make",
            device.handle,
            _numbers(numbers),
            len(numbers),
            (ctypes.c_double * len(floats))(*floats),
            len(floats),
            _handles(constants),
            len(constants),
            _handles(cells),
            len(cells),
        )
        super().__init__(device, handle, "program_drop")

    def run(self, inputs):
        """Queues a run on `Array`s; gives the arrays of its results, which may not be done yet."""
        outputs = (_HANDLE * self.n_outputs)()
        self.device.library.ask("program_run", self.handle, _handles(inputs), len(inputs), outputs)
        return [Array(self.device, handle) for handle in outputs]

    def check(self):
        """Waits for the last run. Raises `DataError` when a kernel met a bad value: then no variable has changed."""
        self.device.library.ask("program_check", self.handle)


def encode(plan):
    """The numbers, and the floats, that csrc/cuda/api.cu reads a plan from."""
    numbers, floats = [len(plan.slots)], []

    def add(values):
        numbers.append(len(values))
        numbers.extend(int(x) for x in values)

    for kind, ref, code, shape in plan.slots:
        numbers.extend((kind, ref, code))
        add(shape)
    numbers.append(len(plan.instructions))
    for op, inputs, outputs, ints, reals in plan.instructions:
        numbers.append(op)
        for values in (inputs, outputs, ints):
            add(values)
        numbers.append(len(reals))
        floats.extend(reals)
    numbers.append(len(plan.writes))
    for cell, slot in plan.writes:
        numbers.extend((cell, slot))
    add(plan.outputs)
    numbers.append(plan.arena_bytes)
    return numbers, floats


def _numbers(values):
    return (ctypes.c_int64 * len(values))(*values)


def _handles(held):
    return (_HANDLE * len(held))(*(x.handle for x in held))
