"""The functions of ops.image beside Keras's: values and dtypes."""

import beside
import numpy as np
import pytest
from beside import real

import ckeras
from ckeras import ops

pytestmark = beside.MARKS

rng = np.random.default_rng(3)
FLOATS = rng.random((2, 6, 5, 3)).astype("float32")
BYTES = rng.integers(0, 256, (2, 6, 5, 3)).astype("uint8")
WHOLE = BYTES.astype("int32") * 3 - 300
VOLUMES = rng.random((2, 4, 5, 6, 2)).astype("float32")
LARGE = [rng.random((2, 14, 13, 3)).astype("float32") for _ in range(2)]
COORDINATES = rng.uniform(-4, 9, (2, 4, 7)).astype("float32")
AFFINE = np.array([[0.9, 0.2, 0.3, -0.1, 1.1, 0.4, 0, 0], [1.2, -0.3, -1.3, 0.2, 0.8, 1.0, 0, 0]], "float32")
START = np.array([[[0, 0], [4, 0], [0, 5], [4, 5]], [[1, 0], [4, 1], [0, 4], [3, 5]]], "float32")
END = np.array([[[0, 1], [4, 0], [1, 5], [3, 4]], [[0, 0], [4, 0], [0, 5], [4, 5]]], "float32")
SCALE, SHIFT = np.array([0.6, 1.7], "float32"), np.array([0.4, -0.7], "float32")
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")

ROWS = [
    *[
        ("resize", (x, size, method), {"antialias": antialias})
        for x in (FLOATS, BYTES, WHOLE)
        for size in ((4, 9), (6, 2), (13, 11))
        for method in METHODS
        for antialias in (False, True)
        if x is FLOATS or size == (4, 9)
    ],
    *[
        ("resize", (x, size), {option: True, "fill_value": 7.0})
        for x in (FLOATS, BYTES)
        for size in ((4, 9), (9, 4), (7, 7))
        for option in ("crop_to_aspect_ratio", "pad_to_aspect_ratio")
    ],
    ("resize", (FLOATS[0], (3, 3)), {}),
    ("resize", (FLOATS, (4, 9)), {"data_format": "channels_first"}),
    *[
        ("map_coordinates", (x[0, :, :, 0], COORDINATES, order), {"fill_mode": mode, "fill_value": 2})
        for x in (FLOATS, BYTES, WHOLE)
        for order in (0, 1)
        for mode in MODES
    ],
    ("map_coordinates", (FLOATS, rng.uniform(-1, 4, (4, 6)).astype("float32"), 1), {}),
    *[
        ("affine_transform", (x, AFFINE, method, mode, 3.0), {})
        for x in (FLOATS, BYTES)
        for method in ("nearest", "bilinear")
        for mode in MODES
    ],
    ("affine_transform", (FLOATS[0], AFFINE[1]), {}),
    ("affine_transform", (FLOATS[:, :, :3], AFFINE), {"data_format": "channels_first"}),
    *[("perspective_transform", (FLOATS, START, END, method, 2.0), {}) for method in ("nearest", "bilinear")],
    ("perspective_transform", (FLOATS[1], START[1], END[1]), {}),
    ("gaussian_blur", (FLOATS,), {"data_format": "channels_last"}),
    ("gaussian_blur", (FLOATS[0], (5, 4), (1.5, 0.5)), {"data_format": "channels_last"}),
    ("gaussian_blur", (FLOATS, (3, 5), (0.7, 2.0)), {"data_format": "channels_first"}),
    *[("rgb_to_grayscale", (x,), {}) for x in (FLOATS, BYTES, WHOLE, FLOATS[0], FLOATS[..., :1])],
    ("rgb_to_hsv", (FLOATS,), {}),
    ("rgb_to_hsv", (np.round(FLOATS * 2) / 2,), {}),
    ("rgb_to_hsv", (np.moveaxis(FLOATS, -1, 1),), {"data_format": "channels_first"}),
    ("hsv_to_rgb", (FLOATS,), {}),
    ("hsv_to_rgb", (FLOATS[0],), {}),
    ("sobel_edges", (FLOATS,), {}),
    ("sobel_edges", (WHOLE,), {}),
    ("sobel_edges", (FLOATS,), {"data_format": "channels_first"}),
    ("ssim", tuple(LARGE), {}),
    ("ssim", (LARGE[0][0], LARGE[1][0]), {"max_val": 2.0, "filter_size": 5, "filter_sigma": 1.0, "k1": 0.1, "k2": 0.2}),
    ("ssim", (LARGE[0].transpose(0, 3, 1, 2), LARGE[1].transpose(0, 3, 1, 2)), {"data_format": "channels_first"}),
    *[
        ("scale_and_translate", (x, (2, 4, 9, 3), SCALE, SHIFT, (1, 2), method), {"antialias": antialias})
        for x in (FLOATS, WHOLE)
        for method in ("linear", "bicubic", "lanczos3", "lanczos5")
        for antialias in (False, True)
    ],
    ("extract_patches", (FLOATS, 2), {}),
    ("extract_patches", (BYTES, (3, 2), 2), {"padding": "same"}),
    ("extract_patches", (FLOATS, 2, 1, 2), {}),
    ("extract_patches", (FLOATS[0].transpose(2, 0, 1), (2, 3), (1, 2)), {"data_format": "channels_first"}),
    ("extract_patches_3d", (VOLUMES, (2, 3, 2)), {"padding": "same"}),
    ("extract_patches_3d", (VOLUMES[0], 2, 1, 2), {}),
    ("extract_patches_3d", (VOLUMES, 2, (1, 2, 1)), {"data_format": "channels_first"}),
    ("pad_images", (FLOATS, 1, 2), {"target_height": 9, "right_padding": 3}),
    ("pad_images", (BYTES[0],), {"bottom_padding": 1, "target_height": 8, "left_padding": 1, "target_width": 6}),
    ("pad_images", (FLOATS, 1, 2, 3, 4), {"data_format": "channels_first"}),
    ("crop_images", (FLOATS, 1, 2), {"target_height": 2, "right_cropping": 1}),
    ("crop_images", (BYTES[0],), {"bottom_cropping": 1, "target_height": 3, "left_cropping": 1, "target_width": 2}),
    ("crop_images", (FLOATS, 1, 0, 2, 1), {"data_format": "channels_first"}),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]} {i}" for i, row in enumerate(ROWS)])
