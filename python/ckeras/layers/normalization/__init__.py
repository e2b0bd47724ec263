"""Layers that normalise: by batch, layer, group, root mean square, norm, and weights by their spectral norm."""

from ckeras.layers.normalization.batch_normalization import BatchNormalization
from ckeras.layers.normalization.group_normalization import GroupNormalization
from ckeras.layers.normalization.layer_normalization import LayerNormalization, RMSNormalization
from ckeras.layers.normalization.spectral_normalization import SpectralNormalization
from ckeras.layers.normalization.unit_normalization import UnitNormalization

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "SpectralNormalization",
    "UnitNormalization",
]
