"""What devices there are, and how much of their memory is in use."""

from ckeras import _cuda, _engine
from ckeras._core import device as _device
from ckeras._core.scope import state

__all__ = ["list_devices", "memory_info", "reset_peak_memory"]


def list_devices():
    """The names of the devices that `ckeras.device` takes here: "cpu:0", and "gpu:0"... that can be used.

    >>> ckeras.utils.list_devices()[0]
    'cpu:0'
    """
    if _cuda.emulated():
        return ["cpu:0", "gpu:0"]
    found = _cuda.look()
    return ["cpu:0", *[f"gpu:{i}" for i in range(len(found.devices)) if found.obstacle(i) is None]]


def memory_info(device_name=None):
    """Bytes of a device's memory: a dict of `in_use` (by arrays and programs), `peak` (the most of that) and `reserved`
    (taken from the system or the driver, in use or kept for later).

    `device_name`: as `ckeras.device` takes it; `None` for the one that is computed on now. Raises what `device` raises.

    >>> sorted(ckeras.utils.memory_info("cpu:0"))
    ['in_use', 'peak', 'reserved']
    """
    place = _find(device_name)
    if place is not _device.HOST:
        return place.memory()
    found = _engine.memory()
    return {"in_use": found["in_use"], "peak": found["peak"], "reserved": found["in_use"] + found["cached"]}


def reset_peak_memory(device_name=None):
    """Makes the `peak` that `memory_info` gives the bytes in use now."""
    place = _find(device_name)
    if place is _device.HOST:
        _engine.reset_peak()
    else:
        place.reset_peak()


def _find(device_name):
    return state.device or _device.HOST if device_name is None else _device.find(device_name)
