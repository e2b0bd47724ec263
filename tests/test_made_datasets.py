"""Datasets made of folders, series and splits."""

import wave

import numpy as np
import pytest

import ckeras as keras
from ckeras import layers
from ckeras.utils.directory_datasets import resampled
from ckeras.utils.sample_datasets import Samples

utils = keras.utils
QUIET = {"verbose": False}


@pytest.fixture
def images(tmp_path):
    """8 images of 6 x 4 in classes b, a and c, each of one grey value: 10 times its number in the order of paths."""
    image = pytest.importorskip("PIL.Image")
    value = 0
    for folder, count in (("a", 3), ("b", 4), ("c/deep", 1)):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(count):
            image.new("RGB", (4, 6), (value,) * 3).save(tmp_path / folder / f"{i}.png")
            value += 10
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def read(dataset):
    """(grey values, labels) of a pass."""
    x, y = zip(*[(x.numpy()[:, 0, 0, 0], y.numpy()) for x, y in dataset], strict=True)
    return np.concatenate(x).tolist(), np.concatenate(y).tolist()


def test_images_labels_and_classes(images, capsys):
    ds = utils.image_dataset_from_directory(images, image_size=(5, 7), batch_size=3, shuffle=False)
    assert "Found 8 files belonging to 3 classes." in capsys.readouterr().out
    assert ds.class_names == ["a", "b", "c"] and len(ds) == 3 and ds.file_paths[-1].endswith("0.png")
    x, y = ds[0]
    assert x.shape == (3, 5, 7, 3) and (x.dtype, y.dtype) == ("float32", "int32")
    assert read(ds) == ([0, 10, 20, 30, 40, 50, 60, 70], [0, 0, 0, 1, 1, 1, 1, 2])
    assert ds[2][0].shape[0] == 2
    chosen = utils.image_dataset_from_directory(images, class_names=["b", "a"], shuffle=False, **QUIET)
    assert read(chosen) == ([30, 40, 50, 60, 0, 10, 20], [0] * 4 + [1] * 3)
    assert capsys.readouterr().out == ""


def test_modes_of_labels(images):
    def made(**kwargs):
        return utils.image_dataset_from_directory(images, shuffle=False, **QUIET, **kwargs)

    assert made(label_mode="categorical")[0][1].numpy()[3].tolist() == [0, 1, 0]
    binary = made(label_mode="binary", class_names=["a", "b"])[0][1]
    assert binary.shape == (7, 1) and binary.dtype == "float32" and binary.numpy().sum() == 4
    for none in (made(labels=None), made(label_mode=None)):
        assert none[0].shape == (8, 256, 256, 3)
    given = made(labels=[3, 1, 3, 1, 3, 1, 3, 1])
    assert read(given)[1] == [3, 1] * 4 and given.class_names == ["1", "3"]
    assert made(batch_size=None)[0][0].shape == (256, 256, 3)


def test_colours_and_sizes(images):
    image = pytest.importorskip("PIL.Image")
    path = images / "a" / "0.png"
    pixels = np.random.default_rng(0).integers(0, 255, (6, 4, 4)).astype("uint8")
    image.fromarray(pixels).save(path)

    def first(**kwargs):
        more = {"image_size": (6, 4), **kwargs}
        return utils.image_dataset_from_directory(images, shuffle=False, label_mode=None, **QUIET, **more)[0].numpy()[0]

    np.testing.assert_array_equal(first(color_mode="rgba"), pixels)
    np.testing.assert_array_equal(first(), pixels[..., :3])
    assert first(color_mode="grayscale").shape == (6, 4, 1)
    np.testing.assert_array_equal(first(data_format="channels_first"), pixels[..., :3].transpose(2, 0, 1))
    x = pixels[..., :3].astype("float32")
    for how in (
        {"interpolation": "nearest"},
        {"interpolation": "bicubic"},
        {"crop_to_aspect_ratio": True},
        {"pad_to_aspect_ratio": True},
    ):
        np.testing.assert_array_equal(first(image_size=(8, 8), **how), keras.ops.image.resize(x, (8, 8), **how).numpy())
    image.fromarray(np.full((6, 4), 40000, "uint16")).save(path)
    assert (first(color_mode="grayscale") == 40000 >> 8).all()


