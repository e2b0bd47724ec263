"""InputSpec: what a layer asks of its inputs, and the check."""

from ckeras._core import dtypes, nest
from ckeras._core.tensor import Tensor


class InputSpec:
    """Rank, shape and dtype that an input must have; `None` asks nothing.

    `axes` maps an axis to the size it must have. `allow_last_axis_squeeze` lets a last axis of size 1 be missing.

    >>> ckeras.InputSpec(ndim=2, axes={-1: 8})
    InputSpec(ndim=2, axes={-1: 8})
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = dtypes.standardize(dtype) if dtype is not None else None
        self.shape = tuple(shape) if shape is not None else None
        self.ndim = len(self.shape) if shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        rank = self.ndim if self.ndim is not None else self.max_ndim
        if rank is not None and any(k >= rank for k in self.axes):
            raise ValueError(f"[InputSpec] axis {max(self.axes)} is out of range for rank {rank}")

    def __repr__(self):
        fields = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return f"InputSpec({', '.join(f'{k}={getattr(self, k)}' for k in fields if getattr(self, k))})"

    def get_config(self):
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "name": self.name,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class HasInputSpec:
    """Base of layers: `input_spec`, an attribute that a subclass may make a property of its own."""

    _input_spec = None

    @property
    def input_spec(self):
        """What inputs must be: an `InputSpec`, a structure of them, or `None`. Setting another raises `TypeError`."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        for spec in nest.leaves(value) if value is not None else ():
            if not isinstance(spec, InputSpec):
                raise TypeError(
                    f"[{type(self).__name__}.input_spec] expected an InputSpec or a structure of them, got {spec!r}; "
                    "write InputSpec(shape=...) or InputSpec(ndim=...)"
                )
        self._input_spec = value


def check_inputs(spec, inputs, layer):
    """Raises `ValueError` naming the layer where `inputs` are not what `spec` (one, or a structure of them) asks."""
    if spec.__class__ is InputSpec:
        if inputs.__class__ is Tensor and not _mismatch(spec, inputs.shape, inputs.dtype):
            return
        specs = (spec,)
        inputs = (inputs,) if not nest.is_nested(inputs) else nest.leaves_with_none(inputs)
    else:
        specs = nest.leaves(spec)
        if isinstance(inputs, dict) and all(isinstance(s, InputSpec) and s.name in inputs for s in specs):
            inputs = [inputs[s.name] for s in specs]
        else:
            inputs = nest.leaves_with_none(inputs)
    if len(inputs) != len(specs):
        raise ValueError(f"Layer '{layer.name}' expected {len(specs)} input(s), got {len(inputs)}")
    for i, (x, s) in enumerate(zip(inputs, specs)):
        if s is None or (x is None and s.optional):
            continue
        shape = getattr(x, "shape", None)
        if shape is None:
            raise ValueError(
                f"Input {i} of layer '{layer.name}' must be a tensor, got {x!r} of type {type(x).__name__}"
            )
        wrong = _mismatch(s, tuple(shape), x.dtype)
        if wrong:
            name = getattr(x, "name", None)
            raise ValueError(
                f"Input {i}{f' ({name!r})' if name else ''} of layer '{layer.name}' ({type(layer).__name__}) is "
                f"incompatible with the layer: {wrong}. Full shape received: {tuple(shape)}"
                f"{_advice(s.ndim, len(shape))}"
            )


_AXES = {3: "(batch, steps, features)", 4: "(batch, height, width, channels)"}


def _advice(wanted, rank):
    """What to write, where the rank is that of sequences or images and one is missing."""
    if wanted not in _AXES or rank != wanted - 1:
        return ""
    return (
        f". The layer takes {_AXES[wanted]}; a last axis of one is added by x[..., None], and declared by "
        f"Input({'(steps, 1)' if wanted == 3 else '(height, width, 1)'})"
    )


def _mismatch(s, shape, dtype):
    """What is wrong, as `expected ..., found ...`; empty when all fits."""
    rank = len(shape)
    if s.ndim is not None and not s.allow_last_axis_squeeze and rank != s.ndim:
        return f"expected ndim={s.ndim}, found ndim={rank}"
    if s.max_ndim is not None and rank > s.max_ndim:
        return f"expected max_ndim={s.max_ndim}, found ndim={rank}"
    if s.min_ndim is not None and rank < s.min_ndim:
        return f"expected min_ndim={s.min_ndim}, found ndim={rank}"
    if s.dtype is not None and str(dtype) != s.dtype:
        return f"expected dtype={s.dtype}, found dtype={dtype}"
    for axis, size in s.axes.items():
        if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
            return f"expected axis {axis} to have size {size}, found {shape[axis]}"
    if s.shape is not None:
        want, got = s.shape, shape
        if s.allow_last_axis_squeeze:
            want = want[:-1] if want and want[-1] == 1 else want
            got = got[:-1] if got and got[-1] == 1 else got
        if len(want) != len(got) or any(a is not None and b is not None and a != b for a, b in zip(want, got)):
            return f"expected shape={s.shape}, found shape={shape}"
    return ""
