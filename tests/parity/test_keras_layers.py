"""Layers that rearrange, pad, cut, repeat, disturb or bend their input, beside Keras's."""

import beside
import numpy as np
import pytest

import ckeras
from ckeras import layers

pytestmark = beside.MARKS

VECTOR, SEQUENCE, IMAGE, VOLUME = (2, 5), (2, 6, 4), (2, 5, 6, 3), (2, 4, 5, 6, 2)
L2 = {"class_name": "L2", "config": {"l2": 0.5}}

# Class, arguments, input shape: every argument with a value that is not its default.
ROWS = [
    ("ActivityRegularization", {"l1": 0.5, "l2": 0.25}, VECTOR),
    ("AlphaDropout", {"rate": 0.5, "noise_shape": (None, 1), "seed": 3}, VECTOR),
    ("Cropping1D", {"cropping": (2, 1)}, SEQUENCE),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGE),
    ("Cropping2D", {"cropping": (1, 2), "data_format": "channels_first"}, (2, 3, 5, 6)),
    ("Cropping3D", {"cropping": 1}, VOLUME),
    ("Cropping3D", {"cropping": (1, 0, (2, 1)), "data_format": "channels_first"}, (2, 2, 4, 5, 6)),
    ("ELU", {"alpha": 0.5}, VECTOR),
    ("GaussianDropout", {"rate": 0.5, "seed": 3}, VECTOR),
    ("GaussianNoise", {"stddev": 0.5, "seed": 3}, VECTOR),
    ("LeakyReLU", {"negative_slope": 0.1}, IMAGE),
    ("PReLU", {"alpha_initializer": "ones", "alpha_regularizer": L2, "alpha_constraint": "non_neg"}, SEQUENCE),
    ("PReLU", {"shared_axes": [1, 2]}, IMAGE),
    ("Permute", {"dims": (3, 1, 2)}, IMAGE),
    ("RepeatVector", {"n": 3}, VECTOR),
    ("SpatialDropout1D", {"rate": 0.5, "seed": 3}, SEQUENCE),
    ("SpatialDropout2D", {"rate": 0.5, "seed": 3, "data_format": "channels_first"}, IMAGE),
    ("SpatialDropout3D", {"rate": 0.5, "seed": 3, "data_format": "channels_first"}, VOLUME),
    ("UpSampling1D", {"size": 3}, SEQUENCE),
    ("UpSampling2D", {"size": (1, 3)}, IMAGE),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, IMAGE),
    ("UpSampling2D", {"size": 2, "interpolation": "lanczos3"}, IMAGE),
    ("UpSampling2D", {"size": 2, "data_format": "channels_first"}, IMAGE),
    ("UpSampling3D", {"size": (1, 2, 3)}, VOLUME),
    ("UpSampling3D", {"data_format": "channels_first"}, VOLUME),
    ("ZeroPadding1D", {"padding": (2, 1)}, SEQUENCE),
    ("ZeroPadding1D", {"padding": 2, "data_format": "channels_first"}, SEQUENCE),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}, IMAGE),
    ("ZeroPadding2D", {"padding": (1, 2), "data_format": "channels_first"}, IMAGE),
    ("ZeroPadding3D", {}, VOLUME),
    ("ZeroPadding3D", {"padding": (1, 2, 0), "data_format": "channels_first"}, VOLUME),
]
NAMES = [f"{name} {i}" for i, (name, _, _) in enumerate(ROWS)]
KEEP_DTYPE = [
    row for row in ROWS if row[0].startswith(("Crop", "Zero", "Up", "Perm", "Repeat")) and "interpolation" not in row[1]
]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_values_gradients_shapes_and_configs(row):
    theirs, ours = beside.pair(*row)
    x = beside.numbers(row[2])
    unknown = (1,) if row[0].endswith(("1D", "2D", "3D")) and "data_format" not in row[1] else ()
    beside.check_values(theirs, ours, x, unknown)
    beside.check_configs(theirs, ours, x)
    assert ours.supports_masking == theirs.supports_masking