def test_shuffling_and_splitting(images):
    def made(**kwargs):
        return utils.image_dataset_from_directory(images, batch_size=3, **QUIET, **kwargs)

    ds, same, other = made(seed=1), made(seed=1), made(seed=2)
    first, second = read(ds), read(ds)
    assert first != second and (read(same), read(same)) == (first, second) != (read(other), read(other))
    assert sorted(first[0]) == sorted(second[0]) == list(range(0, 80, 10))
    assert all(label == (0 if x < 30 else 1 if x < 70 else 2) for x, label in zip(*first, strict=True))
    train = made(seed=1, validation_split=0.3, subset="training")
    held = made(seed=1, validation_split=0.3, subset="validation")
    assert len(train.file_paths) == 6 and len(held.file_paths) == 2
    assert not set(train.file_paths) & set(held.file_paths)
    both = made(seed=1, validation_split=0.3, subset="both")
    assert [b.file_paths for b in both] == [train.file_paths, held.file_paths]
    order = np.arange(8)
    np.random.RandomState(1).shuffle(order)  # as Keras orders the files
    assert sorted(read(held)[0]) == sorted((order[-2:] * 10).tolist())


def test_fit_takes_them_in_their_own_order(images):
    seen = []

    class Sees(layers.Layer):
        def call(self, x):
            return x

    def note(x, y):
        seen.append(x.numpy()[:, 0, 0, 0].tolist())
        return x / 255, y

    ds = utils.image_dataset_from_directory(images, batch_size=3, image_size=(4, 4), shuffle=False, **QUIET)
    m = keras.Sequential([Sees(), layers.Flatten(), layers.Dense(3)])
    m.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    m.fit(ds.map(note), epochs=2, verbose=0)
    assert seen == [[0, 10, 20], [30, 40, 50], [60, 70]] * 2
    shuffled = utils.image_dataset_from_directory(images, batch_size=8, image_size=(4, 4), seed=3, **QUIET)
    seen.clear()
    m.fit(shuffled.map(note), epochs=3, verbose=0)
    assert len({tuple(s) for s in seen}) > 1
    shuffled.workers = 2
    m.fit(shuffled, verbose=0)
    assert m.predict(ds, verbose=0).shape == (8, 3)


