"""Bounding boxes: formats, overlaps, deltas to anchors, and what happens to boxes when their image is changed."""

from ckeras.utils.bounding_boxes.changes import affine_transform, clip_to_image_size, crop, pad
from ckeras.utils.bounding_boxes.formats import convert_format, decode_deltas_to_boxes, encode_box_to_deltas
from ckeras.utils.bounding_boxes.overlaps import compute_ciou, compute_iou

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