def test_values(row):
    name, args, kwargs = row
    want = np.asarray(getattr(real.ops.image, name)(*args, **kwargs))
    got = getattr(ops.image, name)(*args, **kwargs).numpy()
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if want.dtype.kind == "f":
        scale = max(1.0, np.abs(want).max())
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * scale)
    else:
        # A sum that lies on a half may be rounded either way where numbers are weighted.
        difference = np.abs(got.astype("int64") - want.astype("int64"))
        assert difference.max() <= (name in ("resize", "affine_transform")) and np.mean(difference > 0) < 0.1


@pytest.mark.parametrize("name", sorted(n for n in dir(real.ops.image) if not n.startswith("_")))
def test_nothing_is_missing(name):
    assert callable(getattr(ops.image, name))


def test_gradients_of_a_transform():
    import jax

    v = rng.normal(size=FLOATS.shape).astype("float32")
    want = jax.grad(lambda x, t: (real.ops.image.affine_transform(x, t) * v).sum(), argnums=(0, 1))(FLOATS, AFFINE)
    from ckeras import grad

    got = grad(lambda x, t: ops.sum(ops.image.affine_transform(x, t) * v), (0, 1))(ops.array(FLOATS), ops.array(AFFINE))
    # The last two entries: without TensorFlow Keras takes no perspective.
    np.testing.assert_allclose(got[0].numpy(), want[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got[1].numpy()[:, :6], want[1][:, :6], rtol=1e-4, atol=1e-4)


BOXED = [
    ("CenterCrop", {"height": 4, "width": 5}),
    ("CenterCrop", {"height": 14, "width": 12}),
    ("Resizing", {"height": 5, "width": 3}),
    ("Resizing", {"height": 4, "width": 6, "pad_to_aspect_ratio": True}),
    ("RandomRotation", {"factor": (0.125, 0.125)}),
    ("RandomZoom", {"height_factor": (-0.5, -0.5), "width_factor": (0.2, 0.2)}),
    ("RandomTranslation", {"height_factor": (0.25, 0.25), "width_factor": (-0.25, -0.25)}),
]


@pytest.mark.parametrize(("name", "arguments"), BOXED)
@pytest.mark.parametrize("form", ["xyxy", "rel_xywh"])
def test_bounding_boxes(name, arguments, form):
    if (name, form) == ("RandomRotation", "rel_xywh"):
        pytest.skip("Keras 3.15 turns relative boxes as if they were pixels")
    boxes = np.array([[[1, 1, 5, 5], [0, 0, 8, 8]], [[2, 2, 6, 7], [7, 0, 8, 1]]], "float32")
    boxes = ckeras.utils.bounding_boxes.convert_format(boxes, "xyxy", form, 8, 8).numpy()
    found = []
    for k in (real, ckeras):
        layer = getattr(k.layers, name)(**arguments, bounding_box_format=form)
        given = {"boxes": boxes.copy(), "labels": np.array([[0, 1], [1, 2]])}
        out = layer({"images": np.ones((2, 8, 8, 3), "float32"), "bounding_boxes": given}, training=True)
        found.append({p: np.asarray(v) for p, v in out["bounding_boxes"].items()})
    np.testing.assert_allclose(found[1]["boxes"], found[0]["boxes"], atol=1e-5)
    np.testing.assert_array_equal(found[1]["labels"], found[0]["labels"])
