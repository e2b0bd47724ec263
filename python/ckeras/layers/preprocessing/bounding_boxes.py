"""MaxNumBoundingBoxes."""

from ckeras import ops
from ckeras.layers.preprocessing.image_base import ImageLayer, positive


class MaxNumBoundingBoxes(ImageLayer):
    """Bounding boxes of images in one number: of `{"images", "bounding_boxes": {"boxes": [N, M, 4], "labels": [N, M]}}`
    the first `max_number` boxes, or as many with boxes and labels of `fill_value` after them. The rest passes.

    >>> boxes = {"boxes": ops.ones((1, 1, 4)), "labels": ops.ones((1, 1))}
    >>> out = ckeras.layers.MaxNumBoundingBoxes(2)({"images": ops.ones((1, 4, 4, 3)), "bounding_boxes": boxes})
    >>> out["bounding_boxes"]["labels"].numpy()
    array([[ 1., -1.]], dtype=float32)
    """

    always = True
    arguments = ("max_number", "fill_value")

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number = positive("MaxNumBoundingBoxes", "max_number", max_number)
        self.fill_value = fill_value

    def apply(self, images, drawn):
        return images

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The boxes and labels, cut or filled to `max_number`."""
        if isinstance(bounding_boxes, dict):
            return {k: self._cut(v) for k, v in bounding_boxes.items()}
        return self._cut(bounding_boxes)

    def _cut(self, x):
        x = x[:, : self.max_number]
        missing = self.max_number - x.shape[1]
        return ops.pad(x, [[0, 0], [0, missing]] + [[0, 0]] * (x.ndim - 2), constant_values=self.fill_value)
