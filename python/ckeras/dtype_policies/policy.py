"""`DTypePolicy`: the dtype a layer computes in and the dtype of its variables."""

from ckeras import ops
from ckeras._core import dtypes

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """`compute_dtype` and `variable_dtype` of a layer, by name.

    A dtype's name (`"float32"`, `"bfloat16"`...) is both; `"mixed_float16"` and `"mixed_bfloat16"` compute in the half
    and keep float32 variables. Raises `ValueError` for another name.

    >>> policy = ckeras.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    quantization_mode = None

    def __init__(self, name=None):
        if name is None:
            name = dtypes.floatx()
        if not isinstance(name, str):
            raise TypeError(f"[DTypePolicy] name must be a string, got {name!r}")
        try:
            self._compute_dtype = _MIXED.get(name) or dtypes.standardize(name)
        except ValueError:
            raise ValueError(
                f"[DTypePolicy] expected a dtype name, 'mixed_float16' or 'mixed_bfloat16'; got {name!r}"
            ) from None
        self._variable_dtype = "float32" if name in _MIXED else self._compute_dtype
        self._name = name

    @property
    def name(self):
        return self._name

    @property
    def compute_dtype(self):
        return self._compute_dtype

    @property
    def variable_dtype(self):
        return self._variable_dtype

    def convert_input(self, x, autocast, dtype):
        """A tensor of `x`; float values are cast to `dtype` when `autocast`."""
        x = ops.convert_to_tensor(x)
        return ops.cast(x, dtype) if autocast and dtypes.is_float(x.dtype) and x.dtype != dtype else x

    def get_config(self):
        return {"name": self._name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __eq__(self, other):
        return isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self):
        return hash(self._name)

    def __repr__(self):
        return f'<DTypePolicy "{self._name}">'


class FloatDTypePolicy(DTypePolicy):
    """A `DTypePolicy` under its other Keras name."""
