"""Spectra, pipelines, and layers of other libraries."""

import numpy as np
import pytest

import ckeras
from ckeras import layers

SOUND = np.random.default_rng(0).normal(size=(2, 600)).astype("float32")


def test_a_tone_lies_in_its_mel_bin():
    t = np.arange(8000) / 8000
    layer = layers.MelSpectrogram(512, 128, sampling_rate=8000, num_mel_bins=20, min_freq=100.0)
    peaks = [np.asarray(layer(np.sin(2 * np.pi * f * t).astype("float32"))).mean(1).argmax() for f in (200, 800, 3000)]
    edges = 700 * np.expm1(np.linspace(np.log1p(100 / 700), np.log1p(4000 / 700), 22))
    assert peaks == [np.abs(edges[1:-1] - f).argmin() for f in (200, 800, 3000)]


@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "angle", "stft"])
def test_stft_layer_is_numpys_transform(mode):
    layer = layers.STFTSpectrogram(mode, 64, 32, 128, scaling=None, expand_dims=True)
    got = np.asarray(layer(SOUND[..., None]))[..., 0]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 63)
    frames = np.lib.stride_tricks.sliding_window_view(SOUND, 64, axis=1)[:, ::32] * window
    z = np.fft.rfft(frames, 128)
    twice = np.array([1] + [2] * 63 + [1])
    want = {
        "log": np.log(np.maximum(np.abs(z), 1e-7**0.5)),
        "magnitude": np.abs(z),
        "psd": np.abs(z) ** 2 * twice,
        "real": z.real,
        "imag": z.imag,
        "angle": np.angle(z),
        "stft": np.concatenate([z.real, z.imag], -1),
    }[mode]
    if mode == "angle":
        got, want = np.exp(1j * got), np.exp(1j * want)
        got, want = got[np.abs(z) > 0.1], want[np.abs(z) > 0.1]
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3)


def test_spectrograms_in_models_and_their_shapes():
    i = ckeras.Input((600, 2))
    layer = layers.STFTSpectrogram("magnitude", 50)
    model = ckeras.Model(i, layer(i))
    assert model.output_shape == (None, 23, 2 * 33) == layer.compute_output_shape((None, 600, 2))
    first = layers.STFTSpectrogram("magnitude", 50, data_format="channels_first")
    x = np.repeat(SOUND[..., None], 2, -1)
    np.testing.assert_allclose(
        np.asarray(first(x.transpose(0, 2, 1))).transpose(0, 2, 1), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )
    mel = layers.MelSpectrogram(128, 50, num_mel_bins=10)
    assert mel(ckeras.Input((600,))).shape == (None, 10, 13) == mel.compute_output_shape((None, 600))
    np.testing.assert_array_equal(np.asarray(mel(SOUND[0])).shape, (10, 13))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("MelSpectrogram", {"fft_length": 16, "sequence_length": 32}, "at most fft_length"),
        ("MelSpectrogram", {"num_mel_bins": 0}, "num_mel_bins"),
        ("MelSpectrogram", {"sampling_rate": 0}, "sampling_rate"),
        ("STFTSpectrogram", {"mode": "power"}, "mode must be"),
        ("STFTSpectrogram", {"frame_step": 300}, "frame_step"),
        ("STFTSpectrogram", {"fft_length": 100}, "fft_length"),
        ("STFTSpectrogram", {"window": "tukey"}, "window must be"),
        ("STFTSpectrogram", {"scaling": "power"}, "scaling must be"),
        ("Pipeline", {"layers": [3]}, "list of layers"),
    ],
)
def test_bad_arguments_are_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**arguments)


def test_pipeline_is_its_layers():
    images = (np.random.default_rng(0).random((4, 6, 6, 3)) * 255).astype("float32")

    def parts():
        return [layers.Resizing(4, 4), layers.RandomFlip(seed=1), layers.Rescaling(1 / 255)]

    whole = layers.Pipeline(parts())
    want = images
    for layer in parts():
        want = layer(want)
    np.testing.assert_array_equal(np.asarray(whole(images)), np.asarray(want))
    assert not np.array_equal(np.asarray(whole(images, training=False)), np.asarray(want))
    again = layers.deserialize(layers.serialize(whole))
    np.testing.assert_array_equal(np.asarray(again(images)), np.asarray(want))
    assert whole(ckeras.Input((6, 6, 3))).shape == (None, 4, 4, 3) == whole.compute_output_shape((None, 6, 6, 3))
    words = layers.Pipeline([layers.TextVectorization(vocabulary=["a"]), layers.CategoryEncoding(3)])
    np.testing.assert_array_equal(np.asarray(words(["a a", "b a"])), [[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TorchModuleWrapper", "set_weights"),
        ("JaxLayer", "ckeras.ops"),
        ("FlaxLayer", "set_weights"),
        ("TFSMLayer", "load_model"),
    ],
)
def test_layers_of_other_libraries_say_what_to_use(name, message):
    with pytest.raises(NotImplementedError, match=message):
        getattr(layers, name)(None)
