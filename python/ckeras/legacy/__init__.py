"""What older libraries built on Keras call."""

from ckeras.legacy import saving

__all__ = ["saving"]
