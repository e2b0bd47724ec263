# ruff: noqa: F403
"""The engine's kernels on NumPy arrays: arrays in, arrays out, no tape, no graph.

Arrays are float16, bfloat16 (of `ml_dtypes`), float32 or float64, and all operands of a call are alike. Images and
sequences have their channels last. `out=` takes an array that the result is written to. Results are the same bits on
any number of threads. See docs/kernels.md.
"""

from ckeras.kernels.activations import *
from ckeras.kernels.activations import __all__ as _activations
from ckeras.kernels.attention import *
from ckeras.kernels.attention import __all__ as _attention
from ckeras.kernels.convolution import *
from ckeras.kernels.convolution import __all__ as _convolution
from ckeras.kernels.normalization import *
from ckeras.kernels.normalization import __all__ as _normalization
from ckeras.kernels.pooling import *
from ckeras.kernels.pooling import __all__ as _pooling
from ckeras.kernels.products import *
from ckeras.kernels.products import __all__ as _products
from ckeras.kernels.recurrent import *
from ckeras.kernels.recurrent import __all__ as _recurrent

__all__ = sorted([*_activations, *_attention, *_convolution, *_normalization, *_pooling, *_products, *_recurrent])
