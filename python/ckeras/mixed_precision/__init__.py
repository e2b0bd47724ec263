"""The old place of dtype policies: `ckeras.dtype_policies` and `ckeras.config` under Keras 2's names."""

from ckeras.dtype_policies import DTypePolicy as DTypePolicy
from ckeras.dtype_policies import dtype_policy as dtype_policy
from ckeras.dtype_policies import set_dtype_policy as set_dtype_policy
from ckeras.optimizers import LossScaleOptimizer as LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
