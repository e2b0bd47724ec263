"""Equalization, in the whole or in tiles: values spread so that all are equally frequent."""

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


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalizes each channel in tiles and mixes the results of the four nearest (Zuiderveld, 1994: CLAHE), in training
    and out of it.

    `tile_grid_size` is the number of tiles down and across. A bin of the 256 keeps at most `clip_limit` times the mean
    of all; what is above is shared among them. 0 sets no limit. Values lie in `value_range`.
    """

    always = True
    arguments = ("value_range", "clip_limit", "tile_grid_size")

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        name = "ContrastLimitedAdaptiveHistogramEqualization"
        self.value_range = pair_of_values(name, "value_range", value_range)
        if not isinstance(clip_limit, (int, float)) or not clip_limit >= 0:
            raise ValueError(f"[{name}] clip_limit must be a number of at least 0, got {clip_limit!r}")
        self.clip_limit = clip_limit
        if not isinstance(tile_grid_size, (tuple, list)) or len(tile_grid_size) != 2:
            raise ValueError(f"[{name}] tile_grid_size must be two integers, got {tile_grid_size!r}")
        self.tile_grid_size = tuple(positive(name, "tile_grid_size", v) for v in tile_grid_size)

    def apply(self, images, drawn):
        first = self.channel_axis == 1
        x = ops.transpose(images, (0, 2, 3, 1)) if first else images
        height, width = x.shape[1:3]
        x = ops.clip(rescaled(ops.cast(x, "float32"), self.value_range, (0, 255)), 0, 255)
        x = self._equalized(ops.cast(x, "int32"))[:, :height, :width]
        x = ops.cast(rescaled(x, (0, 255), self.value_range), images.dtype)
        return ops.transpose(x, (0, 3, 1, 2)) if first else x

    def _equalized(self, x):
        rows, columns = self.tile_grid_size
        sizes = []
        for axis, count in ((1, rows), (2, columns)):
            n = x.shape[axis]
            size = -(-n // count)
            sizes.append(size)
            mirrored = np.pad(np.arange(n, dtype="int32"), (0, size * count - n), mode="symmetric")
            x = ops.take(x, mirrored, axis=axis)
        tall, wide = sizes
        n, _, _, channels = x.shape
        tiles = ops.transpose(ops.reshape(x, (n, rows, tall, columns, wide, channels)), (0, 1, 3, 5, 2, 4))
        table = ops.reshape(self._tables(ops.reshape(tiles, (-1, tall * wide))), (-1,))
        image, channel = np.arange(n).reshape(n, 1, 1, 1), np.arange(channels)
        out = 0.0
        for y, share_y in _neighbours(tall, rows):
            for at, share_x in _neighbours(wide, columns):
                tile = (image * rows + y[:, None, None]) * columns + at[:, None]
                index = ops.add(((tile * channels + channel) * 256).astype("int32"), x)
                share = (share_y[:, None, None] * share_x[:, None]).astype("float32")
                out = ops.add(ops.multiply(ops.take(table, index, axis=0), share), out)
        return out

    def _tables(self, tiles):
        """What becomes of each of the 256 values in each row of a tile's pixels."""
        size = tiles.shape[1]
        counts = ops.cast(cumulated(tiles, 256)[0], "float32")
        if self.clip_limit > 0:
            held = ops.subtract(counts, ops.pad(counts[:, :-1], [[0, 0], [1, 0]]))
            kept = ops.minimum(held, self.clip_limit * size / 256)
            above = ops.sum(ops.subtract(held, kept), axis=1, keepdims=True)
            counts = ops.cumsum(ops.add(kept, ops.divide(above, 256.0)), axis=1)
        least = counts[:, :1]
        rest = ops.subtract(float(size), least)
        share = ops.divide(ops.subtract(counts, least), ops.where(ops.equal(rest, 0), 1.0, rest))
        return ops.clip(ops.multiply(share, 255.0), 0, 255)


def _neighbours(size, count):
    """The two tiles nearest to each place along `count` tiles of `size`, with their shares."""
    place = (np.arange(size * count) - size / 2) / size
    lower = np.floor(place).astype(int)
    share = place - lower
    return (np.clip(lower, 0, count - 1), 1 - share), (np.clip(lower + 1, 0, count - 1), share)
