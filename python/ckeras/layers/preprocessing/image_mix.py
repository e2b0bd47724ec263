"""Layers that mix images with each other or with noise: MixUp, CutMix, RandomErasing."""

import numpy as np

from ckeras import ops, random
from ckeras.layers.preprocessing.image_base import RandomImageLayer, pair_of_values, span


def _weights_like(weights, x):
    """Weights [N] in the rank and dtype of x."""
    return ops.cast(ops.reshape(weights, (-1,) + (1,) * (x.ndim - 1)), x.dtype)


def _mixed(x, weights, order):
    """Each of a batch with its weight, and the one of `order` with the rest. Integers become floats."""
    x = x if "float" in x.dtype else ops.cast(x, "float32")
    w = _weights_like(weights, x)
    return ops.add(ops.multiply(w, x), ops.multiply(ops.subtract(1, w), ops.take(x, order, axis=0)))


class MixUp(RandomImageLayer):
    """In training, mixes each image, its label and its mask with those of another of the batch, with a weight of the
    beta distribution of `alpha` (Zhang et al., 2018). Labels are numbers or one-hot rows; integers become floats."""

    arguments = ("alpha",)
    also_masks = True

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if not isinstance(alpha, (int, float)) or not alpha > 0:
            raise ValueError(f"[MixUp] alpha must be a positive number, got {alpha!r}")
        self.alpha = alpha

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        n = images.shape[0]
        return {
            "mix_weight": random.beta((n,), self.alpha, self.alpha, "float32", seed),
            "permutation_order": random.shuffle(ops.arange(n, dtype="int32"), seed=seed),
        }

    def apply(self, images, drawn):
        return _mixed(images, drawn["mix_weight"], drawn["permutation_order"])

    apply_masks = apply_labels = apply

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes of both images, and their labels."""
        if not training or transformation is None:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {k: ops.concatenate([v, ops.take(v, order, axis=0)], axis=1) for k, v in bounding_boxes.items()}


class CutMix(RandomImageLayer):
    """In training, puts a rectangle of another image of the batch into each image, and mixes the labels by the areas
    (Yun et al., 2019). The share that stays has the beta distribution of a random number of the span `factor`."""

    arguments = ("factor",)
    also_masks = True

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = span("CutMix", "factor", factor, 0, 1.0)

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        n = images.shape[0]
        alpha = ops.add(self.uniform((n,), *self.factor, seed), 1e-6)
        side = ops.sqrt(ops.subtract(1.0, random.beta((n,), alpha, alpha, "float32", seed)))
        box = rectangle(self, images, side, side, seed)
        axes = (1, 2, 3)
        return {
            "batch_masks": box,
            "mix_weight": ops.subtract(1.0, ops.mean(ops.cast(box, "float32"), axis=axes)),
            "permutation_order": random.shuffle(ops.arange(n, dtype="int32"), seed=seed),
        }

    def apply(self, images, drawn):
        return ops.where(drawn["batch_masks"], ops.take(images, drawn["permutation_order"], axis=0), images)

    def apply_labels(self, labels, drawn):
        return _mixed(labels, drawn["mix_weight"], drawn["permutation_order"])


def rectangle(layer, images, wide, tall, seed):
    """bool [N, H, W, 1] (in the layer's format): a rectangle at random, of these shares [N] of width and height."""
    n = images.shape[0]
    inside = None
    for axis, share in ((layer.width_axis, wide), (layer.height_axis, tall)):
        size = images.shape[axis]
        length = ops.multiply(share, float(size))
        start = ops.multiply(layer.uniform((n,), 0, 1, seed), ops.subtract(float(size), length))
        start, end = (ops.reshape(v, (n, 1, 1, 1)) for v in (start, ops.add(start, length)))
        along = [1] * 4
        along[axis] = size
        at = np.arange(size, dtype="float32").reshape(along)
        part = ops.logical_and(ops.greater_equal(at, start), ops.less(at, end))
        inside = part if inside is None else ops.logical_and(inside, part)
    return inside


class RandomErasing(RandomImageLayer):
    """In training, with a probability drawn from the span `factor`, fills a rectangle of each image with `fill_value`
    (a number, or one for each of three channels), or with noise (Zhong et al., 2020). Its sides are the roots of random
    numbers of the span `scale`, as shares of the image's; values stay in `value_range`."""

    arguments = ("factor", "scale", "fill_value", "value_range")

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = span("RandomErasing", "factor", factor, 0, 1.0)
        self.scale = span("RandomErasing", "scale", scale, 0, 1.0)
        self.value_range = pair_of_values("RandomErasing", "value_range", value_range)
        lengths = len(fill_value) if isinstance(fill_value, (tuple, list)) else 3
        if fill_value is not None and (lengths != 3 or not np.issubdtype(np.asarray(fill_value).dtype, np.number)):
            raise ValueError(f"[RandomErasing] fill_value must be None, a number or three, got {fill_value!r}")
        self.fill_value = fill_value

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        sides = ops.sqrt(self.uniform((2, images.shape[0]), *self.scale, seed))
        box = rectangle(self, images, sides[0], sides[1], seed)
        fill = self.fill_value
        if fill is None:
            fill = ops.multiply(random.normal(images.shape, dtype="float32", seed=seed), float(self.value_range[1]))
        else:
            along = [1] * 4
            along[self.channel_axis] = -1
            fill = ops.reshape(np.asarray(fill, "float32").ravel(), along)
        chosen = self.chosen(images, self.factor, seed)
        return {"batch_masks": ops.logical_and(box, chosen), "fill_value": ops.clip(fill, *self.value_range)}

    def apply(self, images, drawn):
        return ops.where(drawn["batch_masks"], ops.cast(drawn["fill_value"], images.dtype), images)
