"""Datasets of folders of images, texts and sounds."""

import math
import wave

import numpy as np

from ckeras import ops
from ckeras._core.settings import standardize_data_format
from ckeras._core.tensor import convert
from ckeras.utils.directories import check_arguments, datasets, list_files
from ckeras.utils.images import pillow

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_CHANNELS = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """A `Dataset` of the images of a folder: float32 batches [N, height, width, channels] with values of 0 to 255.

    `labels`: "inferred" from subfolders, one a class (`class_names` chooses and orders them), `None`, or a list of
    integers in the order of the paths. `label_mode`: "int" (int32 [N]), "categorical" (one-hot float32), "binary"
    (float32 [N, 1]) or `None`. `color_mode`: "rgb", "rgba" or "grayscale". `batch_size=None` gives single images.
    `shuffle` draws another order for every pass from `seed`; without it files come in the order of their paths.
    `validation_split` with `subset` "training", "validation" or "both" (a pair) holds out the last part of the files,
    the same as Keras does for that seed. `interpolation`, `crop_to_aspect_ratio` and `pad_to_aspect_ratio` are those of
    `ops.image.resize`. The result has `class_names` and `file_paths`. Needs Pillow. Raises `ValueError` for folders
    without images and arguments that do not fit together.

    >>> train, held_out = ckeras.utils.image_dataset_from_directory(
    ...     "images", image_size=(64, 64), validation_split=0.2, subset="both", seed=1)
    """
    name = "image_dataset_from_directory"
    check_arguments(
        name, labels, label_mode, class_names, validation_split, subset, shuffle, seed, ("tf", "grain"), format
    )
    if color_mode not in _CHANNELS:
        raise ValueError(f"[{name}] color_mode must be one of {list(_CHANNELS)}, got {color_mode!r}")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(f"[{name}] interpolation must be one of {_INTERPOLATIONS}, got {interpolation!r}")
    if not isinstance(image_size, (tuple, list)) or len(image_size) != 2:
        raise ValueError(f"[{name}] image_size must be (height, width), got {image_size!r}")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"[{name}] crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other; drop one")
    first = standardize_data_format(data_format) == "channels_first"
    pil = pillow(name)

    def read(path):
        try:
            with pil.open(path) as image:
                pixels = _pixels(image, _CHANNELS[color_mode])
        except (OSError, ValueError) as e:
            raise ValueError(f"[{name}] {path!r} cannot be read as an image: {e}") from e
        resized = ops.image.resize(
            pixels,
            tuple(image_size),
            interpolation=interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            data_format="channels_last",
        )
        return ops.transpose(resized, (2, 0, 1)) if first else resized

    listing = list_files(name, directory, labels, _IMAGES, class_names, shuffle, seed, follow_links, verbose)
    return datasets(name, listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose)


