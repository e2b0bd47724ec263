"""Layers that bend and blur images: RandomPerspective, RandomElasticTransform, RandomGaussianBlur."""

import numpy as np

from ckeras import ops, random
from ckeras.layers.preprocessing.image_base import (
    FILL_MODES,
    INTERPOLATIONS,
    RandomImageLayer,
    one_of,
    pair_of_values,
    span,
)
from ckeras.layers.preprocessing.image_boxes import around
from ckeras.ops.image_common import Layout, stencil
from ckeras.ops.image_warp import bend, homography


def gaussian(count, sigma):
    """`count` weights about the middle, of sum 1, of a deviation that is a tensor."""
    squares = np.square(np.arange(count) - (count - 1) / 2).astype("float32")
    weights = ops.exp(ops.divide(squares, ops.multiply(ops.square(sigma), -2.0)))
    weights = ops.divide(weights, ops.sum(weights))
    return [weights[i] for i in range(count)]


class RandomPerspective(RandomImageLayer):
    """In training, with a probability drawn from the span `factor`, shows images in another perspective: each corner
    moves by up to half of `scale` (in [0, 1]) times its distance from the first corner.

    `interpolation` is `"bilinear"` or `"nearest"`; what has no input is `fill_value`.
    """

    also_masks = True
    arguments = ("factor", "scale", "interpolation", "fill_value")

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_value=0.0,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = span("RandomPerspective", "factor", factor, 0, 1.0)
        if isinstance(scale, (tuple, list)):
            raise ValueError(f"[RandomPerspective] scale must be one number in [0, 1], got {scale!r}")
        span("RandomPerspective", "scale", scale, 0, 1.0)
        self.scale = scale
        self.interpolation = one_of("RandomPerspective", "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def draw(self, images, seed):
        n, h, w = (images.shape[a] for a in (0, self.height_axis, self.width_axis))
        corners = np.array([[[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1]]], "float32")
        moved = ops.add(self.uniform((n, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed), 1.0)
        return {
            "apply_perspective": self.chosen(images, self.factor, seed),
            "start_points": corners,
            "end_points": ops.multiply(moved, corners),
        }

    def apply(self, images, drawn):
        return self._seen(images, drawn, self.interpolation)

    def apply_masks(self, masks, drawn):
        return self._seen(masks, drawn, "nearest")

    def apply_boxes(self, corners, drawn, size):
        start, end = (ops.convert_to_tensor(drawn[k]) for k in ("start_points", "end_points"))
        seen = around(corners, homography(ops.broadcast_to(start, end.shape), end))
        return ops.where(ops.reshape(drawn["apply_perspective"], (-1, 1, 1)), seen, corners)

    def _seen(self, images, drawn, interpolation):
        seen = ops.image.perspective_transform(
            images,
            drawn["start_points"],
            drawn["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(drawn["apply_perspective"], seen, images)


class RandomElasticTransform(RandomImageLayer):
    """In training, with a probability drawn from the span `factor`, bends images (Simard et al., 2003): by up to about
    a tenth of their longer side times a random number of the span `scale`, smoothly over a twentieth of the shorter.

    The other arguments are those of `RandomRotation`; values stay in `value_range`.
    """

    also_masks = True
    arguments = ("factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range")

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        name = "RandomElasticTransform"
        self.factor = span(name, "factor", factor, 0, 1.0)
        self.scale = span(name, "scale", scale, 0, 1.0)
        self.interpolation = one_of(name, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = one_of(name, "fill_mode", fill_mode, (*FILL_MODES, "mirror"))
        self.fill_value = fill_value
        self.value_range = pair_of_values(name, "value_range", value_range)

    def get_elastic_transform_params(self, height, width, factor):
        """(alpha, sigma) of `ops.image.elastic_transform` for images of that size."""
        return max(height, width) * 0.1 * factor, min(height, width) * 0.05 * factor

    def draw(self, images, seed):
        seed = self.generator if seed is None else seed
        n, h, w = (images.shape[a] for a in (0, self.height_axis, self.width_axis))
        alpha, sigma = self.get_elastic_transform_params(h, w, self.uniform((), *self.scale, seed))
        sigma = ops.maximum(sigma, 1e-3)
        weights = gaussian(int(6 * 0.05 * min(h, w) * self.scale[1]) | 1, sigma)
        noise = random.normal((2, n, h, w), dtype="float32", seed=seed)
        smooth = stencil(stencil(ops.multiply(noise, sigma), 2, weights), 3, weights)
        chosen = ops.reshape(self.chosen(images, self.factor, seed), (1, n, 1, 1))
        return {"moved": ops.where(chosen, ops.multiply(smooth, alpha), 0.0)}

    def apply(self, images, drawn):
        return ops.clip(self._bent(images, drawn, self.interpolation), *self.value_range)

    def apply_masks(self, masks, drawn):
        return self._bent(masks, drawn, "nearest")

    def _bent(self, images, drawn, interpolation):
        layout = Layout("RandomElasticTransform", images, self.data_format)
        return bend(layout, drawn["moved"], interpolation, self.fill_mode, self.fill_value)


class RandomGaussianBlur(RandomImageLayer):
    """In training, with a probability drawn from the span `factor`, blurs images with Gaussians of `kernel_size` (odd;
    one number, or width and height) and deviations drawn from the span `sigma`, in [0, 1]; the same for a batch."""

    arguments = ("factor", "kernel_size", "sigma", "value_range")

    def __init__(
        self,
        factor=1.0,
        kernel_size=3,
        sigma=1.0,
        value_range=(0, 255),
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = span("RandomGaussianBlur", "factor", factor, 0, 1.0)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
        if len(sizes) != 2 or not all(isinstance(k, int) and k > 0 and k % 2 for k in sizes):
            raise ValueError(f"[RandomGaussianBlur] kernel_size must be an odd integer, or two, got {kernel_size!r}")
        self.kernel_size = sizes
        self.sigma = span("RandomGaussianBlur", "sigma", sigma, 0, 1.0)
        self.value_range = pair_of_values("RandomGaussianBlur", "value_range", value_range)

    def draw(self, images, seed):
        sigma = ops.add(self.uniform((2,), *self.sigma, seed), 1e-6)
        return {"should_apply_blur": self.chosen(images, self.factor, seed), "blur_factor": sigma}

    def apply(self, images, drawn):
        x = images
        for i, axis in enumerate((self.width_axis, self.height_axis)):
            weights = [ops.cast(w, x.dtype) for w in gaussian(self.kernel_size[i], drawn["blur_factor"][i])]
            x = stencil(x, axis, weights)
        return ops.clip(ops.where(drawn["should_apply_blur"], x, images), *self.value_range)