def test_texts(tmp_path):
    for folder, texts in (("neg", ["bad film", "so bäd\r\n"]), ("pos", ["good film"])):
        (tmp_path / folder).mkdir()
        for i, text in enumerate(texts):
            (tmp_path / folder / f"{i}.txt").write_bytes(text.encode())
    ds = utils.text_dataset_from_directory(tmp_path, shuffle=False, **QUIET)
    x, y = ds[0]
    assert x.tolist() == ["bad film", "so bäd\r\n", "good film"] and y.numpy().tolist() == [0, 0, 1]
    cut = utils.text_dataset_from_directory(tmp_path, shuffle=False, max_length=4, labels=None, **QUIET)
    assert [len(t) for t in cut[0]] == [4, 4, 4]
    vectorize = layers.TextVectorization(10, output_sequence_length=3)
    vectorize.adapt(ds.map(lambda x, y: x))
    assert "film" in vectorize.get_vocabulary()
    m = keras.Sequential([layers.Embedding(10, 2), layers.Flatten(), layers.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(ds.map(lambda x, y: (vectorize(x), y)), verbose=0)
    with pytest.raises(ValueError, match="array of numbers"):
        m.fit(ds, verbose=0)


def write_wave(path, samples, rate=8000, width=2):
    with wave.open(str(path), "wb") as f:
        f.setnchannels(samples.shape[1])
        f.setsampwidth(width)
        f.setframerate(rate)
        whole = np.round(samples * 2 ** (8 * width - 1)).astype("<i4")
        raw = (whole + 128).astype("uint8") if width == 1 else whole.view("uint8").reshape(-1, 4)[:, :width]
        f.writeframes(raw.tobytes())


def test_sounds(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "x").mkdir()
    sounds = []
    for i, width in enumerate((1, 2, 3, 4)):
        sounds.append(rng.uniform(-0.9, 0.9, (100 + i, 2)))
        write_wave(tmp_path / "x" / f"{i}.wav", sounds[-1], width=width)

    def made(**kwargs):
        return utils.audio_dataset_from_directory(tmp_path, shuffle=False, labels=None, **QUIET, **kwargs)[0].numpy()

    batch = made()
    assert batch.shape == (4, 103, 2) and batch.dtype == "float32"
    for row, sound, width in zip(batch, sounds, (1, 2, 3, 4), strict=True):
        np.testing.assert_allclose(row[: len(sound)], sound, atol=2.0 ** (1 - 8 * width) + 1e-7)
        assert not row[len(sound) :].any()
    np.testing.assert_array_equal(made(output_sequence_length=101), batch[:, :101])
    assert made(output_sequence_length=200).shape == (4, 200, 2)
    assert made(sampling_rate=4000).shape == (4, 52, 2)
    pair = utils.audio_dataset_from_directory(tmp_path, shuffle=False, **QUIET)[0]
    assert pair[1].numpy().tolist() == [0] * 4
    with pytest.raises(ValueError, match="ragged"):
        made(ragged=True)
    (tmp_path / "x" / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"bad\.wav"):
        made()


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 16000), (8000, 6000), (44100, 16000)])
def test_resampling_keeps_a_tone(rate, wanted):
    def tone(r):
        return np.sin(2 * np.pi * 440 * np.arange(r // 4) / r)[:, None]

    found = resampled(tone(rate), rate, wanted)
    assert len(found) == wanted // 4
    middle = slice(len(found) // 4, -len(found) // 4)
    np.testing.assert_allclose(found[middle], tone(wanted)[middle], atol=2e-3)
    too_high = np.sin(2 * np.pi * 0.45 * np.arange(4000))[:, None]
    assert np.abs(resampled(too_high, 8000, 4000)[200:-200]).max() < 1e-3


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"labels": "none"}, "labels must be"),
        ({"labels": [1, 2]}, "got 2 for 8 files"),
        ({"label_mode": "one_hot"}, "label_mode must be one of"),
        ({"label_mode": "binary"}, "exactly 2 classes"),
        ({"class_names": ["a", "z"]}, "subfolders"),
        ({"class_names": ["a"], "labels": None}, "class_names needs"),
        ({"color_mode": "cmyk"}, "color_mode"),
        ({"image_size": 3}, "image_size"),
        ({"interpolation": "area"}, "interpolation must be one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "exclude each other"),
        ({"validation_split": 0.2}, "go together"),
        ({"subset": "training"}, "go together"),
        ({"validation_split": 1.2, "subset": "training"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "subset must be"),
        ({"validation_split": 0.2, "subset": "both"}, "give a seed"),
        ({"validation_split": 0.01, "subset": "both", "seed": 1}, "leave none for validation"),
        ({"format": "grain"}, "another library"),
        ({"format": "numpy"}, "format must be one of"),
        ({"batch_size": 0}, "batch_size"),
        ({"data_format": "last"}, "data_format"),
    ],
)
def test_arguments_that_do_not_fit(images, kwargs, words):
    with pytest.raises(ValueError, match=words):
        utils.image_dataset_from_directory(images, **QUIET, **kwargs)


def test_folders_that_hold_nothing(tmp_path, images):
    with pytest.raises(ValueError, match="no folder"):
        utils.image_dataset_from_directory(tmp_path / "nowhere")
    (tmp_path / "a" / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"broken\.png.*cannot be read"):
        list(utils.image_dataset_from_directory(images, **QUIET))
    with pytest.raises(ValueError, match=r"no file that ends in \.wav"):
        utils.audio_dataset_from_directory(tmp_path)


def test_links_are_followed_when_asked(images, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (images / "a" / "0.png").rename(other / "0.png")
    (images / "a" / "more").symlink_to(other, target_is_directory=True)
    for follow, count in ((False, 7), (True, 8)):
        ds = utils.image_dataset_from_directory(images, follow_links=follow, **QUIET)
        assert len(ds.file_paths) == count


# ---------------------------------------------------------------- series


def windows(*args, **kwargs):
    ds = utils.timeseries_dataset_from_array(*args, **kwargs)
    found = [(x.numpy(), y.numpy()) for x, y in ds]
    return np.concatenate([x for x, _ in found]).tolist(), np.concatenate([y for _, y in found]).tolist()


def test_windows_of_a_series():
    data, targets = np.arange(20), np.arange(20) * 10
    x, y = windows(data, targets, 3)
    assert x[0] == [0, 1, 2] and x[-1] == [17, 18, 19] and y == [10 * i for i in range(18)]
    x, y = windows(data, targets, 3, sequence_stride=4, sampling_rate=2)
    assert x == [[i, i + 2, i + 4] for i in (0, 4, 8, 12)] and y == [0, 40, 80, 120]
    x, y = windows(data, targets, 3, start_index=5, end_index=10)
    assert x == [[5, 6, 7], [6, 7, 8], [7, 8, 9]] and y == [50, 60, 70]
    x, y = windows(data, targets[:4], 3)
    assert len(x) == 4 and y == [0, 10, 20, 30]
    ds = utils.timeseries_dataset_from_array(data, None, 3, batch_size=5)
    assert [b.shape for b in ds] == [(5, 3)] * 3 + [(3, 3)]
    assert utils.timeseries_dataset_from_array(np.zeros((9, 2)), None, 4, batch_size=None)[0].shape == (4, 2)
    shuffled = utils.timeseries_dataset_from_array(data, targets, 3, shuffle=True, seed=1)
    first = [y.numpy().tolist() for _, y in shuffled]
    assert first != [y.numpy().tolist() for _, y in shuffled] and sorted(first[0]) == [10 * i for i in range(18)]
    again = utils.timeseries_dataset_from_array(data, targets, 3, shuffle=True, seed=1)
    assert [y.numpy().tolist() for _, y in again] == first
    assert all(x.numpy()[i, 0] * 10 == y.numpy()[i] for x, y in shuffled for i in range(3))
    m = keras.Sequential([layers.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(utils.timeseries_dataset_from_array(data / 20, targets / 200, 3, batch_size=4), verbose=0)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"sequence_length": 0}, "sequence_length"),
        ({"sequence_length": 21}, "sequence_length"),
        ({"sequence_stride": 0}, "sequence_stride"),
        ({"sampling_rate": 20}, "sampling_rate"),
        ({"sampling_rate": 15}, "a window spans 31"),
        ({"start_index": 20}, "start_index"),
        ({"start_index": 5, "end_index": 5}, "end_index"),
        ({"end_index": 21}, "end_index"),
        ({"format": "grain"}, "format"),
        ({"batch_size": -1}, "batch_size"),
    ],
)
def test_windows_that_do_not_fit(kwargs, words):
    with pytest.raises(ValueError, match=words):
        utils.timeseries_dataset_from_array(np.arange(20), None, **{"sequence_length": 3, **kwargs})


