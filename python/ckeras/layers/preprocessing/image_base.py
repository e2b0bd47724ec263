"""The base of layers that prepare or vary images."""

from ckeras import ops, random
from ckeras._core.rng import SeedGenerator
from ckeras._core.settings import standardize_data_format
from ckeras._core.tensor import TensorBase
from ckeras.layers.layer import Layer
from ckeras.utils.bounding_boxes.changes import clip_to_image_size
from ckeras.utils.bounding_boxes.formats import FORMATS, convert_format

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
INTERPOLATIONS = ("nearest", "bilinear")
_TREATED = ("images", "labels", "segmentation_masks", "bounding_boxes")


def one_of(layer, name, value, known):
    """`value`, or `ValueError` that lists the known ones."""
    if value not in known:
        raise ValueError(f"[{layer}] {name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def span(layer, name, value, least=-1.0, most=1.0, open_below=False):
    """(lower, upper) of a factor: a pair, or one number f for (-f, f), cut at `least`."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in pair)
    inside = numbers and all(least <= v <= most and not (open_below and v == least) for v in pair)
    if not inside or len(pair) != (2 if isinstance(value, (tuple, list)) else 1):
        bracket = "(" if open_below else "["
        raise ValueError(
            f"[{layer}] {name} must be a number, or a pair (lower, upper), in {bracket}{least}, {most}], got {value!r}"
        )
    return tuple(sorted(pair)) if len(pair) == 2 else (max(-abs(value), least), abs(value))


def pair_of_values(layer, name, value):
    """A range of values as a sorted list of two numbers, one less than the other."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    if not pair or not all(isinstance(v, (int, float)) for v in value) or not abs(value[1] - value[0]) > 0:
        raise ValueError(f"[{layer}] {name} must be a pair (least, most) of numbers, as (0, 255), got {value!r}")
    return sorted(value)


def positive(layer, name, value):
    """A size: an integer of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"[{layer}] {name} must be an integer of at least 1, got {value!r}")
    return value.__index__()


class ImageLayer(Layer):
    """Base of layers on images [N, H, W, C] or [H, W, C] (channels first where `data_format` says so).

    They also take a dict with `"images"` and any of `"labels"`, `"segmentation_masks"`, `"bounding_boxes"`, of which
    each is changed as its images are; other entries pass. A subclass says what it draws for a batch in
    `draw(images, seed)` and what it does with it in `apply(images, drawn)`, both for a batch; `also_masks` says that
    masks and boxes move as the pixels do, by `apply_masks` and `apply_boxes`. Without `training`, images pass unchanged
    unless `always` is set.

    Boxes are `{"boxes": [N, M, 4], "labels": [N, M]}` in the format `bounding_box_format`, as
    `utils.bounding_boxes.convert_format` has it. They are cut at the borders; what loses its area has the label -1.
    """

    always = False
    also_masks = False
    arguments = ()  # of the constructor, held in attributes of the same names

    def __init__(self, data_format=None, bounding_box_format=None, **kwargs):
        super().__init__(**kwargs)
        if bounding_box_format is not None:
            one_of(type(self).__name__, "bounding_box_format", bounding_box_format, FORMATS)
        self.bounding_box_format = bounding_box_format
        self.data_format = standardize_data_format(data_format)
        first = self.data_format == "channels_first"
        self.height_axis, self.width_axis, self.channel_axis = (2, 3, 1) if first else (1, 2, 3)
        self.built = True

    def draw(self, images, seed):
        """What is random in the treatment of a batch; the subclass's `apply` reads it."""
        return {}

    def apply(self, images, drawn):
        raise NotImplementedError(f"{type(self).__name__} does not define apply(images, drawn)")

    def apply_masks(self, masks, drawn):
        return self.apply(masks, drawn)

    def apply_boxes(self, corners, drawn, size):
        """Boxes [N, M, 4], (left, top, right, bottom) in pixels, of images of the size (height, width)."""
        raise NotImplementedError(f"{type(self).__name__} does not define apply_boxes(corners, drawn, size)")

    def apply_labels(self, labels, drawn):
        return labels

    def get_random_transformation(self, data, training=True, seed=None):
        """What `transform_images` and its like do to this batch: None outside of training."""
        if not training and not self.always:
            return None
        images = data["images"] if isinstance(data, dict) else data
        images = ops.convert_to_tensor(images)
        return {**self.draw(images, seed), "input_shape": tuple(images.shape)}

    def transform_images(self, images, transformation=None, training=True):
        """A batch of images, in the compute dtype, after the transformation."""
        images = ops.cast(images, self.compute_dtype)
        return self._transform(self.apply, images, transformation, training)

    def transform_labels(self, labels, transformation, training=True):
        """The labels of a batch of images after the transformation."""
        return self._transform(self.apply_labels, labels, transformation, training)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """The masks [N, H, W, 1] of a batch of images after the transformation."""
        if not self.also_masks:
            return segmentation_masks
        return self._transform(self.apply_masks, segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes of a batch of images: as they are where pixels stay."""
        if not self.also_masks or (not self.always and (not training or transformation is None)):
            return bounding_boxes
        name, form = type(self).__name__, self.bounding_box_format
        if type(self).apply_boxes is ImageLayer.apply_boxes:
            raise NotImplementedError(f"[{name}] does not move bounding boxes; pass images, labels, segmentation_masks")
        if form is None:
            raise ValueError(f"[{name}] bounding boxes need their format: {name}(..., bounding_box_format='xyxy')")
        if not isinstance(bounding_boxes, dict) or "boxes" not in bounding_boxes:
            raise ValueError(f"[{name}] bounding boxes must be a dict with 'boxes' and 'labels'")
        old = tuple(transformation["input_shape"][a] for a in (self.height_axis, self.width_axis))
        corners = convert_format(bounding_boxes["boxes"], form, "xyxy", *old)
        found = {**bounding_boxes, "boxes": self.apply_boxes(corners, transformation, old)}
        new = self.compute_output_shape(transformation["input_shape"])
        new = new[self.height_axis], new[self.width_axis]
        return convert_format(clip_to_image_size(found, *new), "xyxy", form, *new)

    def transform_single_image(self, image, transformation, training=True):
        """`transform_images` of one image."""
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label, transformation, training=True):
        """`transform_labels` of one label."""
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """`transform_segmentation_masks` of one mask."""
        return self._single(self.transform_segmentation_masks, segmentation_mask, transformation, training)

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        """`transform_bounding_boxes` of one image's boxes."""
        return self._single(self.transform_bounding_boxes, bounding_box, transformation, training)

    def _single(self, function, value, transformation, training):
        batch = _each(lambda v: ops.expand_dims(v, 0), value)
        return _each(lambda v: ops.squeeze(v, 0), function(batch, transformation, training=training))

    def _transform(self, function, values, transformation, training):
        if not self.always and (not training or transformation is None):
            return values
        return function(values, {} if transformation is None else transformation)

    def call(self, data, training=True):
        batch = dict(data) if isinstance(data, dict) else {"images": data}
        if "images" not in batch:
            raise ValueError(f"[{type(self).__name__}] the dict must have 'images', got {sorted(batch)}")
        rank = len(batch["images"].shape)
        if rank not in (3, 4):
            raise ValueError(
                f"[{type(self).__name__}] images must be of rank 3 (one) or 4 (a batch), got shape "
                f"{batch['images'].shape}"
            )
        treated = [k for k in _TREATED if k in batch]
        if rank == 3:
            for k in treated:
                batch[k] = _each(lambda v: ops.expand_dims(v, 0), batch[k])
        transformation = self.get_random_transformation(batch, training=training)
        for k in treated:
            value = getattr(self, f"transform_{k}")(batch[k], transformation, training=training)
            batch[k] = _each(lambda v: ops.squeeze(v, 0), value) if rank == 3 else value
        return batch if isinstance(data, dict) else batch["images"]

    def compute_output_shape(self, input_shape):
        return input_shape if isinstance(input_shape, dict) else tuple(input_shape)

    def resized_shape(self, input_shape, height, width):
        """`input_shape` with another height and width."""
        shape = list(input_shape)
        rest = len(shape) - 4
        shape[self.height_axis + rest], shape[self.width_axis + rest] = height, width
        return tuple(shape)

    def get_config(self):
        own = {name: getattr(self, name) for name in self.arguments}
        if self.bounding_box_format is not None:
            own["bounding_box_format"] = self.bounding_box_format
        return {**super().get_config(), "data_format": self.data_format, **own}


class RandomImageLayer(ImageLayer):
    """Base of layers that draw: `seed` fixes what, from the first call on."""

    def __init__(self, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.seed = seed
        self.generator = SeedGenerator(seed)

    def uniform(self, shape, low, high, seed=None):
        """Uniform numbers of [low, high), of the layer's seeds unless `seed` says otherwise."""
        return random.uniform(shape, float(low), float(high), "float32", self.generator if seed is None else seed)

    def chosen(self, images, factor, seed):
        """bool [N, 1, 1, 1]: each image with a probability drawn from the span `factor`."""
        shape = (images.shape[0], 1, 1, 1)
        return ops.less(self.uniform(shape, 0, 1, seed), self.uniform(shape, *factor, seed))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _each(function, value):
    """`function` of a tensor, or of each in a dict of them (the parts of bounding boxes)."""
    if isinstance(value, dict):
        return {k: function(v) for k, v in value.items()}
    return function(value if isinstance(value, TensorBase) else ops.convert_to_tensor(value))
