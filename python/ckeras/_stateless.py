"""Running a stateful function on given variable values and giving back the values it left."""

import contextlib


@contextlib.contextmanager
def swapped(variables, values, where):
    """Inside, `variables` hold `values`; afterwards they hold what they held before.

    Raises `ValueError` when the counts differ.
    """
    variables, values = list(variables), list(values)
    if len(variables) != len(values):
        raise ValueError(f"[{where}] expected {len(variables)} values, one per variable, got {len(values)}")
    before = [v.value for v in variables]
    try:
        for v, value in zip(variables, values):
            v.assign(value)
        yield
    finally:
        for v, value in zip(variables, before):
            v.assign(value)
