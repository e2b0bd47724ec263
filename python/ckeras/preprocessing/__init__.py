"""Functions that prepare data: images and sequences. The layers that do are in `ckeras.layers`."""

from ckeras.preprocessing import image, sequence

__all__ = ["image", "sequence"]
