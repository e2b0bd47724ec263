"""Devices: where tensors and variables live, and where operations and programs run.

Nothing here happens before a GPU is asked for: then `_install` puts the functions below in the places where the core
makes arrays, runs operations and makes programs.
"""

import contextlib
import difflib
import re
import threading

from ckeras import _cuda, _engine
from ckeras._core import dlpack, gpu, gpu_program, hooks, primitive, program, tensor, variable
from ckeras._core.scope import State, on_host, state

_KINDS = ("cpu", "gpu", "cuda", "tpu")
HOST = "cpu"  # what `state.device` is where the processor was asked for
_devices = {}  # index -> Device

_run_on_host, _array_on_host = _engine.run, _engine.Array.from_numpy


@contextlib.contextmanager
def device(device_name):
    """Computes on the named device inside: "cpu", or "gpu:0", "gpu:1"... (also written "cuda:0").

    What is made inside lives there: tensors, variables, and the programs of models and functions, which take their
    variables along. Outside of any such block an operation runs where an operand lives that is on a GPU, else on the
    device that the environment variable CKERAS_DEVICE names, `cpu` or `gpu`. What lies elsewhere is copied.
    Linear algebra beyond products (`ops.svd`, `ops.solve`...) is computed by NumPy on the processor everywhere.
    Raises `ValueError` for a name that is none, `RuntimeError` for a device that is not there or cannot be used; the
    message says why. `python -m ckeras.device` lists what is there.

    >>> with ckeras.device("cpu:0"):
    ...     x = ckeras.ops.ones((2, 2))
    """
    place = find(device_name)
    saved, state.device = state.device, place
    _ask_for_gpu(place is not HOST)
    try:
        yield
    finally:
        state.device = saved
        _ask_for_gpu(-(place is not HOST))


def find(device_name):
    """`HOST`, or the open `Device` of a name."""
    match = re.fullmatch(r"([a-z]+)(?::(\d+))?", device_name.lower()) if isinstance(device_name, str) else None
    if match is None or match[1] not in _KINDS:
        near = difflib.get_close_matches(str(device_name).split(":")[0].lower(), _KINDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"[device] expected a name such as 'cpu' or 'gpu:0', got {device_name!r}{hint}")
    kind, index = match[1], int(match[2] or 0)
    if kind == "cpu" and index == 0:
        return HOST
    if kind in ("cpu", "tpu"):
        why = "the processor is one device" if kind == "cpu" else "ckeras has no kernels for TPUs"
        raise RuntimeError(f"[device] {device_name!r} cannot be used: {why}. 'cpu:0' can")
    if index not in _devices:
        library = _cuda.emulated()
        why = None if library else _cuda.look().obstacle(index)
        if why is None:
            try:
                _devices[index] = gpu.Device(index, library or _cuda.LIBRARY)
            except RuntimeError as e:
                why = str(e)
        if why is not None:
            raise RuntimeError(f"[device] {device_name!r} cannot be used: {why}. 'cpu:0' can")
        _install()
    return _devices[index]


def compute_on_gpu():
    """Makes the first GPU the device of every thread that asks for none."""
    State.device = find("gpu:0")
    _ask_for_gpu(1)


def opened():
    """The GPUs in use."""
    return list(_devices.values())


# ---- what `_install` puts in place


def _place_of(arrays):
    """The GPU of an operation on these arrays, or `None`. Constants of a trace stay where their operands are."""
    asked = state.device
    if asked is HOST:
        return None
    if asked is not None and state.trace is None:
        return asked
    return next((a.device for a in arrays if a.__class__ is gpu.Array), None)


def _on_host(array):
    return _array_on_host(array.numpy(), False) if array.__class__ is gpu.Array else array


def _run(op_id, arrays, specs, ints, floats):
    place = _place_of(arrays)
    if place is None:
        return _run_on_host(op_id, tuple([_on_host(a) for a in arrays]), specs, ints, floats)
    return place.run(op_id, [place.array(a) for a in arrays], specs, ints, floats)


def _array_of(values, copy=True):
    place = _place_of(())
    return _array_on_host(values, copy) if place is None else place.put(values)


def _cell_of(array):
    place = _place_of((array,))
    return _engine.Cell(_on_host(array)) if place is None else gpu.Cell(place.array(array))


def _placed(args, outs):
    """Results that NumPy computed of these tensors, where those live."""
    place = _place_of([a._array for a in args])
    if place is not None:
        for t in outs:
            t._array = place.array(t._array)
    return outs


def _assign(v, value):
    """Assigns a tensor that lives elsewhere."""
    v._cell.set(_on_host(value._array))


def _home_of(compiled):
    """The device that a program runs on: what was asked for, or where its variables and constants live."""
    if state.device is not None:
        return state.device
    held = [v._cell for v in compiled.variables] + [t._array for t in compiled._plan.constants]
    return next((x.device for x in held if isinstance(x, gpu.Held)), HOST)


def _make_program(compiled, home=None):
    home = compiled.home = home or _home_of(compiled)
    with on_host():
        for v in compiled.variables:
            _move(v, home)
        if home is HOST:
            _constants_to_host(compiled._plan)
            return program.engine_program(compiled)
    return gpu_program.Program(home, compiled._plan, [v._cell for v in compiled.variables])


def _constants_to_host(plan):
    for t in plan.constants:
        t._array = _on_host(t._array)
    for block in plan.blocks:
        _constants_to_host(block)


def _move(v, home):
    """Moves a variable; the programs that use it are made anew when they run next."""
    cell = v._cell
    if (cell.device if isinstance(cell, gpu.Cell) else HOST) is home:
        return
    array = cell.get()
    v._tensor = None
    v._cell = _engine.Cell(_on_host(array)) if home is HOST else gpu.Cell(home.put(_on_host(array).numpy(), v.path))
    for compiled in list(program.programs):
        if any(v is own for own in compiled.variables):
            compiled._program = None


def _before_run(compiled, arrays):
    """Called before a program runs on these arrays: it runs where it was asked to, or where its operands are."""
    home = state.device
    if home is None:
        home = getattr(compiled, "home", HOST)
        if home is HOST:
            home = next((a.device for a in arrays if a.__class__ is gpu.Array), HOST)
    if compiled._program is None or home is not getattr(compiled, "home", HOST):
        compiled._program = _make_program(compiled, home)
    return [_on_host(a) for a in arrays] if home is HOST else arrays


def _import(x):
    """A tensor that shares the memory of another library's array on an open GPU; `None` for any other."""
    kind, index = x.__dlpack_device__()
    place = _devices.get(index)
    if kind != dlpack.CUDA or place is None:
        return None
    array = place.from_dlpack(x)
    return tensor.Tensor(array, array.shape, array.dtype)


def _free_memory():
    for place in _devices.values():
        place.release()


class _Never:
    """What no tensor is."""

    __slots__ = ("_array", "_repeats", "dtype", "shape")


_asking, _asking_lock = 0, threading.Lock()  # how many ask for a GPU at present


def _ask_for_gpu(more):
    """The engine's short ways compute on the processor: they are off as long as anybody asks for a GPU."""
    global _asking
    if more:
        with _asking_lock:
            _asking += more
            _engine.set_tensors(_Never if _asking else tensor.Tensor, variable.Variable, state)


def _install():
    primitive._run = _run
    tensor.make_array = _array_of
    variable.make_cell = _cell_of
    program.make_program, program.before_run = _make_program, _before_run
    hooks.placed, hooks.assign_elsewhere, hooks.free_memory, hooks.from_dlpack = _placed, _assign, _free_memory, _import
