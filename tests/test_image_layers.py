"""Layers that prepare and vary images: what they draw, what they refuse, what they do to labels and masks."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

rng = np.random.default_rng(0)
IMAGES = (rng.random((8, 6, 7, 3)) * 255).astype("float32")
MASKS = rng.integers(0, 4, (8, 6, 7, 1)).astype("int32")

RANDOM = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.3}),
    ("RandomShear", {"x_factor": 0.4, "y_factor": 0.2}),
    ("RandomCrop", {"height": 4, "width": 3}),
    ("RandomBrightness", {"factor": 0.3}),
    ("RandomContrast", {"factor": 0.9}),
    ("RandomHue", {"factor": 0.5}),
    ("RandomSaturation", {"factor": (0.1, 0.9)}),
    ("RandomColorDegeneration", {"factor": (0.1, 0.9)}),
    ("RandomSharpness", {"factor": (0.1, 0.9)}),
    ("RandomPosterization", {"factor": (1, 6)}),
    ("RandomInvert", {"factor": (0.5, 0.5)}),
    ("RandomGrayscale", {}),
    (
        "RandomColorJitter",
        {"brightness_factor": 0.2, "contrast_factor": 0.5, "saturation_factor": (0.3, 0.7), "hue_factor": 0.2},
    ),
    ("Solarization", {"addition_factor": 0.4, "threshold_factor": 0.9}),
    ("RandomErasing", {"factor": (0.9, 0.9), "scale": (0.1, 0.5)}),
    ("RandomGaussianBlur", {"factor": (0.8, 0.8)}),
    ("RandomPerspective", {"factor": (0.9, 0.9), "scale": 0.5}),
    ("RandomElasticTransform", {}),
    ("MixUp", {}),
    ("CutMix", {}),
    ("RandAugment", {"num_ops": 3}),
    ("AugMix", {"num_chains": 2, "chain_depth": 2}),
]
MIXING = ("MixUp", "CutMix")
NAMES = [name for name, _ in RANDOM]


def make(name, arguments, seed=3):
    return getattr(layers, name)(**arguments, seed=seed)


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_draws_follow_the_seed(name, arguments):
    a, b, other = make(name, arguments), make(name, arguments), make(name, arguments, 4)
    first = np.asarray(a(IMAGES))
    np.testing.assert_array_equal(first, np.asarray(b(IMAGES)))
    assert not np.array_equal(first, np.asarray(a(IMAGES)))  # the second call draws anew
    assert not np.array_equal(first, np.asarray(other(IMAGES)))
    assert np.isfinite(first).all()


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_nothing_moves_outside_of_training(name, arguments):
    out = np.asarray(make(name, arguments)(IMAGES, training=False))
    if name != "RandomCrop":
        np.testing.assert_array_equal(out, IMAGES)
    else:
        assert out.shape == (8, 4, 3, 3)


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_traced_equals_eager(name, arguments):
    a, b = make(name, arguments), make(name, arguments)
    traced = ckeras.function(lambda x: b(x, training=True))
    for _ in range(2):
        np.testing.assert_array_equal(np.asarray(a(IMAGES)), np.asarray(traced(IMAGES)))


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_channels_first_is_the_same(name, arguments):
    if name in ("RandomErasing", "RandomColorJitter"):
        arguments = {**arguments, "value_range": (0, 255)}
    if name == "RandomErasing":
        arguments = {**arguments, "fill_value": [1.0, 2.0, 3.0]}  # noise is drawn in the order of the format
    last = np.asarray(make(name, arguments)(IMAGES))
    first = make(name, {**arguments, "data_format": "channels_first"})(IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(np.asarray(first).transpose(0, 2, 3, 1), last, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_masks_and_labels_go_with_their_images(name, arguments):
    layer = make(name, arguments)
    labels = np.arange(8)
    both = {"images": np.repeat(MASKS, 3, -1).astype("float32"), "segmentation_masks": MASKS, "labels": labels, "id": 1}
    if "interpolation" in layer.get_config():
        layer.interpolation = "nearest"
    out = layer(both)
    if name not in MIXING:
        np.testing.assert_array_equal(np.asarray(out["labels"]), labels)
    assert out["id"] == 1
    if name == "MixUp":
        boxes = {"boxes": np.arange(32.0).reshape(8, 1, 4), "labels": labels[:, None]}
        mixed = layer({"images": IMAGES, "bounding_boxes": boxes})["bounding_boxes"]
        np.testing.assert_array_equal(mixed["boxes"][:, :1], boxes["boxes"])
        order = np.asarray(mixed["labels"])[:, 1]
        np.testing.assert_array_equal(mixed["boxes"][:, 1], boxes["boxes"][order, 0])
        return
    assert np.asarray(out["segmentation_masks"]).dtype == np.int32
    if name == "RandAugment":
        return
    if layer.also_masks:
        np.testing.assert_array_equal(
            np.asarray(out["images"])[..., :1], np.asarray(out["segmentation_masks"]).astype("float32")
        )
        error = NotImplementedError if name in ("CutMix", "RandomElasticTransform") else ValueError
        with pytest.raises(error, match="bounding boxes"):
            layer({"images": IMAGES, "bounding_boxes": np.zeros((8, 1, 4))})
    else:
        np.testing.assert_array_equal(np.asarray(out["segmentation_masks"]), MASKS)


@pytest.mark.parametrize(("name", "arguments"), RANDOM, ids=NAMES)
def test_one_image_and_unknown_sizes(name, arguments):
    layer = make(name, arguments)
    out = np.asarray(layer(IMAGES[0]))
    assert out.ndim == 3
    symbolic = layer(ckeras.Input((6, 7, 3)))
    assert symbolic.shape == (None, *out.shape)
    model = ckeras.Sequential([ckeras.Input((6, 7, 3)), make(name, arguments), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(IMAGES / 255, np.ones((8, 1)), batch_size=4, verbose=0)


def test_single_methods_are_those_of_a_batch_of_one():
    layer = make("RandomFlip", {})
    drawn = layer.get_random_transformation(IMAGES[:1])
    pairs = (("images", "image", IMAGES[0]), ("segmentation_masks", "segmentation_mask", MASKS[0]))
    for many, one, x in pairs:
        want = getattr(layer, f"transform_{many}")(x[None], drawn)
        np.testing.assert_array_equal(
            np.asarray(getattr(layer, f"transform_single_{one}")(x, drawn)), np.asarray(want)[0]
        )
    np.testing.assert_array_equal(np.asarray(layer.transform_single_label(np.array([1, 0]), drawn)), [1, 0])


def test_a_flip_is_a_mirror_image():
    flipped = np.asarray(layers.RandomFlip("horizontal", seed=1)(IMAGES))
    same = [np.array_equal(a, b) for a, b in zip(flipped, IMAGES)]
    assert 0 < sum(same) < 8
    for a, b, kept in zip(flipped, IMAGES, same):
        np.testing.assert_array_equal(a, b if kept else b[:, ::-1])


def test_a_random_crop_is_a_part():
    out = np.asarray(layers.RandomCrop(4, 3, seed=1)(IMAGES))
    assert any(np.array_equal(out, IMAGES[:, i : i + 4, j : j + 3]) for i in range(3) for j in range(5))


def test_mixed_labels_say_what_the_images_show():
    plain = np.arange(8, dtype="float32")[:, None, None, None] * np.ones((8, 6, 7, 3), "float32")
    for name in MIXING:
        out = getattr(layers, name)(seed=2)({"images": plain, "labels": np.eye(8, dtype="float32"), "values": 1})
        labels, images = np.asarray(out["labels"]), np.asarray(out["images"])
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(images.mean((1, 2, 3)), labels @ np.arange(8), rtol=1e-4, atol=1e-4)
        assert not np.array_equal(images, plain)
    whole = layers.MixUp(seed=2)({"images": plain, "labels": np.arange(8)})
    np.testing.assert_allclose(
        np.asarray(whole["images"])[:, 0, 0, 0], np.asarray(whole["labels"]), rtol=1e-4, atol=1e-4
    )


def test_an_erased_rectangle_has_the_size_that_was_asked():
    layer = layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=-1, value_range=(-1, 1), seed=0)
    erased = np.asarray(layer(np.zeros((5, 8, 8, 1), "float32"))) == -1
    np.testing.assert_array_equal(erased.sum((1, 2, 3)), 16)


def test_equalization_fills_the_bins_of_each_image():
    ramp = np.repeat(np.arange(64.0), 4).reshape(1, 16, 16, 1).astype("float32")
    out = np.asarray(layers.Equalization()(np.concatenate([ramp, np.full_like(ramp, 9)])))
    np.testing.assert_allclose(np.unique(out[0]), np.round(np.arange(64) * 255 / 63), atol=1)
    np.testing.assert_array_equal(out[1], 9)
    outside = layers.Equalization()(ramp, training=False)
    np.testing.assert_array_equal(np.asarray(outside), ramp)


def test_tiles_are_equalized_by_themselves():
    name = "ContrastLimitedAdaptiveHistogramEqualization"
    layer = getattr(layers, name)(clip_limit=0, tile_grid_size=(1, 1))
    ramp = np.repeat(np.arange(64.0), 4).reshape(1, 16, 16, 1).astype("float32")
    np.testing.assert_allclose(np.asarray(layer(ramp)), ramp * (255 / 63), rtol=1e-5, atol=1e-3)
    last = np.asarray(getattr(layers, name)(tile_grid_size=(2, 3))(IMAGES))
    first = getattr(layers, name)(tile_grid_size=(2, 3), data_format="channels_first")(IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(np.asarray(first).transpose(0, 2, 3, 1), last, rtol=1e-6)
    assert not np.allclose(last, np.asarray(getattr(layers, name)(tile_grid_size=(2, 3), clip_limit=1.0)(IMAGES)))
    for arguments in ({"clip_limit": -1}, {"tile_grid_size": 8}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            getattr(layers, name)(**arguments)


def test_boxes_become_as_many():
    boxes = {"boxes": np.ones((2, 3, 4), "float32"), "labels": np.arange(6.0).reshape(2, 3)}
    more, fewer = (
        layers.MaxNumBoundingBoxes(n, fill_value=-2)({"images": IMAGES[:2], "bounding_boxes": boxes})["bounding_boxes"]
        for n in (5, 2)
    )
    assert np.asarray(more["labels"]).tolist() == [[0, 1, 2, -2, -2], [3, 4, 5, -2, -2]]
    assert np.asarray(more["boxes"]).shape == (2, 5, 4) and np.asarray(more["boxes"])[0, 4, 0] == -2
    assert np.asarray(fewer["labels"]).tolist() == [[0, 1], [3, 4]]


def test_options_of_augmix_count():
    base = np.asarray(layers.AugMix(seed=1)(IMAGES))
    for change in ({"alpha": 3.0}, {"all_ops": False}, {"factor": 0.9}, {"num_chains": 1}, {"chain_depth": 1}):
        assert not np.array_equal(base, np.asarray(layers.AugMix(**change, seed=1)(IMAGES)))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Resizing", {"height": 0, "width": 3}, "height must be an integer of at least 1"),
        ("Resizing", {"height": 3, "width": 3, "interpolation": "cubic"}, "interpolation must be one of"),
        ("Resizing", {"height": 3, "width": 3, "fill_mode": "wrap"}, "fill_mode must be one of"),
        (
            "Resizing",
            {"height": 3, "width": 3, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
            "only one of",
        ),
        ("CenterCrop", {"height": 3, "width": 2.5}, "width must be an integer"),
        ("RandomFlip", {"mode": "diagonal"}, "mode must be one of"),
        ("RandomRotation", {"factor": 1.5}, "factor must be a number"),
        ("RandomRotation", {"factor": 0.5, "fill_mode": "mirror"}, "fill_mode must be one of"),
        ("RandomZoom", {"height_factor": -1.0}, r"in \(-1.0, 1.0\]"),
        ("RandomTranslation", {"height_factor": (0.1,), "width_factor": 0}, "height_factor must be"),
        ("RandomShear", {"x_factor": -0.1}, r"in \[0, 1.0\]"),
        ("RandomBrightness", {"factor": 0.1, "value_range": 255}, "value_range must be a pair"),
        ("RandomContrast", {"factor": float("nan")}, "factor must be"),
        ("RandomPosterization", {"factor": 9}, r"in \[1, 8\]"),
        ("RandomGaussianBlur", {"kernel_size": 4}, "kernel_size must be an odd"),
        ("RandomErasing", {"fill_value": [1, 2]}, "fill_value must be"),
        ("RandomPerspective", {"scale": 2.0}, "scale must be"),
        ("RandomElasticTransform", {"interpolation": "cubic"}, "interpolation must be"),
        ("RandomGrayscale", {"factor": (0, 1)}, "factor must be one number"),
        ("MixUp", {"alpha": 0}, "alpha must be"),
        ("AugMix", {"num_chains": 0}, "num_chains must be"),
        ("RandAugment", {"num_ops": 1.5}, "num_ops must be"),
        ("Equalization", {"bins": 0}, "bins must be"),
        ("RandomHue", {"factor": 0.1, "value_range": (5, 5)}, "value_range must be"),
        ("AutoContrast", {"value_range": ("a", 5)}, "value_range must be"),
        ("RandomCrop", {"height": 3, "width": 2, "data_format": "last"}, "data_format"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**arguments)


def test_bad_images_are_refused():
    for layer in (layers.Resizing, layers.CenterCrop, layers.RandomCrop):
        with pytest.raises(ValueError, match=r"size must be less"):
            layer(2**31, 2**31)(IMAGES)
    with pytest.raises(ValueError, match="rank 3"):
        layers.RandomFlip()(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="must have 'images'"):
        layers.RandomFlip()({"labels": np.zeros(3)})


MOVING = [
    ("RandomFlip", {}),
    ("RandomRotation", {"factor": 0.3, "fill_mode": "constant"}),
    ("RandomZoom", {"height_factor": 0.4, "width_factor": (-0.5, 0.1), "fill_mode": "constant"}),
    ("RandomTranslation", {"height_factor": 0.4, "width_factor": 0.3, "fill_mode": "constant"}),
    ("RandomShear", {"x_factor": 0.4, "y_factor": 0.2, "fill_mode": "constant"}),
    ("RandomPerspective", {"factor": (0.5, 0.5), "scale": 0.6}),
    ("RandomCrop", {"height": 13, "width": 17}),
    ("RandomCrop", {"height": 40, "width": 25}),
    ("CenterCrop", {"height": 14, "width": 15}),
    ("CenterCrop", {"height": 40, "width": 25}),
    ("Resizing", {"height": 40, "width": 25}),
    ("Resizing", {"height": 40, "width": 24, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 40, "width": 24, "pad_to_aspect_ratio": True}),
    ("RandAugment", {"num_ops": 3, "factor": 0.4}),
]


@pytest.mark.parametrize(("name", "arguments"), MOVING, ids=[name for name, _ in MOVING])
@pytest.mark.parametrize("form", ["xyxy", "rel_center_xywh"])
def test_boxes_go_with_their_images(name, arguments, form):
    """Around the pixels of what they show, and no further than what turns and slants leave of room at corners."""
    n, h, w = 8, 18, 24
    corners = np.tile(np.array([[[3, 4, 13, 9], [14, 2, 22, 16], [0, 0, 0, 0]]], "float32"), (n, 1, 1))
    masks = np.zeros((n, h, w, 1), "int32")
    masks[:, 4:9, 3:13] = 1
    masks[:, 2:16, 14:22] = 2
    convert = ckeras.utils.bounding_boxes.convert_format
    drawn = {} if name in ("CenterCrop", "Resizing") else {"seed": 5}
    layer = getattr(layers, name)(**arguments, bounding_box_format=form, **drawn)
    if name == "RandAugment":
        for part in (layer.random_shear, layer.random_translation, layer.random_rotation):
            part.fill_mode = "constant"  # a mirror image lies in no box
    given = {
        "images": np.repeat(masks, 3, -1).astype("float32"),
        "segmentation_masks": masks,
        "bounding_boxes": {"boxes": convert(corners, "xyxy", form, h, w), "labels": np.array([[1, 2, -1]] * n)},
    }
    out = layer(given)
    new = np.asarray(out["segmentation_masks"])[..., 0]
    boxes = np.asarray(convert(out["bounding_boxes"]["boxes"], form, "xyxy", *new.shape[1:]))
    labels = np.asarray(out["bounding_boxes"]["labels"])
    assert boxes.shape == (n, 3, 4) and (labels[:, 2] == -1).all()
    upright = name in ("RandomFlip", "RandomZoom", "RandomTranslation", "RandomCrop", "CenterCrop", "Resizing")
    for i in range(n):
        for j in range(2):
            ys, xs = np.nonzero(new[i] == j + 1)
            if not len(ys):
                continue
            tight = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            assert labels[i, j] == j + 1
            room = np.array([-1, -1, 1, 1]) * (boxes[i, j] - tight)
            assert (room > -2).all(), (room, tight)
            if upright:
                assert (room < 2).all(), (room, tight)
    if name == "RandAugment":
        return
    same = layer.get_config()
    assert same["bounding_box_format"] == form and type(layer).from_config(same).bounding_box_format == form
    single = layer({k: {p: q[0] for p, q in v.items()} if isinstance(v, dict) else v[0] for k, v in given.items()})
    assert single["bounding_boxes"]["boxes"].shape == (3, 4)


def test_boxes_are_refused_where_their_form_is_not_known():
    with pytest.raises(ValueError, match="bounding_box_format must be one of 'xyxy'"):
        layers.RandomFlip(bounding_box_format="corners")
    assert "bounding_box_format" not in layers.RandomFlip().get_config()
    flip, images = layers.RandomFlip(bounding_box_format="xyxy"), IMAGES[:1]
    with pytest.raises(ValueError, match="a dict with 'boxes'"):
        flip({"images": images, "bounding_boxes": np.zeros((1, 1, 4))})
    boxes = {"boxes": np.ones((1, 1, 4)), "labels": np.ones((1, 1))}
    assert flip({"images": images, "bounding_boxes": boxes}, training=False)["bounding_boxes"]["boxes"].shape == (
        1,
        1,
        4,
    )
