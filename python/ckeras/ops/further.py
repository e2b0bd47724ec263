# ruff: noqa: F403
"""Functions of `ops` that few programs name: the package loads them when the first is asked for."""

from ckeras.ops import image as image
from ckeras.ops import numpy as numpy
from ckeras.ops.bits import *
from ckeras.ops.control import *
from ckeras.ops.ctc import *
from ckeras.ops.decompositions import *
from ckeras.ops.fft import *
from ckeras.ops.norms import *
from ckeras.ops.patches import *
from ckeras.ops.predicates import *
from ckeras.ops.products import *
from ckeras.ops.scatter import *
from ckeras.ops.solve import *
from ckeras.ops.special import *
from ckeras.ops.transforms import *
from ckeras.ops.views import *
from ckeras.ops.windows import *
