"""What of CUDA there is: the driver, its devices, the library of our kernels, and what stands in the way.

Nothing is loaded before somebody asks. `python -m ckeras.device` prints what is found here.
"""

import ctypes
import difflib
import os
import pathlib
import sys
from dataclasses import dataclass

DRIVER = "libcuda.so.1"
LIBRARY = pathlib.Path(__file__).parent / "libckeras_cuda.so"
LEAST_CAPABILITY = (8, 0)
# What the driver of each CUDA release is called by its installers.
DRIVER_OF_CUDA = {12: "525", 13: "580"}

_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_ERRORS = {
    3: "the driver is not initialized",
    34: "this libcuda.so.1 is the toolkit's stub, not a driver",
    100: "the driver sees no device",
    101: "the device's number is invalid",
    304: "the operating system refused a call, perhaps for want of rights to /dev/nvidia*",
    803: "the driver's library and its kernel module are of different versions; restart the machine",
    804: "this driver's forward compatibility does not cover the card",
    999: "the driver reports an unknown error",
}


@dataclass(frozen=True)
class Device:
    name: str
    capability: tuple[int, int]
    memory: int  # bytes

    def obstacle(self):
        """Why our kernels do not run on it, or None."""
        if self.capability >= LEAST_CAPABILITY:
            return None
        return (
            f"{self.name} has compute capability {self.capability[0]}.{self.capability[1]}, "
            f"and the kernels need {LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]} or more"
        )


@dataclass(frozen=True)
class Found:
    driver: tuple[int, int] | None  # the newest CUDA it runs
    devices: tuple[Device, ...]
    driver_problem: str | None
    library: tuple[int, int] | None  # the CUDA it was built with
    library_problem: str | None

    def obstacle(self, index=0):
        """One sentence: why nothing can be computed on the GPU of this number; None where it can."""
        if self.driver_problem:
            return self.driver_problem
        if not 0 <= index < len(self.devices):
            return f"the driver has {len(self.devices)} device(s), numbered from 0"
        if self.devices[index].obstacle():
            return self.devices[index].obstacle()
        if self.library_problem:
            return self.library_problem
        if self.driver[0] < self.library[0]:
            name = DRIVER_OF_CUDA.get(self.library[0])
            return (
                f"the driver runs CUDA {_version(self.driver)} at most and this build needs {_version(self.library)}; "
                f"install driver {name or 'for that release'} or later"
            )
        return None


def _version(pair):
    return f"{pair[0]}.{pair[1]}"


def _pair(number):
    return number // 1000, number % 1000 // 10


