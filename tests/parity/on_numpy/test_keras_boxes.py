"""The functions of utils.bounding_boxes beside Keras's."""

import beside
import numpy as np
import pytest
from beside import real

import ckeras

pytestmark = beside.MARKS
FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")
SIZE = {"height": 80, "width": 100}
IMAGE = (80, 100, 3)
rng = np.random.default_rng(0)
CORNER = rng.uniform(0, 40, (2, 5, 2))
BOXES = np.concatenate([CORNER, CORNER + rng.uniform(1, 30, (2, 5, 2))], -1).astype("float32")
OTHER = BOXES[:, ::-1][:, :3] + 3
FILLED = np.concatenate([BOXES, -np.ones((2, 1, 4), "float32")], 1)
LABELLED = {"boxes": BOXES, "labels": np.arange(10).reshape(2, 5)}
VARIANCE = [0.1, 0.1, 0.2, 0.2]
CHANGE = [np.array(v, "float32") for v in ([30, -70], [0.1, -0.2], [0.05, 0.3], [1.5, 0.7], [10, 0], [0, 20])]

ROWS = [
    *[("convert_format", (BOXES / 50, s, t), SIZE) for s in FORMATS for t in FORMATS],
    *[("compute_iou", (BOXES / 50, OTHER / 50, f), {"image_shape": IMAGE}) for f in FORMATS],
    *[("compute_iou", pair, {}) for pair in ((BOXES[0], OTHER[0], "xyxy"), (BOXES, OTHER[0], "xyxy"))],
    ("compute_iou", (BOXES[0], OTHER, "xyxy"), {}),
    ("compute_iou", (FILLED, FILLED, "xyxy"), {"use_masking": True, "mask_val": -2}),
    ("compute_ciou", (BOXES, BOXES[:, ::-1], "xyxy"), {}),
    ("compute_ciou", (BOXES[0], BOXES[1], "center_xywh"), {}),
    *[
        (name, (BOXES[0], boxes, "xyxy", "xywh", order, VARIANCE), {})
        for order in ("center_xywh", "center_yxhw")
        for name, boxes in (("encode_box_to_deltas", BOXES), ("decode_deltas_to_boxes", BOXES / 100))
    ],
    ("encode_box_to_deltas", (BOXES[0] / 100, BOXES, "rel_xyxy", "yxyx"), {"image_shape": IMAGE}),
    ("decode_deltas_to_boxes", (BOXES[0] / 100, BOXES / 100, "rel_xyxy", "rel_yxyx"), {"image_shape": IMAGE}),
    ("crop", (BOXES, 10, 5, 20, 30), {}),
    ("pad", (BOXES, 10, 5), {}),
    ("clip_to_image_size", (LABELLED, 20, 25), {}),
    ("clip_to_image_size", ({**LABELLED, "boxes": BOXES / 30},), {"bounding_box_format": "rel_xyxy"}),
    ("affine_transform", (BOXES, *CHANGE, 80, 100), {}),
    ("affine_transform", (BOXES, *CHANGE, 80, 100, 0.2, 0.9), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), ROWS, ids=lambda x: x if isinstance(x, str) else "")
def test_values(name, args, kwargs):
    found, expected = (getattr(k.utils.bounding_boxes, name)(*args, **kwargs) for k in (ckeras, real))
    if not isinstance(found, dict):
        found, expected = {"boxes": found}, {"boxes": expected}
    for key, value in expected.items():
        np.testing.assert_allclose(np.asarray(found[key]), np.asarray(value), rtol=2e-5, atol=2e-4)
