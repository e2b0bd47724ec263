"""Devices: this version computes on the processor alone."""

import contextlib
import difflib
import re

from ckeras import _cuda

_KINDS = ("cpu", "gpu", "cuda", "tpu")


@contextlib.contextmanager
def device(device_name):
    """Computes on the named device inside: "cpu" or "cpu:0", the only one of this version.

    Raises `ValueError` for a name that is none, `RuntimeError` for a device that is not there or cannot be used; the
    message says why. `python -m ckeras.device` lists what is there.

    >>> with ckeras.device("cpu:0"):
    ...     x = ckeras.ops.ones((2, 2))
    """
    match = re.fullmatch(r"([a-z]+)(?::(\d+))?", device_name.lower()) if isinstance(device_name, str) else None
    if match is None or match[1] not in _KINDS:
        near = difflib.get_close_matches(str(device_name).split(":")[0].lower(), _KINDS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"[device] expected a name such as 'cpu' or 'cpu:0', got {device_name!r}{hint}")
    kind, index = match[1], int(match[2] or 0)
    if kind != "cpu" or index != 0:
        why = {
            "cpu": lambda: "the processor is one device",
            "tpu": lambda: "ckeras has no kernels for TPUs",
        }.get(kind, lambda: _cuda.look().obstacle(index))()
        raise RuntimeError(f"[device] {device_name!r} cannot be used: {why}. ckeras computes on 'cpu:0' alone")
    yield
