"""Functions on bounding boxes: what Keras leaves out, and what is refused. Values: tests/parity/test_keras_boxes.py."""

import numpy as np
import pytest

import ckeras as keras

boxes = keras.utils.bounding_boxes
B = np.array([[10, 20, 30, 50], [0, 0, 8, 4]], "float32")


def test_what_keras_leaves_out():
    ciou = boxes.compute_ciou(B, B[::-1], "xyxy").numpy()
    relative = boxes.convert_format(B, "xyxy", "rel_xywh", 80, 100)
    found = boxes.compute_ciou(relative, relative[::-1], "rel_xywh", image_shape=(80, 100, 3))
    np.testing.assert_allclose(found.numpy(), ciou, rtol=1e-5)
    sides = boxes.convert_format(B, "xyxy", "xywh")
    for name, args in (("crop", (5, 4, 30, 20)), ("pad", (5, 4))):
        change = getattr(boxes, name)
        other = boxes.convert_format(change(sides, *args, bounding_box_format="XYWH"), "xywh", "xyxy")
        np.testing.assert_allclose(other.numpy(), change(B, *args).numpy())
    cut = boxes.clip_to_image_size({"boxes": sides, "more": 1}, 30, 20, bounding_box_format="xywh")
    assert cut["more"] == 1 and cut["boxes"].numpy().tolist() == [[10, 20, 10, 10], [0, 0, 8, 4]]
    n = np.zeros(1, "float32")
    turned = boxes.affine_transform(sides[None], n, n, n, n + 2, n, n, 101, 101, bounding_box_format="xywh")
    np.testing.assert_allclose(turned.numpy()[0, 1], [-50, -50, 16, 8], atol=1e-4)


def test_dicts_are_left_as_they_are():
    given = {"boxes": B, "labels": [0, 1]}
    found = boxes.convert_format(given, "xyxy", "yxyx", dtype="float64")
    assert found["boxes"].dtype == "float64" and found["labels"] == [0, 1] and given["boxes"] is B
    deltas = {"P3": boxes.encode_box_to_deltas(B, B + 1, "xyxy", "xyxy")}
    back = boxes.decode_deltas_to_boxes({"P3": B}, deltas, "xyxy", "xyxy")
    np.testing.assert_allclose(back["P3"].numpy(), B + 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: boxes.convert_format(B, "xyxy", "xywx"), "no format of boxes.*'xywh'"),
        (lambda: boxes.convert_format(B, None, "xyxy"), "source=None"),
        (lambda: boxes.convert_format(B[:, :3], "xyxy", "xywh"), r"shape \(\.\.\., 4\)"),
        (lambda: boxes.convert_format(B, "xyxy", "rel_xyxy", height=3), "height and width"),
        (lambda: boxes.compute_iou(B[0], B, "xyxy"), "boxes1 must have"),
        (lambda: boxes.compute_iou(B, B, "xyxy", image_shape=(3, 4)), "image_shape"),
        (lambda: boxes.encode_box_to_deltas(B, B, "xyxy", "xyxy", "xyxy"), "encoding_format"),
        (lambda: boxes.decode_deltas_to_boxes(B, B, "xyxy", "xyxy", variance=[1, 2]), "variance"),
        (lambda: boxes.clip_to_image_size({"boxes": B}), "height and width"),
        (lambda: boxes.crop(B, 1, 1, 2, 2, "rel_xyxy"), "bounding_box_format"),
        (lambda: boxes.affine_transform(B, 0, 0, 0, 1, 0, 0, 9, 9), "batch"),
    ],
)
def test_what_is_refused(run, words):
    with pytest.raises(ValueError, match=words):
        run()
