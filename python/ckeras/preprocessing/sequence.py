"""Sequences of different lengths."""

from ckeras.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
