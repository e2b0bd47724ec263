"""Policies of layers whose kernels are stored in few bits. They are read, compared and saved; a layer refuses them."""

from ckeras.dtype_policies.policy import DTypePolicy

_MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """A quantization `mode` on top of the policy `source_name` (`None`: the default float), `"<mode>_from_<source>"`.

    `mode` is `"int8"`, `"float8"`, `"int4"`, `"gptq"` or `"awq"`. Raises `ValueError` for another mode or source, and
    for int8 from a policy that computes in float16, whose range its sums leave. Layers do not compute quantized yet:
    making one with such a policy raises `NotImplementedError`.

    >>> policy = ckeras.dtype_policies.QuantizedDTypePolicy("int8", "mixed_bfloat16")
    >>> policy.name, policy.quantization_mode, policy.compute_dtype
    ('int8_from_mixed_bfloat16', 'int8', 'bfloat16')
    """

    def __init__(self, mode, source_name=None):
        super().__init__(source_name)
        kind = mode.split("/")[0] if isinstance(mode, str) else None
        if kind not in _MODES or (mode != kind and not isinstance(self, _GroupedDTypePolicy)):
            raise ValueError(f"[{type(self).__name__}] mode must be one of {_MODES}, got {mode!r}")
        if kind == "int8" and self._compute_dtype == "float16":
            raise ValueError(
                f"[{type(self).__name__}] int8 sums overflow the compute dtype float16 of {self._name!r}; "
                "use 'mixed_bfloat16' or 'float32'"
            )
        self._mode = mode
        self._source_name = self._name
        self._name = f"{mode}_from_{self._source_name}"

    @property
    def quantization_mode(self):
        return self._mode.split("/")[0]

    def get_config(self):
        return {"mode": self._mode, "source_name": self._source_name}

    def __eq__(self, other):
        return type(other) is type(self) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash(self._name)

    def __repr__(self):
        return f'<{type(self).__name__} "{self._name}">'


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """float8 with scales from the largest magnitudes of the last `amax_history_length` steps.

    Raises `TypeError` when the length is not an integer.
    """

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(f"[{type(self).__name__}] amax_history_length must be an int, got {amax_history_length!r}")
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self):
        return self._amax_history_length

    def get_config(self):
        return {**super().get_config(), "amax_history_length": self._amax_history_length}


class _GroupedDTypePolicy(QuantizedDTypePolicy):
    """A policy whose mode carries integers, `"<kind>/<integer>..."`; each becomes an attribute."""

    _kind = None
    _fields = ()  # (name, the values allowed); None: -1 (no groups) or a positive integer

    def __init__(self, mode, source_name=None):
        form = "/".join([self._kind, *(f"<{name}>" for name, _ in self._fields)])
        kind, *values = mode.split("/") if isinstance(mode, str) else [None]
        try:
            values = [int(v) for v in values]
        except ValueError:
            kind = None
        if kind != self._kind or len(values) != len(self._fields):
            raise ValueError(f"[{type(self).__name__}] mode must be {form!r} with integers, got {mode!r}")
        for (name, allowed), value in zip(self._fields, values):
            if value not in allowed if allowed else value != -1 and value < 1:
                expected = f"one of {allowed}" if allowed else "-1 or positive"
                raise ValueError(f"[{type(self).__name__}] {name} must be {expected}, got {value} in {mode!r}")
            setattr(self, name, value)
        self.mode = kind
        super().__init__(mode, source_name)


class Int4DTypePolicy(_GroupedDTypePolicy):
    """int4 in blocks of `block_size` rows that share a scale: `"int4/<block_size>"`, -1 for whole columns."""

    _kind = "int4"
    _fields = (("block_size", None),)


class GPTQDTypePolicy(_GroupedDTypePolicy):
    """Weights rounded with regard to each other (Frantar et al., 2022): `"gptq/<weight_bits>/<group_size>"`.

    `weight_bits` is 2, 3, 4 or 8; a `group_size` of -1 is the whole kernel.
    """

    _kind = "gptq"
    _fields = (("weight_bits", (2, 3, 4, 8)), ("group_size", None))


class AWQDTypePolicy(_GroupedDTypePolicy):
    """Weights scaled by the activations they meet (Lin et al., 2023): `"awq/4/<group_size>"`, -1 for whole columns."""

    _kind = "awq"
    _fields = (("weight_bits", (4,)), ("group_size", None))


_CLASSES = {"float8": QuantizedFloat8DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}


def policy_of_name(name):
    """The policy called `"<mode>_from_<source>"`, or `None` where `name` does not begin with a mode.

    Raises `ValueError` for a mode without a source.
    """
    mode, found, source = name.partition("_from_")
    kind = mode.split("/")[0]
    if kind not in _MODES:
        return None
    if not found:
        raise ValueError(f"[dtype_policies.get] {name!r} quantizes from no policy; write '{name}_from_float32'")
    cls = Int4DTypePolicy if kind == "int4" and mode != kind else _CLASSES.get(kind, QuantizedDTypePolicy)
    return cls(mode, source)
