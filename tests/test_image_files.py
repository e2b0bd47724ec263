"""Images as files and arrays, and smart_resize."""

import io

import numpy as np
import pytest

import ckeras
from ckeras.preprocessing import image

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype("uint8")


def test_smart_resize_keeps_the_middle():
    x = np.random.default_rng(0).random((2, 6, 8, 1)).astype("float32")
    np.testing.assert_allclose(image.smart_resize(x, (6, 4)), x[:, :, 2:6], rtol=1e-6)
    assert isinstance(image.smart_resize(ckeras.ops.array(x), (3, 3)), ckeras.ops.array(x).__class__)
    assert image.smart_resize(x.transpose(0, 3, 1, 2), (3, 3), data_format="channels_first").shape == (2, 1, 3, 3)
    with pytest.raises(ValueError, match="size"):
        image.smart_resize(x, 3)


def test_names_are_the_same_objects():
    for name in ("array_to_img", "img_to_array", "load_img", "save_img"):
        assert getattr(image, name) is getattr(ckeras.utils, name)


def test_img_to_array():
    assert ckeras.utils.img_to_array(RGB).dtype == np.float32
    assert ckeras.utils.img_to_array(RGB[..., 0], "channels_first", "uint8").shape == (1, 6, 8)
    with pytest.raises(ValueError, match="rank 2 or 3"):
        ckeras.utils.img_to_array(RGB[0, 0])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("first", [False, True])
def test_files_give_back_what_was_saved(tmp_path, channels, first):
    pytest.importorskip("PIL")
    x = np.random.default_rng(0).integers(0, 256, (6, 8, channels)).astype("float32")
    x[..., 3:] = 255  # resizing weighs colours by their opacity
    where = "channels_first" if first else "channels_last"
    given = x.transpose(2, 0, 1) if first else x
    image.save_img(tmp_path / "x.png", given, data_format=where, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    img = image.load_img(tmp_path / "x.png", color_mode=mode)
    np.testing.assert_array_equal(image.img_to_array(img, where), given)
    small = image.load_img(
        str(tmp_path / "x.png"), mode, target_size=(3, 3), interpolation="box", keep_aspect_ratio=True
    )
    assert small.size == (3, 3)
    np.testing.assert_allclose(
        image.img_to_array(small)[1, 1], x[2:4, 3:5].mean((0, 1)), atol=1
    )  # the middle 6 x 6, halved


def test_array_to_img_scales():
    pytest.importorskip("PIL")
    img = image.array_to_img(np.array([[[0.0], [2.0]], [[1.0], [2.0]]]))
    assert np.asarray(img).tolist() == [[0, 255], [127, 255]]
    assert image.array_to_img(np.full((2, 2, 1), 300.0), scale=False).mode == "I"
    with pytest.raises(ValueError, match="channels"):
        image.array_to_img(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="rank 3"):
        image.array_to_img(np.zeros((2, 2)))


def test_load_img_refuses():
    pytest.importorskip("PIL")
    out = io.BytesIO()
    with pytest.warns(UserWarning, match="JPEG"):
        image.save_img(out, np.zeros((2, 2, 4)), file_format="jpg")
    assert image.load_img(io.BytesIO(out.getvalue())).mode == "RGB"
    with pytest.raises(ValueError, match="color_mode"):
        image.load_img(out, color_mode="cmyk")
    with pytest.raises(ValueError, match="interpolation"):
        image.load_img(out, interpolation="linear")
    with pytest.raises(TypeError, match="path"):
        image.load_img(3)
