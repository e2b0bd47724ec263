"""A policy for each layer of a model, by path."""

import re
from collections.abc import MutableMapping

from ckeras.dtype_policies.lookup import dtype_policy, get, serialize
from ckeras.dtype_policies.policy import DTypePolicy
from ckeras.saving import registry


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by layer path; a key is a path or a regular expression that matches the whole of it.

    Given as `dtype` of a layer, the layer looks its path up when it is built. A path with no match has
    `default_policy` (a policy or a name; `None`: the global one). Looking up a path that several expressions match,
    or adding a key twice, raises `ValueError`; a value that is no policy raises `TypeError`. Layers read from a file
    are built by themselves, without the model's name before theirs: begin a key with `(.*/)?` to match both.

    >>> policies = ckeras.dtype_policies.DTypePolicyMap()
    >>> policies["model/dense_.*"] = ckeras.DTypePolicy("mixed_bfloat16")
    >>> policies["model/dense_2"].compute_dtype, policies["model/norm"].compute_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("[DTypePolicyMap] default_policy must be a policy of one layer, got a DTypePolicyMap")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"[DTypePolicyMap] policy_map must be a dict, got {type(policy_map).__name__}")
        self._default = None if default_policy is None else get(default_policy)
        self._policies = {}
        self.update(policy_map or {})

    @property
    def default_policy(self):
        return self._default or dtype_policy()

    @property
    def name(self):
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self):
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self):
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self):
        return self.default_policy.quantization_mode

    def __getitem__(self, path):
        if path in self._policies:
            return self._policies[path]
        keys = [key for key in self._policies if re.fullmatch(key, path)]
        if len(keys) > 1:
            raise ValueError(f"[DTypePolicyMap] {path!r} matches several keys: {keys}; make them exclude one another")
        return self._policies[keys[0]] if keys else self.default_policy

    def __setitem__(self, key, policy):
        if not isinstance(policy, DTypePolicy) or isinstance(policy, DTypePolicyMap):
            raise TypeError(f"[DTypePolicyMap] the value of {key!r} must be a DTypePolicy, got {policy!r}")
        if key in self._policies:
            raise ValueError(
                f"[DTypePolicyMap] {key!r} is there already, as {self._policies[key]!r}; delete it first to replace it"
            )
        try:
            re.compile(key)
        except re.error as e:
            raise ValueError(f"[DTypePolicyMap] the key {key!r} is not a regular expression: {e}") from None
        self._policies[key] = policy

    def __delitem__(self, key):
        del self._policies[key]

    def __contains__(self, key):
        return key in self._policies

    def __len__(self):
        return len(self._policies)

    def __iter__(self):
        return iter(self._policies)

    def get_config(self):
        policies = {key: serialize(policy) for key, policy in self._policies.items()}
        return {"default_policy": self._default and serialize(self._default), "policy_map": policies}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        policies = {
            key: registry.deserialize_keras_object(policy, custom_objects)
            for key, policy in (config.get("policy_map") or {}).items()
        }
        return cls(config.get("default_policy"), policies)

    def __eq__(self, other):
        return (
            isinstance(other, DTypePolicyMap)
            and self.default_policy == other.default_policy
            and self._policies == other._policies
        )

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        policies = ", ".join(f"{key!r}: {policy.name!r}" for key, policy in self._policies.items())
        return f"<DTypePolicyMap default_policy={self.default_policy.name!r} {{{policies}}}>"
