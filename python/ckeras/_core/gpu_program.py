"""Programs on a CUDA device: a plan as the numbers that the library takes, and its runs."""

import ctypes

import numpy as np

from ckeras import _engine
from ckeras._core import dtypes, gpu
from ckeras._core.scope import state

_HOST_OP = -2


class Program(gpu.Held):
    """The plan of a `CompiledProgram` on a device, with the methods of `_engine.Program`.

    `cells` are those of its variables, in their order. Raises `ValueError`, by name, for what has no kernel there.
    """

    __slots__ = ("_call", "_failed", "_hosts", "n_outputs")
    drop = "program_drop"

    def __init__(self, device, plan, cells):
        self.n_outputs = len(plan.outputs)
        self._hosts, self._failed = [], None
        numbers, floats, constants = [], [], []
        _encode(plan, numbers, floats, constants, self._hosts)
        constants = [device.array(t._array) for t in constants]
        self._call = gpu.HOST_CALL(self._call_host) if self._hosts else gpu.HOST_CALL()
        handle = device.library.make(
            "program_make",
            device.handle,
            *gpu.counted(numbers),
            *gpu.counted(floats, ctypes.c_double),
            gpu.handles(constants),
            len(constants),
            gpu.handles(cells),
            len(cells),
            self._call,
        )
        super().__init__(device, handle)

    def run(self, inputs):
        """The results for arrays of the engine or of devices. They may not be done yet."""
        outputs = (gpu.HANDLE * self.n_outputs)()
        *given, kept = self._inputs(inputs)
        self._ask("program_run", self.handle, *given, outputs)
        del kept
        return [gpu.Array(self.device, handle) for handle in outputs]

    def run_steps(self, data, order, batch, first, steps, seconds):
        """As `_engine.Program.run_steps`. Data of the host is copied batch by batch, beside the running step."""
        outputs, done = (gpu.HANDLE * self.n_outputs)(), ctypes.c_int64()
        *given, kept = self._inputs(data)
        rows = np.ascontiguousarray(order, "int64")
        numbers = (ctypes.c_int64 * 4)(batch, first, steps, rows.size)
        args = rows.ctypes.data, numbers, seconds, ctypes.byref(done), outputs
        self._ask("program_run_steps", self.handle, *given, *args)
        del kept
        return done.value, [gpu.Array(self.device, handle) for handle in outputs] if done.value else []

    def check(self):
        """Waits for the last run. Raises `DataError` when a kernel met a bad value: then no variable has changed."""
        self.device.library.ask("program_check", self.handle)

    @property
    def is_graph(self):
        """Whether its runs are launches of a graph: from the second on, where nothing needs the host."""
        return bool(self.device.library.tell("program_is_graph", self.handle))

    def _ask(self, *args):
        try:
            self.device.library.ask(*args)
        except RuntimeError:
            if self._failed is not None:
                failed, self._failed = self._failed, None
                raise failed from None
            raise

    def _inputs(self, arrays):
        """Handles, addresses on the host, types, how many; and what must live as long."""
        known, addresses, types, kept = [], [], [], []
        for a in arrays:
            if a.__class__ is gpu.Array:
                kept.append(self.device.array(a))
                known.append(kept[-1].handle)
                addresses.append(None)
            else:
                kept.append(a.numpy())
                known.append(None)
                addresses.append(kept[-1].__array_interface__["data"][0])
                types += (a.dtype, len(a.shape), *a.shape)
        n = len(arrays)
        return (gpu.HANDLE * n)(*known), (gpu.HANDLE * n)(*addresses), *gpu.counted(types), n, kept

    def _call_host(self, number, inputs, outputs):
        """Calls a function of the host on copies; 1 when it raised."""
        function, takes, gives = self._hosts[number]
        saved, state.device = state.device, "cpu"
        try:
            arrays = [_engine.Array.from_numpy(_values(inputs[i], *type_)) for i, type_ in enumerate(takes)]
            for i, (array, (code, shape)) in enumerate(zip(function(*arrays), gives, strict=True)):
                if (array.dtype, array.shape) != (code, tuple(shape)):
                    raise RuntimeError(f"a function of the host gave {array.shape} where {shape} was expected")
                if array.nbytes:
                    ctypes.memmove(outputs[i], array.numpy().ctypes.data, array.nbytes)
        except BaseException as e:
            self._failed = e
            return 1
        finally:
            state.device = saved
        return 0


def _values(address, code, shape):
    values = np.empty(shape, dtypes.numpy_dtype(dtypes.NAMES[code]))
    if values.nbytes:
        ctypes.memmove(values.ctypes.data, address, values.nbytes)
    return values


def _encode(plan, numbers, floats, constants, hosts):
    """Appends what csrc/cuda/api.cu reads a plan from, its parts of control flow after it."""

    def add(values):
        numbers.append(len(values))
        numbers.extend(int(x) for x in values)

    constants += plan.constants
    numbers += (len(plan.constants), len(plan.slots))
    for kind, ref, code, shape in plan.slots:
        numbers.extend((kind, ref, code))
        add(shape)
    first_host = len(hosts)
    hosts += [(function, [], []) for _, function in plan.hosts]
    numbers.append(len(plan.instructions))
    for op, inputs, outputs, ints, reals in plan.instructions:
        if op == _HOST_OP:
            ints = (first_host + ints[0],)
            _, takes, gives = hosts[ints[0]]
            takes[:] = [plan.slots[s][2:] for s in inputs]
            gives[:] = [plan.slots[s][2:] for s in outputs]
        numbers.append(op)
        for values in (inputs, outputs, ints):
            add(values)
        numbers.append(len(reals))
        floats.extend(reals)
    numbers.append(len(plan.writes))
    for cell, slot in plan.writes:
        numbers.extend((cell, slot))
    add(plan.outputs)
    numbers += (plan.arena_bytes, len(plan.blocks))
    for block in plan.blocks:
        _encode(block, numbers, floats, constants, hosts)
