"""Applications: shapes, tops, inputs, arguments, weights from files, preprocessing. Parity has its own file."""

import json

import numpy as np
import pytest

import ckeras
import network_layers
from ckeras import applications, layers
from ckeras.applications import imagenet_utils

LAYERS = json.loads(network_layers.FILE.read_text())
# Network, parameters with the usual top, least size of an image.
NETWORKS = [
    ("DenseNet121", 8_062_504, 32),
    ("MobileNet", 4_253_864, 32),
    ("MobileNetV2", 3_538_984, 32),
    ("MobileNetV3Small", 2_554_968, 32),
    ("MobileNetV3Large", 5_507_432, 32),
    ("EfficientNetB0", 5_330_571, 32),
    ("ConvNeXtTiny", 28_589_128, 32),
    ("EfficientNetV2B0", 7_200_312, 32),
    ("InceptionResNetV2", 55_873_736, 75),
    ("InceptionV3", 23_851_784, 75),
    ("NASNetMobile", 5_326_716, 32),
    ("ResNet50", 25_636_712, 32),
    ("ResNet50V2", 25_613_800, 32),
    ("VGG16", 138_357_544, 32),
    ("VGG19", 143_667_240, 32),
    ("Xception", 22_910_480, 71),
]
FAMILIES = [
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]


@pytest.mark.parametrize(("name", "parameters", "least"), NETWORKS)
def test_network(name, parameters, least):
    build = getattr(applications, name)
    assert build(weights=None).count_params() == parameters
    body = build(weights=None, include_top=False, pooling="avg", input_shape=(least, least, 3))
    images = np.random.default_rng(0).normal(size=(2, least, least, 3)).astype("float32")
    features = body(images)
    assert features.shape == body.output_shape[:0] + (2, body.output_shape[-1])
    assert np.isfinite(np.asarray(features)).all()
    with pytest.raises(ValueError, match=f"at least {least}"):
        build(weights=None, include_top=False, input_shape=(least - 1, least, 3))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_those_of_keras(name):
    assert network_layers.row(network_layers.build(ckeras, name)) == LAYERS[name]


def test_no_network_is_missing():
    assert sorted(LAYERS) == [n for n in dir(applications) if n[0].isupper()]


def small(**arguments):
    return applications.MobileNetV2(**{"weights": None, "alpha": 0.35, "input_shape": (32, 32, 3), **arguments})


def test_top_has_the_classes_and_the_activation():
    model = small(classes=7, classifier_activation=None)
    assert model.output_shape == (None, 7)
    assert model.layers[-1].get_config()["activation"] == "linear"
    assert model.name == "mobilenetv2_0.35_32"  # of its own images, as Keras has it
    assert small(name="mine").name == "mine"


