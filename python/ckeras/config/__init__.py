"""Settings of the process: default dtype, policy, epsilon, image format, logging."""

from ckeras.config.settings import *  # noqa: F403
from ckeras.dtype_policies import dtype_policy, set_dtype_policy
from ckeras.saving.registry import enable_unsafe_deserialization
