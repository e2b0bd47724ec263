"""Functions of images. Images are [N, H, W, C] or [H, W, C], or with channels first where `data_format` says so."""
# ruff: noqa: F403

from ckeras.ops.image_cut import *
from ckeras.ops.image_filters import *
from ckeras.ops.image_resize import *
from ckeras.ops.image_warp import *
