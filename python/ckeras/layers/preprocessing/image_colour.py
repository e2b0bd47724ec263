"""Layers that change the colours of images."""

from ckeras import ops
from ckeras._core.settings import epsilon
from ckeras.layers.preprocessing.image_base import ImageLayer, RandomImageLayer, pair_of_values, span
from ckeras.layers.preprocessing.image_light import RandomBrightness, RandomContrast
from ckeras.ops.image_common import stencil


def rescaled(x, source, target):
    """Values of the range `source` moved to the range `target`."""
    if tuple(source) == tuple(target):
        return x
    scale = (target[1] - target[0]) / (source[1] - source[0])
    return ops.add(ops.multiply(ops.subtract(x, source[0]), scale), target[0])


class _Colours(RandomImageLayer):
    """Base of the layers below: `factor` within `bounds`, `value_range`, one number of the span for each image."""

    arguments = ("factor", "value_range")
    bounds = (0, 1.0)

    def __init__(self, factor, value_range, data_format, seed, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        name = type(self).__name__
        self.factor = span(name, "factor", factor, *self.bounds)
        self.value_range = pair_of_values(name, "value_range", value_range)

    def draw(self, images, seed):
        return {"factor": self.uniform((images.shape[0], 1, 1, 1), *self.factor, seed)}

    def clipped(self, images):
        return ops.clip(images, *self.value_range)

    def hsv(self, images, change):
        """The images with the list of their hue, saturation and value changed."""
        axis = self.channel_axis
        unit = rescaled(images, self.value_range, (0, 1))
        parts = ops.split(ops.image.rgb_to_hsv(unit, data_format=self.data_format), 3, axis=axis)
        changed = ops.concatenate(change(*parts), axis=axis)
        rgb = ops.clip(ops.image.hsv_to_rgb(changed, data_format=self.data_format), 0, 1)
        return ops.cast(rescaled(rgb, (0, 1), self.value_range), images.dtype)


class RandomHue(_Colours):
    """In training, turns the hue of RGB images by half a random number of the span `factor` (in [0, 1]), to either
    side; a whole turn is 1. Values lie in `value_range`."""

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def draw(self, images, seed):
        side = ops.where(ops.greater(self.uniform((images.shape[0], 1, 1, 1), 0, 1, seed), 0.5), -0.5, 0.5)
        return {"factor": ops.multiply(super().draw(images, seed)["factor"], side)}

    def apply(self, images, drawn):
        turn = ops.cast(drawn["factor"], images.dtype)
        return self.hsv(images, lambda h, s, v: [ops.subtract(ops.add(h, turn), ops.floor(ops.add(h, turn))), s, v])


class RandomSaturation(_Colours):
    """In training, multiplies the saturation of RGB images by f / (1 - f), f a random number of the span `factor`:
    0 makes them gray, 0.5 leaves them, 1 saturates them fully. Values lie in `value_range`."""

    bounds = (-1.0, 1.0)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def apply(self, images, drawn):
        f = drawn["factor"]
        times = ops.cast(ops.divide(f, ops.add(ops.subtract(1.0, f), epsilon())), images.dtype)
        return self.hsv(images, lambda h, s, v: [h, ops.clip(ops.multiply(s, times), 0, 1), v])


class RandomColorDegeneration(_Colours):
    """In training, mixes RGB images with their gray: a random share of the span `factor` is gray."""

    bounds = (-1.0, 1.0)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def apply(self, images, drawn):
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        share = ops.cast(drawn["factor"], images.dtype)
        return self.clipped(ops.add(images, ops.multiply(share, ops.subtract(gray, images))))


class RandomSharpness(_Colours):
    """In training, mixes images with a smooth copy: of a random number f of the span `factor` (in [0, 1]), 0 is the
    smooth copy, 0.5 the image, 1 a sharper one."""

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def apply(self, images, drawn):
        around = stencil(stencil(images, self.height_axis, (1, 1, 1)), self.width_axis, (1, 1, 1))
        smooth = ops.add(ops.multiply(around, 1 / 13), ops.multiply(images, 4 / 13))  # 1 around, 5 in the middle
        share = ops.subtract(1.0, ops.multiply(ops.cast(drawn["factor"], images.dtype), 2.0))
        return self.clipped(ops.add(images, ops.multiply(share, ops.subtract(smooth, images))))


class RandomPosterization(_Colours):
    """In training, keeps as many of the eight bits of values as a random integer of the span `factor` (in [1, 8])."""

    bounds = (1, 8)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def draw(self, images, seed):
        low, high = self.factor
        bits = ops.floor(self.uniform((images.shape[0], 1, 1, 1), low, high + 1, seed))
        return {"step": ops.exp2(ops.subtract(8.0, ops.minimum(bits, float(high))))}

    def apply(self, images, drawn):
        x = ops.floor(ops.clip(rescaled(images, self.value_range, (0, 255)), 0, 255))
        step = ops.cast(drawn["step"], images.dtype)
        x = ops.multiply(ops.floor(ops.divide(x, step)), step)
        return ops.cast(rescaled(x, (0, 255), self.value_range), images.dtype)


class RandomInvert(_Colours):
    """In training, each image with a probability drawn from the span `factor`: the top of `value_range` minus it."""

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def draw(self, images, seed):
        return {"chosen": self.chosen(images, self.factor, seed)}

    def apply(self, images, drawn):
        return ops.where(drawn["chosen"], ops.subtract(self.value_range[1], images), images)


class RandomGrayscale(RandomImageLayer):
    """In training, makes each RGB image gray, in three equal channels, with probability `factor`."""

    arguments = ("factor",)

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if isinstance(factor, (tuple, list)):
            raise ValueError(f"[RandomGrayscale] factor must be one number in [0, 1], got {factor!r}")
        span("RandomGrayscale", "factor", factor, 0, 1.0)
        self.factor = factor

    def draw(self, images, seed):
        return {"chosen": self.chosen(images, (self.factor, self.factor), seed)}

    def apply(self, images, drawn):
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(drawn["chosen"], gray, images)


class RandomColorJitter(RandomImageLayer):
    """In training, changes brightness, contrast, saturation and hue, in this order, each as the layer of that name with
    that factor does; those of None stay."""

    arguments = ("value_range", "brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = pair_of_values("RandomColorJitter", "value_range", value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        rows = (
            ("random_brightness", RandomBrightness, brightness_factor),
            ("random_contrast", RandomContrast, contrast_factor),
            ("random_saturation", RandomSaturation, saturation_factor),
            ("random_hue", RandomHue, hue_factor),
        )
        self._names = [name for name, _, factor in rows if factor is not None]
        for name, cls, factor in rows:
            own = {"value_range": value_range, "seed": seed, "data_format": data_format}
            setattr(self, name, None if factor is None else cls(factor, **own))

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        return {name: getattr(self, name).draw(images, seed) for name in self._names}

    def apply(self, images, drawn):
        for name in self._names:
            images = getattr(self, name).apply(images, drawn[name])
        return images


class Solarization(RandomImageLayer):
    """In training, inverts values from a threshold on, after an addition. Both are drawn for each image, as shares of
    `value_range`, from the spans `addition_factor` and `threshold_factor` in [0, 1] (a number f for (0, f))."""

    arguments = ("addition_factor", "threshold_factor", "value_range")

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = span("Solarization", "addition_factor", addition_factor, 0, 1.0)
        self.threshold_factor = span("Solarization", "threshold_factor", threshold_factor, 0, 1.0)
        self.value_range = pair_of_values("Solarization", "value_range", value_range)

    def draw(self, images, seed):
        shape = (images.shape[0], 1, 1, 1)
        factors = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {k: ops.multiply(self.uniform(shape, *f, seed), 255.0) for k, f in factors.items()}

    def apply(self, images, drawn):
        x = rescaled(images, self.value_range, (0, 255))
        x = ops.clip(ops.add(x, ops.cast(drawn["additions"], x.dtype)), 0, 255)
        x = ops.where(ops.less(x, ops.cast(drawn["thresholds"], x.dtype)), x, ops.subtract(255.0, x))
        return ops.cast(rescaled(x, (0, 255), self.value_range), images.dtype)


class AutoContrast(ImageLayer):
    """Spreads the values of each channel of each image over `value_range`, in training and out of it; a channel of one
    value stays."""

    always = True
    arguments = ("value_range",)

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = pair_of_values("AutoContrast", "value_range", value_range)

    def apply(self, images, drawn):
        axes = (self.height_axis, self.width_axis)
        low, high = ops.min(images, axis=axes, keepdims=True), ops.max(images, axis=axes, keepdims=True)
        flat = ops.equal(low, high)
        share = ops.divide(ops.subtract(images, low), ops.where(flat, 1.0, ops.subtract(high, low)))
        spread = ops.cast(rescaled(ops.clip(share, 0, 1), (0, 1), self.value_range), images.dtype)
        return ops.where(flat, images, spread)
