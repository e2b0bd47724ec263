"""Dtype policies: the dtype a layer computes in and the dtype of its variables."""

from ckeras.dtype_policies.lookup import deserialize, dtype_policy, get, serialize, set_dtype_policy
from ckeras.dtype_policies.policy import DTypePolicy, FloatDTypePolicy
from ckeras.dtype_policies.policy_map import DTypePolicyMap
from ckeras.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "dtype_policy",
    "get",
    "serialize",
    "set_dtype_policy",
]