def _pixels(image, mode):
    """float32 [height, width, channels] of the (first) image of a file, of 0 to 255."""
    if image.mode.startswith("I;16"):  # Pillow would cut values above 255 off
        grey = np.asarray(image).astype("uint16") >> 8
        return np.repeat(grey[:, :, None], len(mode), axis=2).astype("float32")
    pixels = np.asarray(image.convert(mode), "float32")
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """A `Dataset` of the `.txt` files of a folder: batches of texts, NumPy arrays of `str`, with their labels.

    `max_length` cuts longer texts off after so many characters. Files are read as UTF-8; bytes that are none become
    the replacement character. All else as in `image_dataset_from_directory`. A model needs numbers:

    >>> texts = ckeras.utils.text_dataset_from_directory("reviews")
    >>> vectorize = ckeras.layers.TextVectorization(1000, output_sequence_length=50)
    >>> vectorize.adapt(texts.map(lambda x, y: x))
    >>> history = model.fit(texts.map(lambda x, y: (vectorize(x), y)))
    """
    name = "text_dataset_from_directory"
    check_arguments(
        name, labels, label_mode, class_names, validation_split, subset, shuffle, seed, ("tf", "grain"), format
    )
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise ValueError(f"[{name}] max_length must be a positive integer or None, got {max_length!r}")

    def read(path):
        with open(path, encoding="utf-8", errors="replace", newline="") as f:
            return f.read(-1 if max_length is None else max_length)

    listing = list_files(name, directory, labels, (".txt",), class_names, shuffle, seed, follow_links, verbose)
    return datasets(name, listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose)


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """A `Dataset` of the `.wav` files of a folder: float32 batches [N, samples, channels] with values of -1 to 1.

    `output_sequence_length` cuts sounds to that many samples or fills them with zeros; without it a batch is as long as
    its longest sound. `sampling_rate` resamples (by a Hann-windowed sinc of 16 zero crossings). PCM files of 8 to 32
    bits are read. All else as in `image_dataset_from_directory`. Raises `ValueError` for `ragged=True`: ckeras has no
    ragged tensors.
    """
    name = "audio_dataset_from_directory"
    check_arguments(name, labels, label_mode, class_names, validation_split, subset, shuffle, seed, ("tf",), "tf")
    if ragged:
        raise ValueError(f"[{name}] ragged=True: ckeras has no ragged tensors; drop it, and shorter sounds are filled")
    for what, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"[{name}] {what} must be a positive integer or None, got {value!r}")

    def read(path):
        try:
            sound, rate = _read_wave(path)
        except (wave.Error, EOFError) as e:
            raise ValueError(f"[{name}] {path!r} cannot be read as a PCM .wav file: {e}") from e
        if sampling_rate is not None:
            sound = resampled(sound, rate, sampling_rate)
        return sound if output_sequence_length is None else _fitted(sound, output_sequence_length)

    def pad(sounds):
        longest = max(len(s) for s in sounds)
        return convert(np.stack([_fitted(s, longest) for s in sounds]))

    listing = list_files(name, directory, labels, (".wav",), class_names, shuffle, seed, follow_links, verbose)
    return datasets(name, listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, pad)


def _read_wave(path):
    """(float32 [samples, channels], samples a second) of a PCM file."""
    with wave.open(path, "rb") as f:
        width, channels, rate = f.getsampwidth(), f.getnchannels(), f.getframerate()
        raw = np.frombuffer(f.readframes(f.getnframes()), "uint8")
    raw = raw[: len(raw) // (width * channels) * width * channels]
    if width == 1:  # alone unsigned
        return ((raw.astype("float32") - 128) / 128).reshape(-1, channels), rate
    wide = np.zeros((len(raw) // width, 4), "uint8")
    wide[:, 4 - width :] = raw.reshape(-1, width)
    return (wide.view("<i4").astype("float64") / 2**31).astype("float32").reshape(-1, channels), rate


def _fitted(sound, length):
    return np.pad(sound[:length], ((0, max(length - len(sound), 0)), (0, 0)))


def resampled(sound, rate, wanted, crossings=16):
    """The sound [samples, channels] at another rate, its frequencies above half the lower rate left out."""
    if rate == wanted:
        return sound
    narrow = min(1.0, wanted / rate)
    reach = math.ceil(crossings / narrow)
    length = math.ceil(len(sound) * wanted / rate)
    padded = np.pad(sound.astype("float64"), ((reach, reach + 1), (0, 0)))
    found = np.empty((length, sound.shape[1]))
    offsets = np.arange(-reach, reach + 1)
    for start in range(0, length, 4096):
        at = np.arange(start, min(start + 4096, length)) * rate / wanted
        whole = np.floor(at).astype(int)
        away = (whole[:, None] + offsets - at[:, None]) * narrow
        window = np.where(np.abs(away) < crossings, 0.5 + 0.5 * np.cos(np.pi * away / crossings), 0.0)
        weight = np.sinc(away) * window * narrow
        taps = padded[whole[:, None] + offsets + reach]
        found[start : start + len(at)] = np.einsum("ot,otc->oc", weight, taps)
    return found.astype("float32")
