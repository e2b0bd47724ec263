"""Garbage collection put off while much is made that stays: modules that load, a program that is traced."""

import gc


class put_off:
    """No automatic collection inside the `with`; afterwards it is on again where it was before."""

    def __enter__(self):
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *exc):
        if self._was_on:
            gc.enable()
