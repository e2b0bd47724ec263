# ruff: noqa: F403, F405
"""Functions on tensors, with Keras 3's names.

All accept tensors, variables, NumPy arrays, scalars and KerasTensors; results are tensors.
"""

from ckeras._core import remat as _remat  # installs itself in `_core.hooks`
from ckeras._core.tape import custom_gradient as custom_gradient
from ckeras.ops import operators as operators
from ckeras.ops.angles import *
from ckeras.ops.attention import *
from ckeras.ops.bits import *
from ckeras.ops.complex import *
from ckeras.ops.control import *
from ckeras.ops.conv import *
from ckeras.ops.create import *
from ckeras.ops.ctc import *
from ckeras.ops.cumulative import *
from ckeras.ops.decompositions import *
from ckeras.ops.diagonals import *
from ckeras.ops.elementwise import *
from ckeras.ops.encodings import *
from ckeras.ops.fft import *
from ckeras.ops.indexing import *
from ckeras.ops.joining import *
from ckeras.ops.linalg import *
from ckeras.ops.lookup import *
from ckeras.ops.losses import *
from ckeras.ops.math import *
from ckeras.ops.nn import *
from ckeras.ops.normalization import *
from ckeras.ops.padding import *
from ckeras.ops.patches import *
from ckeras.ops.pooling import *
from ckeras.ops.predicates import *
from ckeras.ops.products import *
from ckeras.ops.reduce import *
from ckeras.ops.scatter import *
from ckeras.ops.shape import *
from ckeras.ops.solve import *
from ckeras.ops.sorting import *
from ckeras.ops.special import *
from ckeras.ops.statistics import *
from ckeras.ops.transforms import *
from ckeras.ops.views import *
from ckeras.ops.windows import *

abs = absolute
swish = silu
hard_swish = hard_silu
true_divide = divide

from ckeras.ops import image as image  # noqa: E402  (last: they read the names above)
from ckeras.ops import namespaces as namespaces  # noqa: E402
