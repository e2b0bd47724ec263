"""Policies by name and config, and the policy of layers made without one."""

from ckeras._core import dtypes, scope
from ckeras.dtype_policies.policy import DTypePolicy
from ckeras.dtype_policies.quantized import policy_of_name
from ckeras.saving import registry

_policies = {}


def get(identifier):
    """A policy of `None` (the global one), a name, a dtype, a config or a policy."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if not isinstance(identifier, str):
        identifier = dtypes.standardize(identifier)
    policy = _policies.get(identifier)
    if policy is None:
        policy = _policies[identifier] = policy_of_name(identifier) or DTypePolicy(identifier)
    return policy


def serialize(dtype_policy):
    """The config that `deserialize` makes an equal policy of."""
    return registry.serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """A policy of its config."""
    policy = registry.deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(policy, DTypePolicy):
        raise ValueError(f"[dtype_policies.deserialize] expected the config of a DTypePolicy, got {config!r}")
    return policy


def dtype_policy():
    """The policy of layers made without `dtype`: that of `set_dtype_policy`, else the default float's."""
    return scope.get_global("dtype_policy") or get(dtypes.floatx())


def set_dtype_policy(policy):
    """Sets `dtype_policy()`, by policy or name."""
    scope.set_global("dtype_policy", get(policy))
