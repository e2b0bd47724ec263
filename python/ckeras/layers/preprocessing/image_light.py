"""Layers that change how light images are: RandomBrightness, RandomContrast."""

from ckeras import ops
from ckeras.layers.preprocessing.image_base import RandomImageLayer, pair_of_values, span


class RandomBrightness(RandomImageLayer):
    """In training, adds to each image a random share, from the span `factor`, of the width of `value_range`; values
    stay in that range."""

    arguments = ("factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = span("RandomBrightness", "factor", factor)
        self.value_range = pair_of_values("RandomBrightness", "value_range", value_range)

    def draw(self, images, seed):
        low, high = self.value_range
        drawn = self.uniform((images.shape[0], 1, 1, 1), *self.factor, seed)
        return {"rgb_delta": ops.multiply(drawn, high - low)}

    def apply(self, images, drawn):
        return ops.clip(ops.add(images, ops.cast(drawn["rgb_delta"], images.dtype)), *self.value_range)


class RandomContrast(RandomImageLayer):
    """In training, multiplies the distance of each value from its channel's mean by a random number of
    [1 - lower, 1 + upper], the span `factor`; values stay in `value_range`."""

    arguments = ("factor", "value_range")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = span("RandomContrast", "factor", factor, least=0)
        self.value_range = tuple(pair_of_values("RandomContrast", "value_range", value_range))

    def draw(self, images, seed):
        drawn = self.uniform((images.shape[0], 1, 1, 1), 1 - self.factor[0], 1 + self.factor[1], seed)
        return {"contrast_factor": drawn}

    def apply(self, images, drawn):
        mean = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        factor = ops.cast(drawn["contrast_factor"], images.dtype)
        return ops.clip(ops.add(ops.multiply(ops.subtract(images, mean), factor), mean), *self.value_range)