def test_pooling_stands_in_for_the_top():
    assert small(include_top=False).output_shape == (None, 1, 1, 1280)
    x = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype("float32")
    ends = {}
    for pooling in (None, "avg", "max"):
        ckeras.utils.set_random_seed(3)
        ends[pooling] = np.asarray(small(include_top=False, pooling=pooling, input_shape=(64, 64, 3))(x))
    np.testing.assert_allclose(ends["avg"], ends[None].mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(ends["max"], ends[None].max((1, 2)))
    with pytest.raises(ValueError, match="pooling must be None, 'avg' or 'max'"):
        small(include_top=False, pooling="mean")


def test_sizes_may_be_unknown_without_a_top():
    model = applications.ResNet50(weights=None, include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape == (None, None, None, 2048)


@pytest.mark.parametrize("name", ["ConvNeXtTiny", "EfficientNetV2B0"])
def test_preprocessing_can_be_left_out(name):
    build, options = getattr(applications, name), {"weights": None, "include_top": False, "input_shape": (32, 32, 3)}
    kinds = [
        {type(layer).__name__ for layer in build(**options, include_preprocessing=p).layers} for p in (True, False)
    ]
    assert kinds[0] - kinds[1] == {"Normalization"} | ({"Rescaling"} if "Efficient" in name else set())


def test_families_that_need_channels_last():
    ckeras.config.set_image_data_format("channels_first")
    try:
        for build in (applications.ConvNeXtTiny, applications.NASNetMobile):
            with pytest.raises(ValueError, match="channels last"):
                build(weights=None)
    finally:
        ckeras.config.set_image_data_format("channels_last")


def test_own_layers_of_networks_are_found_by_name():
    """As a fresh process would: nothing of applications needs to be imported to load a model."""
    for layer in (
        applications.convnext.LayerScale(0.5, 3),
        applications.inception_resnet_v2.CustomScaleLayer(0.25),
    ):
        config = ckeras.saving.serialize_keras_object(layer)
        assert config["module"] == f"keras.src.applications.{type(layer).__module__.rpartition('.')[2]}"
        for registered in (None, config["class_name"]):  # ours, and Keras's
            again = ckeras.saving.deserialize_keras_object({**config, "registered_name": registered})
            assert type(again) is type(layer) and again.get_config() == layer.get_config()
        with pytest.raises(ValueError, match="not a part of a model"):
            ckeras.saving.deserialize_keras_object({**config, "class_name": "preprocess_input"})


def test_channels_first(monkeypatch):
    ckeras.config.set_image_data_format("channels_first")
    try:
        model = small(input_shape=(3, 32, 64), include_top=False)
    finally:
        ckeras.config.set_image_data_format("channels_last")
    assert model.output_shape == (None, 1280, 1, 2)


def test_a_network_starts_from_a_symbolic_tensor():
    inputs = layers.Input((32, 32, 3))
    model = small(input_tensor=inputs, include_top=False, pooling="max")
    assert model.inputs[0] is inputs
    scaled = layers.Rescaling(2.0)(inputs)
    model = small(input_tensor=scaled, include_top=False, pooling="max")
    assert model.inputs[0] is inputs and isinstance(model.layers[1], layers.Rescaling)


@pytest.mark.parametrize("file", ["w.weights.h5", "w.h5"])
def test_weights_come_from_a_file(tmp_path, file):
    model = small(classes=3)
    path = tmp_path / file
    model.save_weights(path) if file.endswith("weights.h5") else model.save(path)
    again = small(classes=3, weights=path)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "imagenette"}, "weights must be None, 'imagenet' or the path"),
        ({"weights": "imagenet", "classes": 10}, "1000 classes, got classes=10"),
        ({"weights": "imagenet", "alpha": 0.4, "include_top": False}, "alpha one of"),
        ({"weights": "imagenet", "include_top": False, "input_shape": (32, 32, 4)}, "needs 3 channels"),
        ({"input_shape": (32, 32)}, "must have 3 dimensions"),
        ({"input_shape": (None, 32, 3)}, "all sizes known"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


def test_a_trained_size_is_checked():
    with pytest.raises(ValueError, match=r"needs input_shape \(224, 224, 3\)"):
        applications.ResNet50(weights="imagenet", input_shape=(64, 64, 3))


@pytest.mark.parametrize("family", FAMILIES)
def test_modules_have_preprocessing_and_names(family):
    module = getattr(applications, family)
    assert module.decode_predictions is imagenet_utils.decode_predictions
    assert module.preprocess_input(np.zeros((1, 2, 2, 3), "uint8")).shape == (1, 2, 2, 3)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("tf", [[-1.0, 0.0, 1.0]]),
        ("caffe", [[255 - 103.939, 127.5 - 116.779, 0 - 123.68]]),
        ("torch", [[-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]]),
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", [np.asarray, ckeras.ops.convert_to_tensor])
def test_preprocess_input(mode, expected, data_format, kind):
    x = np.array([0.0, 127.5, 255.0], "float32").reshape((1, 1, 3))
    expected = np.asarray(expected, "float32").reshape((1, 1, 3))
    if data_format == "channels_first":
        x, expected = x.transpose(2, 0, 1), expected.transpose(2, 0, 1)
    for image, wanted in ((x, expected), (x[None], expected[None])):
        got = imagenet_utils.preprocess_input(kind(image), data_format, mode)
        assert isinstance(got, np.ndarray) == (kind is np.asarray)
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-5, atol=1e-5)


def test_preprocess_input_leaves_its_argument_alone():
    x = np.full((1, 2, 2, 3), 8.0, "float32")
    applications.vgg16.preprocess_input(x)
    assert (x == 8).all()


def test_preprocess_input_refuses():
    with pytest.raises(ValueError, match="mode must be one of"):
        imagenet_utils.preprocess_input(np.zeros((1, 2, 2, 3)), mode="pytorch")
    with pytest.raises(ValueError, match="an image or a batch"):
        imagenet_utils.preprocess_input(np.zeros((2, 3)))


def test_decode_predictions(tmp_path, monkeypatch):
    names = {str(i): [f"n{i:08d}", f"thing_{i}"] for i in range(1000)}
    path = tmp_path / "names.json"
    path.write_text(json.dumps(names))
    monkeypatch.setattr("ckeras.utils.get_file", lambda *_, **__: str(path), raising=False)
    preds = np.zeros((2, 1000), "float32")
    preds[0, 5], preds[0, 9], preds[1, 999] = 0.7, 0.2, 1.0
    first, second = imagenet_utils.decode_predictions(preds, top=2)
    assert first == [("n00000005", "thing_5", pytest.approx(0.7)), ("n00000009", "thing_9", pytest.approx(0.2))]
    assert second[0][1] == "thing_999"
    with pytest.raises(ValueError, match=r"shape \(n, 1000\), got \(2, 10\)"):
        imagenet_utils.decode_predictions(np.zeros((2, 10)))


def test_arguments_that_a_network_does_not_take():
    with pytest.raises(TypeError, match=r"\[ResNet50\] .*'weight'.*it takes include_top, weights, input_tensor"):
        applications.ResNet50(weight=None)
    with pytest.raises(TypeError, match=r"\[NASNetMobile\] .*positional"):
        applications.NASNetMobile(*range(12))


def test_order_of_arguments():
    assert applications.NASNetMobile((32, 32, 3), False, None).input_shape == (None, 32, 32, 3)
    plain = applications.MobileNetV3Small((32, 32, 3), 1.0, True, False, None, include_preprocessing=False)
    assert not any(isinstance(layer, layers.Rescaling) for layer in plain.layers)
