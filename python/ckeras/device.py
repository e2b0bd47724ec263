"""`python -m ckeras.device` says which devices were found, which is used, and why.

The name is also the function `ckeras.device`: imported as a module, it still can be called as that.
"""

import sys
import types

from ckeras import _cuda

if __name__ == "__main__":
    sys.exit(_cuda.main())

from ckeras._core.device import device


class _Callable(types.ModuleType):
    def __call__(self, device_name):
        return device(device_name)


sys.modules[__name__].__class__ = _Callable
