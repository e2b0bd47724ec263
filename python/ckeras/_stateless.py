"""Running a stateful function on given variable values and giving back the values it left."""

from ckeras._core.stateless import StatelessScope


def swapped(variables, values, where, collect_losses=False):
    """A `StatelessScope` in which `variables` hold `values`. Raises `ValueError` when the counts differ."""
    variables, values = list(variables), list(values)
    if len(variables) != len(values):
        raise ValueError(f"[{where}] expected {len(variables)} values, one per variable, got {len(values)}")
    return StatelessScope(zip(variables, values), collect_losses=collect_losses)