@pytest.mark.parametrize("row", KEEP_DTYPE, ids=lambda row: row[0])
def test_integers_stay_integers(row):
    x = np.arange(np.prod(row[2])).reshape(row[2]).astype("int32")
    layer = getattr(layers, row[0])(**row[1])
    assert layer(x).dtype == layer(ckeras.Input(row[2][1:], dtype="int32")).dtype == "int32"
    np.testing.assert_array_equal(layer(x).numpy(), getattr(layers, row[0])(**row[1])(x.astype("float32")).numpy())


@pytest.mark.parametrize("shape", [VECTOR, SEQUENCE, IMAGE, VOLUME], ids=str)
def test_files_go_both_ways(shape, tmp_path):
    rows = [(name, arguments) for name, arguments, s in ROWS if s == shape]
    beside.check_files(rows, beside.numbers(shape), tmp_path)


# Class, arguments, and what the mean and the variance of disturbed normal numbers are.
DISTURBERS = [
    ("GaussianNoise", {"stddev": 0.5}, 0, 1.25),
    ("GaussianDropout", {"rate": 0.2}, 0, 1.25),
    ("AlphaDropout", {"rate": 0.3}, 0, 1),
]


@pytest.mark.parametrize(("name", "arguments", "mean", "variance"), DISTURBERS, ids=[d[0] for d in DISTURBERS])
def test_noise_in_training_alone(name, arguments, mean, variance):
    x = beside.numbers((400, 500))
    layer = getattr(layers, name)(**arguments, seed=1)
    np.testing.assert_array_equal(layer(x).numpy(), x)
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose([y.mean(), y.var()], [mean, variance], atol=0.02)
    assert not np.array_equal(y, layer(x, training=True).numpy())
    np.testing.assert_array_equal(y, getattr(layers, name)(**arguments, seed=1)(x, training=True).numpy())


@pytest.mark.parametrize(("rank", "data_format"), [(1, None), (2, None), (2, "channels_first"), (3, "channels_first")])
def test_spatial_dropout_drops_whole_channels(rank, data_format):
    arguments = {"data_format": data_format} if rank > 1 else {}
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.4, seed=2, **arguments)
    x = np.ones((20, 7, 6, 5, 4)[: rank + 2], "float32")
    y = layer(x, training=True).numpy()
    y = y.reshape(20, 7, -1) if data_format == "channels_first" else y.reshape(20, -1, x.shape[-1]).transpose(0, 2, 1)
    assert np.array_equal(y.min(-1), y.max(-1)) and {float(v) for v in y.ravel()} == {0.0, np.float32(1 / 0.6)}


BAD = {
    "dims": lambda: layers.Permute((1, 3)),
    "n must be an integer": lambda: layers.RepeatVector("a"),
    "n must not be negative": lambda: layers.RepeatVector(-1),
    "padding must be": lambda: layers.ZeroPadding2D((1, 2, 3)),
    "none negative": lambda: layers.ZeroPadding1D((-1, 2)),
    "crop less": lambda: layers.Cropping1D(5)(np.ones((1, 4, 2))),
    "stddev": lambda: layers.GaussianNoise(-1),
    "rate": lambda: layers.GaussianDropout(1.0),
    "AlphaDropout": lambda: layers.AlphaDropout(1.0),
    "SpatialDropout2D": lambda: layers.SpatialDropout2D(2.0),
    "negative_slope": lambda: layers.LeakyReLU(None),
    "interpolation": lambda: layers.UpSampling2D(2, interpolation="cubic"),
    "size must be": lambda: layers.UpSampling2D(0),
    "shared_axes": lambda: layers.PReLU(shared_axes=[3]).build((1, 4, 2)),
    "ZeroPadding2D.*ndim|expected.*4": lambda: layers.ZeroPadding2D()(np.ones((1, 4, 2))),
}


@pytest.mark.parametrize("words", BAD)
def test_messages(words):
    with pytest.raises((ValueError, TypeError), match=words):
        BAD[words]()
