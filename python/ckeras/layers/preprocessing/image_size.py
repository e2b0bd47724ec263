"""Layers that give images another size: Resizing, CenterCrop, RandomCrop."""

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.rng import make_default_seed
from ckeras.layers.preprocessing.image_base import ImageLayer, RandomImageLayer, one_of, positive
from ckeras.layers.preprocessing.image_boxes import as_row, resized

_METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class Resizing(ImageLayer):
    """Images in the size (height, width), as by `ops.image.resize`, in training and out of it.

    `crop_to_aspect_ratio` cuts what would be distorted, `pad_to_aspect_ratio` pads with `fill_value` (`fill_mode` is
    `"constant"`). Images of integers are rounded; the result has the compute dtype.

    >>> ckeras.layers.Resizing(2, 3)(ops.ones((1, 8, 8, 1))).shape
    (1, 2, 3, 1)
    """

    always = True
    also_masks = True
    arguments = ("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode")
    arguments += ("fill_value", "antialias")

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive("Resizing", "height", height)
        self.width = positive("Resizing", "width", width)
        self.interpolation = one_of("Resizing", "interpolation", interpolation, _METHODS)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("[Resizing] only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True")
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = one_of("Resizing", "fill_mode", fill_mode, ("constant",))
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def transform_images(self, images, transformation=None, training=True):
        return self._resized(images, self.interpolation)

    def apply_masks(self, masks, drawn):
        return self._resized(masks, "nearest")

    def apply_boxes(self, corners, drawn, size):
        crop, pad = self.crop_to_aspect_ratio, self.pad_to_aspect_ratio
        return resized(corners, size, (self.height, self.width), crop, pad)

    def _resized(self, images, interpolation):
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        return self.resized_shape(input_shape, self.height, self.width)


class CenterCrop(ImageLayer):
    """The middle (height, width) of images; smaller images are enlarged, and cut to that aspect ratio.

    >>> ckeras.layers.CenterCrop(2, 2)(ops.arange(16.0).reshape((4, 4, 1)))[..., 0].numpy()
    array([[ 5.,  6.],
           [ 9., 10.]], dtype=float32)
    """

    always = True
    also_masks = True
    arguments = ("height", "width")

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive(type(self).__name__, "height", height)
        self.width = positive(type(self).__name__, "width", width)

    def apply(self, images, drawn):
        return centre(self, images)

    def apply_masks(self, masks, drawn):
        return centre(self, masks, "nearest")

    def apply_boxes(self, corners, drawn, size):
        wanted = self.height, self.width
        down, right = (n - m for n, m in zip(size, wanted))
        if min(down, right) < 0:
            return resized(corners, size, wanted, crop=True)
        return corners - as_row(right // 2, down // 2, corners)

    def compute_output_shape(self, input_shape):
        return self.resized_shape(input_shape, self.height, self.width)


def centre(layer, images, interpolation="bilinear"):
    """The middle (layer.height, layer.width), or the middle of that aspect ratio enlarged where it does not fit."""
    size = layer.height, layer.width
    spare = [images.shape[a] - n for a, n in zip((layer.height_axis, layer.width_axis), size)]
    if min(spare) < 0:
        return ops.image.resize(
            images, size, interpolation=interpolation, crop_to_aspect_ratio=True, data_format=layer.data_format
        )
    return ops.image.crop_images(
        images,
        top_cropping=spare[0] // 2,
        left_cropping=spare[1] // 2,
        target_height=size[0],
        target_width=size[1],
        data_format=layer.data_format,
    )


class RandomCrop(RandomImageLayer):
    """In training, a part (height, width) of the images at random, the same in all of a batch.

    Otherwise, and for images that are smaller in a dimension, the middle of that aspect ratio, resized.
    """

    always = True
    also_masks = True
    arguments = ("height", "width")

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        seed = make_default_seed() if seed is None else seed
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height = positive("RandomCrop", "height", height)
        self.width = positive("RandomCrop", "width", width)

    def get_random_transformation(self, data, training=True, seed=None):
        images = data["images"] if isinstance(data, dict) else data
        spare = [images.shape[a] - n for a, n in self._sizes()]
        whole = {"input_shape": tuple(images.shape)}
        if not training or min(spare) < 0:
            return whole
        starts = [ops.cast(ops.floor(self.uniform((), 0, n + 1, seed)), "int32") for n in spare]
        return {**whole, "starts": [ops.minimum(start, n) for start, n in zip(starts, spare)]}

    def _sizes(self):
        return (self.height_axis, self.height), (self.width_axis, self.width)

    def apply(self, images, drawn, interpolation="bilinear"):
        if "starts" not in drawn:
            size = self.height, self.width
            if images.dtype not in dtypes.FLOATS and interpolation == "bilinear":
                images = ops.cast(images, self.compute_dtype)
            return ops.image.resize(
                images, size, interpolation=interpolation, crop_to_aspect_ratio=True, data_format=self.data_format
            )
        for (axis, n), start in zip(self._sizes(), drawn["starts"]):
            images = ops.take(images, ops.add(ops.arange(n, dtype="int32"), start), axis=axis)
        return images

    def apply_masks(self, masks, drawn):
        return self.apply(masks, drawn, "nearest")

    def apply_boxes(self, corners, drawn, size):
        if "starts" not in drawn:
            return resized(corners, size, (self.height, self.width), crop=True)
        down, right = drawn["starts"]
        return ops.subtract(corners, ops.cast(ops.stack([right, down, right, down]), corners.dtype))

    def compute_output_shape(self, input_shape):
        return self.resized_shape(input_shape, self.height, self.width)