def _hidden():
    """What CUDA_VISIBLE_DEVICES says when it hides every device."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None or (value.strip() and value.split(",")[0].strip() != "-1"):
        return None
    return f"CUDA_VISIBLE_DEVICES={value!r} hides every device; unset it, or name devices as in '0,1'"


class _DriverError(Exception):
    pass


def _ask(function, *args):
    code = function(*args)
    if code:
        raise _DriverError(_ERRORS.get(code, f"the driver answers with error {code}"))


def _look_at_driver(path):
    """(version or None, devices, problem or None)."""
    version = None
    try:
        driver = ctypes.CDLL(path)
    except OSError as error:
        if "cannot open shared object file" in str(error):
            return None, (), f"there is no NVIDIA driver: {DRIVER} is not found"
        return None, (), f"{DRIVER} cannot be loaded: {error}"
    try:
        number = ctypes.c_int()
        _ask(driver.cuDriverGetVersion, ctypes.byref(number))
        version = _pair(number.value)
        hidden = _hidden()
        if hidden:
            return version, (), hidden
        _ask(driver.cuInit, 0)
        count = ctypes.c_int()
        _ask(driver.cuDeviceGetCount, ctypes.byref(count))
        devices = tuple(_look_at_device(driver, i) for i in range(count.value))
    except AttributeError as error:
        return version, (), f"{DRIVER} is no NVIDIA driver: {error}"
    except _DriverError as error:
        return version, (), str(error)
    return version, devices, None if devices else _ERRORS[100]


def _look_at_device(driver, index):
    handle = ctypes.c_int()
    _ask(driver.cuDeviceGet, ctypes.byref(handle), index)
    name = ctypes.create_string_buffer(256)
    _ask(driver.cuDeviceGetName, name, 256, handle)
    capability = []
    for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
        value = ctypes.c_int()
        _ask(driver.cuDeviceGetAttribute, ctypes.byref(value), attribute, handle)
        capability.append(value.value)
    memory = ctypes.c_size_t()
    _ask(driver.cuDeviceTotalMem_v2, ctypes.byref(memory), handle)
    return Device(name.value.decode(errors="replace"), tuple(capability), memory.value)


def _look_at_library(path):
    """(CUDA version or None, problem or None)."""
    if not pathlib.Path(path).exists():
        return None, "this build of ckeras has no CUDA library: it was made with CKERAS_CUDA=OFF (docs/cuda.md)"
    try:
        library = ctypes.CDLL(str(path))
        return _pair(library.ckeras_cuda_version()), None
    except (OSError, AttributeError) as error:
        return None, f"the CUDA library cannot be loaded: {error}"


def look(driver=DRIVER, library=LIBRARY):
    """What is there. The library is loaded only when a driver answered."""
    version, devices, problem = _look_at_driver(driver)
    built, library_problem = None, None
    if devices or not pathlib.Path(library).exists():
        built, library_problem = _look_at_library(library)
    return Found(version, devices, problem, built, library_problem)


def wanted():
    """ "cpu" or "gpu": what CKERAS_DEVICE asks for. Raises `ValueError` for anything else."""
    value = os.environ.get("CKERAS_DEVICE") or "cpu"
    if value not in ("cpu", "gpu"):
        near = difflib.get_close_matches(value.lower(), ("cpu", "gpu"), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"CKERAS_DEVICE: expected 'cpu' or 'gpu', got {value!r}{hint}")
    return value


def emulated():
    """The library of kernels that the processor runs as a GPU would, for tests: what CKERAS_CUDA_EMULATED names."""
    return os.environ.get("CKERAS_CUDA_EMULATED")


def settle(driver=DRIVER, library=LIBRARY):
    """What `wanted` gives. Raises `RuntimeError` when that is a device that cannot be had."""
    kind = wanted()
    why = look(driver, library).obstacle() if kind == "gpu" and not emulated() else None
    if why:
        raise RuntimeError(f"CKERAS_DEVICE=gpu: {why}. Unset it to compute on the CPU")
    return kind


def report(found):
    """What was found, what is used, and why, one fact a line."""
    lines = [f"driver   {'CUDA ' + _version(found.driver) if found.driver else 'none'}"]
    for i, device in enumerate(found.devices):
        capability = f"compute capability {_version(device.capability)}"
        lines.append(f"gpu:{i}    {device.name}, {capability}, {device.memory / 2**30:.1f} GiB")
    if not found.devices:
        lines.append("devices  none")
    if found.library:
        lines.append(f"library  CUDA {_version(found.library)}")
    else:
        lines.append(f"library  {'none' if found.library_problem else 'there, not loaded'}")
    obstacle = found.obstacle()
    asked = (os.environ.get("CKERAS_DEVICE") or "cpu") == "gpu"
    lines.append(f"used     {'gpu:0' if asked and not obstacle else 'cpu:0'}")
    why = f"CKERAS_DEVICE is {'gpu' if asked else 'not gpu; ckeras.device(...) chooses gpu:0 in a program'}"
    lines.append(f"why      {obstacle or why}")
    return lines


def main(driver=DRIVER, library=LIBRARY):
    """Writes the report; 1 when CKERAS_DEVICE asks for what there is not."""
    sys.stdout.write("\n".join(report(look(driver, library))) + "\n")
    try:
        settle(driver, library)
    except (ValueError, RuntimeError) as error:
        sys.stdout.write(f"error    {error}\n")
        return 1
    return 0
