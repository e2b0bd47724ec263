"""Equalization: values spread so that all are equally frequent."""

import numpy as np

from ckeras import ops
from ckeras.layers.preprocessing.image_base import ImageLayer, pair_of_values, positive
from ckeras.layers.preprocessing.image_colour import rescaled


def cumulated(indices, bins):
    """Of rows [R, n] of integers below `bins`: how many are at most 0, 1, ..., and the place of each in that table,
    flattened. Sorting counts them: no memory of the size n * bins."""
    rows, n = indices.shape
    first = np.arange(rows, dtype="int32")[:, None]
    places = ops.add(indices, first * np.int32(bins))
    ends = np.arange(rows * bins, dtype="int32")
    counts = ops.searchsorted(ops.sort(ops.reshape(places, (-1,))), ends, side="right")
    return ops.subtract(ops.reshape(counts, (rows, bins)), first * np.int32(n)), places


class Equalization(ImageLayer):
    """In training, spreads the values of each channel of each image over `value_range` so that its `bins` are as
    equally full as can be; a channel within one bin stays."""

    arguments = ("bins", "value_range")

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.bins = positive("Equalization", "bins", bins)
        self.value_range = pair_of_values("Equalization", "value_range", value_range)

    def apply(self, images, drawn):
        x = images if self.channel_axis == 1 else ops.transpose(images, (0, 3, 1, 2))
        n, c, h, w = x.shape
        x = rescaled(ops.reshape(x, (n * c, h * w)), self.value_range, (0, 255))
        top = self.bins - 1
        indices = ops.cast(ops.clip(ops.multiply(x, top / 255), 0, top), "int32")
        counts, places = cumulated(indices, self.bins)
        least = ops.min(ops.where(ops.greater(counts, 0), counts, np.int32(h * w)), axis=1, keepdims=True)
        rest = ops.subtract(np.int32(h * w), least)
        share = ops.divide(ops.cast(ops.subtract(counts, least), "float32"), ops.cast(ops.maximum(rest, 1), "float32"))
        table = ops.clip(ops.round(ops.multiply(share, 255.0)), 0, 255)
        spread = ops.cast(ops.take(ops.reshape(table, (-1,)), places, axis=0), x.dtype)
        x = rescaled(ops.where(ops.equal(rest, 0), x, spread), (0, 255), self.value_range)
        x = ops.cast(ops.reshape(x, (n, c, h, w)), images.dtype)
        return x if self.channel_axis == 1 else ops.transpose(x, (0, 2, 3, 1))
