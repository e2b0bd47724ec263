"""Layers that move the pixels of images: RandomFlip, RandomRotation, RandomZoom, RandomTranslation,
RandomShear."""

import math

from ckeras import ops
from ckeras.layers.preprocessing.image_base import FILL_MODES, INTERPOLATIONS, RandomImageLayer, one_of, span
from ckeras.layers.preprocessing.image_boxes import around, inverse

_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(RandomImageLayer):
    """In training, mirrors each image with probability 1/2: left and right, upside down, or (independently) both ways.

    `mode`: `"horizontal"`, `"vertical"` or `"horizontal_and_vertical"`.
    """

    also_masks = True
    arguments = ("mode",)

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = one_of("RandomFlip", "mode", mode, _FLIPS)

    def draw(self, images, seed):
        half = (0.5, 0.5)
        return {way: self.chosen(images, half, seed) for way in ("horizontal", "vertical") if way in self.mode}

    def apply(self, images, drawn):
        for way, axis in (("horizontal", self.width_axis), ("vertical", self.height_axis)):
            if way in drawn:
                images = ops.where(drawn[way], ops.flip(images, axis), images)
        return images

    def apply_boxes(self, corners, drawn, size):
        left, top, right, bottom = (corners[..., i] for i in range(4))
        height, width = size
        if "horizontal" in drawn:
            flipped = ops.reshape(drawn["horizontal"], (-1, 1))
            left, right = ops.where(flipped, width - right, left), ops.where(flipped, width - left, right)
        if "vertical" in drawn:
            flipped = ops.reshape(drawn["vertical"], (-1, 1))
            top, bottom = ops.where(flipped, height - bottom, top), ops.where(flipped, height - top, bottom)
        return ops.stack([left, top, right, bottom], axis=-1)


class AffineImageLayer(RandomImageLayer):
    """Base of layers that move pixels by an affine map, drawn for each image."""

    also_masks = True

    def __init__(self, fill_mode, interpolation, seed, fill_value, data_format, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        name = type(self).__name__
        self.fill_mode = one_of(name, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = one_of(name, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def draw(self, images, seed):
        n, height, width = (images.shape[a] for a in (0, self.height_axis, self.width_axis))
        return {"matrix": self.matrix(n, height, width, seed)}

    def matrix(self, count, height, width, seed):
        """The transforms [count, 8] of `ops.image.affine_transform`."""
        raise NotImplementedError

    def apply(self, images, drawn):
        return self._moved(images, drawn, self.interpolation)

    def apply_masks(self, masks, drawn):
        return self._moved(masks, drawn, "nearest")

    def apply_boxes(self, corners, drawn, size):
        return around(corners, inverse(ops.cast(drawn["matrix"], "float32")))

    def _moved(self, images, drawn, interpolation):
        return ops.image.affine_transform(
            images,
            ops.cast(drawn["matrix"], "float32"),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_config(self):
        own = {k: getattr(self, k) for k in ("fill_mode", "interpolation", "fill_value")}
        return {**super().get_config(), **own}


def about_centre(rows, height, width):
    """The transforms [N, 8] with the linear part ((a0, a1), (b0, b1)), each [N], that keep the middle where it is."""
    x, y = (width - 1) / 2, (height - 1) / 2
    none = ops.zeros_like(rows[0][0])
    columns = []
    for (first, second), middle in zip(rows, (x, y)):
        columns += [first, second, middle - ops.multiply(first, x) - ops.multiply(second, y)]
    return ops.stack([*columns, none, none], axis=-1)


class RandomRotation(AffineImageLayer):
    """In training, turns each image about its middle by a random share of a full turn, from the span `factor`;
    positive ones turn counter-clockwise.

    `fill_mode` (`"constant"`, `"nearest"`, `"reflect"`, `"wrap"`) and `fill_value` say what lies beyond the border,
    `interpolation` is `"bilinear"` or `"nearest"`; masks take the nearest.
    """

    arguments = ("factor",)

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = span("RandomRotation", "factor", factor)

    def matrix(self, count, height, width, seed):
        angle = ops.multiply(self.uniform((count,), *self.factor, seed), 2 * math.pi)
        cos, sin = ops.cos(angle), ops.sin(angle)
        return about_centre(((cos, ops.negative(sin)), (sin, cos)), height, width)


class RandomZoom(AffineImageLayer):
    """In training, shows 1 + a random number of the span `height_factor` times the height of each image, and the same
    for the width: negative factors zoom in, positive ones out. Without `width_factor`, the aspect ratio stays.

    The other arguments are those of `RandomRotation`.
    """

    arguments = ("height_factor", "width_factor")

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._tall = span("RandomZoom", "height_factor", height_factor, open_below=True)
        self._wide = None if width_factor is None else span("RandomZoom", "width_factor", width_factor, open_below=True)

    def matrix(self, count, height, width, seed):
        tall = ops.add(self.uniform((count,), *self._tall, seed), 1.0)
        wide = tall if self._wide is None else ops.add(self.uniform((count,), *self._wide, seed), 1.0)
        none = ops.zeros_like(tall)
        return about_centre(((wide, none), (none, tall)), height, width)


class RandomTranslation(AffineImageLayer):
    """In training, moves each image down and right by random shares of its height and width, from the spans
    `height_factor` and `width_factor`; negative ones move up and left.

    The other arguments are those of `RandomRotation`.
    """

    arguments = ("height_factor", "width_factor")

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = span("RandomTranslation", "height_factor", height_factor)
        self._right = span("RandomTranslation", "width_factor", width_factor)

    def matrix(self, count, height, width, seed):
        down = ops.multiply(self.uniform((count,), *self._down, seed), -height)
        right = ops.multiply(self.uniform((count,), *self._right, seed), -width)
        one, none = ops.ones_like(down), ops.zeros_like(down)
        return ops.stack([one, none, right, none, one, down, none, none], axis=-1)


class RandomShear(AffineImageLayer):
    """In training, slants each image: rows by a random number of the span `x_factor` times their distance from the top,
    columns by one of `y_factor`, to either side.

    The other arguments are those of `RandomRotation`.
    """

    arguments = ("x_factor", "y_factor")

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.x_factor = self._slant("x_factor", x_factor)
        self.y_factor = self._slant("y_factor", y_factor)

    def _slant(self, name, value):
        if isinstance(value, (tuple, list)):
            return span("RandomShear", name, value)
        span("RandomShear", name, value, least=0)
        return -value, value

    def matrix(self, count, height, width, seed):
        side = ops.where(ops.greater(self.uniform((count,), 0, 1, seed), 0.5), -1.0, 1.0)
        x = ops.multiply(self.uniform((count,), *self.x_factor, seed), side)
        y = ops.multiply(self.uniform((count,), *self.y_factor, seed), side)
        one, none = ops.ones_like(x), ops.zeros_like(x)
        return ops.stack([one, x, none, y, one, none, none, none], axis=-1)