# ---------------------------------------------------------------- splits


def test_splits():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.7)
    assert (len(left), len(right)) == (7, 3) and int(left.cardinality()) == 7
    assert right[0][0].tolist() == [14, 15] and right[0][1] == 7
    assert [len(p) for p in utils.split_dataset(x, right_size=4)] == [6, 4]
    assert [len(p) for p in utils.split_dataset([x, y], left_size=2, right_size=0.3)] == [2, 3]
    named, _ = utils.split_dataset({"a": x, "b": y}, left_size=5)
    assert named[1]["b"] == 1
    parts = utils.split_dataset(y, left_size=0.5, shuffle=True, seed=1)
    found = [[int(v) for v in p] for p in parts]
    assert sorted(found[0] + found[1]) == list(range(10)) and found[0] != list(range(5))
    assert [[int(v) for v in p] for p in utils.split_dataset(y, 0.5, shuffle=True, seed=1)] == found
    batches = Samples(10, lambda i: (x[i], y[i])).batch(4)
    left, right = utils.split_dataset(batches, left_size=6)
    assert [b[1].shape for b in left] == [(4,), (2,)] and len(right) == 1
    assert [len(p) for p in utils.split_dataset(iter(range(5)), left_size=1)] == [1, 4]
    m = keras.Sequential([layers.Dense(1)])
    m.compile("sgd", "mse")
    m.fit(left, validation_data=right, verbose=0)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((np.ones(4),), {}, ValueError, "left_size, right_size or both"),
        ((np.ones(4), 0), {}, ValueError, "each part needs one"),
        ((np.ones(4), 4), {}, ValueError, "each part needs one"),
        ((np.ones(4), 1.5), {}, ValueError, "fraction"),
        ((np.ones(4), 3, 2), {}, ValueError, "more than 4"),
        ((np.ones(4), "2"), {}, TypeError, "left_size"),
        ((np.ones(4), 2), {"preferred_backend": "torch"}, ValueError, "preferred_backend"),
        (((np.ones(4), np.ones(3)), 2), {}, ValueError, "same number"),
        ((3, 2), {}, TypeError, "expected arrays"),
    ],
)
def test_splits_that_cannot_be(args, kwargs, error, words):
    with pytest.raises(error, match=words):
        utils.split_dataset(*args, **kwargs)


# ---------------------------------------------------------------- what datasets do


def test_map_take_skip_batch():
    ds = Samples(7, lambda i: (np.float32(i), i * 10))
    assert [int(x) for x, _ in ds.take(3)] == [0, 1, 2] and [int(x) for x, _ in ds.skip(5)] == [5, 6]
    assert len(ds.take(30)) == 7 and len(ds.skip(30)) == 0
    assert list(ds.map(lambda x, y: y))[-1] == 60
    pairs = ds.map(lambda x, y: {"x": x}).batch(3, drop_remainder=True)
    assert [b["x"].numpy().tolist() for b in pairs] == [[0, 1, 2], [3, 4, 5]]
    assert isinstance(next(pairs.as_numpy_iterator())["x"], np.ndarray)
    assert ds[-1][1] == 60
    for index in (7, -8):
        with pytest.raises(IndexError):
            ds[index]
    with pytest.raises(ValueError, match="take"):
        ds.take(-1)
    with pytest.raises(ValueError, match="one shape"):
        Samples(2, lambda i: np.zeros(i)).batch(2)[0]
    shuffled = Samples(50, lambda i: i, shuffle=True, seed=0).map(lambda i: i + 1).take(50)
    assert list(shuffled) != list(shuffled) and sorted(shuffled) == list(range(1, 51))
