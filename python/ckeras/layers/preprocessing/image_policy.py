"""Layers that choose among the others: RandAugment, AugMix."""

from ckeras import ops, random
from ckeras.layers.preprocessing.image_base import (
    INTERPOLATIONS,
    RandomImageLayer,
    one_of,
    pair_of_values,
    positive,
    span,
)
from ckeras.layers.preprocessing.image_colour import (
    AutoContrast,
    RandomColorDegeneration,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from ckeras.layers.preprocessing.image_histogram import Equalization
from ckeras.layers.preprocessing.image_light import RandomBrightness, RandomContrast
from ckeras.layers.preprocessing.image_motion import RandomRotation, RandomShear, RandomTranslation

# Of the paper of AugMix, section 3: what the test corruptions resemble is left out of its own set.
_ALWAYS = ("random_shear", "random_translation", "random_rotation", "solarization", "random_posterization")
_ALWAYS += ("auto_contrast", "equalization")
_MORE = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class _Policy(RandomImageLayer):
    """Base of both: the layers to choose from, as strong as the span `factor` says."""

    also_masks = True

    def __init__(self, value_range, factor, interpolation, seed, data_format, names, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        label = type(self).__name__
        self.value_range = pair_of_values(label, "value_range", value_range)
        self.factor = f = span(label, "factor", factor, 0, 1.0)
        self.interpolation = one_of(label, "interpolation", interpolation, INTERPOLATIONS)
        self._names = names
        both = {"seed": seed, "data_format": data_format}
        moved = {**both, "interpolation": interpolation}
        seen = {**both, "value_range": value_range}
        makers = {
            "random_shear": lambda: RandomShear(f, f, **moved),
            "random_translation": lambda: RandomTranslation(f, f, **moved),
            "random_rotation": lambda: RandomRotation(f, **moved),
            "random_brightness": lambda: RandomBrightness(f, **seen),
            "random_color_degeneration": lambda: RandomColorDegeneration(f, **seen),
            "random_contrast": lambda: RandomContrast(f, **seen),
            "random_sharpness": lambda: RandomSharpness(f, **seen),
            "solarization": lambda: Solarization(f, f, **seen),
            "random_posterization": lambda: RandomPosterization(max(1, int(8 * f[1])), **seen),
            "auto_contrast": lambda: AutoContrast(value_range=value_range, data_format=data_format),
            "equalization": lambda: Equalization(value_range=value_range, data_format=data_format),
        }
        for name in names:
            setattr(self, name, makers[name]())

    def draw_one(self, images, seed):
        """A layer's number (one more than there are: none), and what each of them draws."""
        seed = self.generator if seed is None else seed
        drawn = {name: getattr(self, name).draw(images, seed) for name in self._names}
        return {"layer": random.randint((), 0, len(self._names) + self.may_rest, seed=seed), "drawn": drawn}

    may_rest = 0

    def run_one(self, images, one, method, *more):
        """`apply`, `apply_masks` or `apply_boxes` of the layer that was drawn."""

        def branch(name):
            layer = getattr(self, name)
            if method != "apply" and not layer.also_masks:
                return lambda x: x
            return lambda x: getattr(layer, method)(x, one["drawn"][name], *more)

        branches = [branch(name) for name in self._names] + [lambda x: x] * self.may_rest
        return ops.switch(one["layer"], branches, images)


class RandAugment(_Policy):
    """In training, applies `num_ops` of eleven layers, chosen at random for the batch, one after another (Cubuk et al.,
    2020): those of geometry, colour and contrast, as strong as the span `factor` in [0, 1] says."""

    arguments = ("value_range", "num_ops", "factor", "interpolation")

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, _ALWAYS + _MORE, **kwargs)
        self.num_ops = positive("RandAugment", "num_ops", num_ops)

    def draw(self, images, seed):
        return {"chain": [self.draw_one(images, seed) for _ in range(self.num_ops)]}

    def apply(self, images, drawn, method="apply", *more):
        for one in drawn["chain"]:
            images = self.run_one(images, one, method, *more)
        return images

    def apply_boxes(self, corners, drawn, size):
        return self.apply(corners, drawn, "apply_boxes", size)

    def apply_masks(self, masks, drawn):
        return self.apply(masks, drawn, "apply_masks")


class AugMix(_Policy):
    """In training, mixes images with `num_chains` versions of themselves, of up to `chain_depth` layers each chosen at
    random for the batch (Hendrycks et al., 2020). Weights have the Dirichlet and beta distributions of `alpha`;
    `all_ops=False` leaves the layers of brightness, colour, contrast and sharpness out. Masks stay."""

    arguments = ("value_range", "num_chains", "chain_depth", "factor", "alpha", "all_ops", "interpolation")
    may_rest = 1
    also_masks = False

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        names = _ALWAYS + _MORE if all_ops else _ALWAYS
        super().__init__(value_range, factor, interpolation, seed, data_format, names, **kwargs)
        self.num_chains = positive("AugMix", "num_chains", num_chains)
        self.chain_depth = positive("AugMix", "chain_depth", chain_depth)
        if not isinstance(alpha, (int, float)) or not alpha > 0:
            raise ValueError(f"[AugMix] alpha must be a positive number, got {alpha!r}")
        self.alpha = alpha
        self.all_ops = bool(all_ops)

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        parts = random.gamma((self.num_chains,), self.alpha, "float32", seed)
        return {
            "chain_mixing_weights": ops.divide(parts, ops.sum(parts)),
            "weight_sample": random.beta((), self.alpha, self.alpha, "float32", seed),
            "chains": [[self.draw_one(images, seed) for _ in range(self.chain_depth)] for _ in range(self.num_chains)],
        }

    def apply(self, images, drawn):
        mixed = ops.zeros_like(images)
        for i, chain in enumerate(drawn["chains"]):
            version = images
            for one in chain:
                version = self.run_one(version, one, "apply")
            weight = ops.cast(drawn["chain_mixing_weights"][i], images.dtype)
            mixed = ops.add(mixed, ops.multiply(version, weight))
        share = ops.cast(drawn["weight_sample"], images.dtype)
        mixed = ops.add(ops.multiply(share, images), ops.multiply(ops.subtract(1, share), mixed))
        return ops.clip(mixed, *self.value_range)
