"""Layers that number categories, tokens and words; hashes; pad_sequences. Values are those of Keras on TensorFlow."""

import numpy as np
import pytest

import ckeras
from ckeras import layers
from ckeras.layers.preprocessing import hashes

LETTERS = np.array([["A"], ["B"], ["C"], ["D"], ["E"]])


@pytest.mark.parametrize(
    ("arguments", "inputs", "want"),
    [
        ({}, LETTERS, [1, 0, 1, 1, 2]),
        ({"salt": [133, 137]}, LETTERS, [1, 2, 1, 0, 2]),
        ({"salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
        ({"mask_value": ""}, np.array([["A"], ["B"], [""], ["C"], ["D"]]), [1, 1, 0, 2, 2]),
    ],
)
def test_hashing(arguments, inputs, want):
    layer = layers.Hashing(3, **arguments)
    np.testing.assert_array_equal(np.asarray(layer(inputs)), np.array(want)[:, None])
    again = layers.Hashing.from_config(layer.get_config())
    np.testing.assert_array_equal(np.asarray(again(inputs)), np.asarray(layer(inputs)))


@pytest.mark.parametrize(
    ("text", "signed"),
    [("1footrue", -1541654101129638711), ("2applefalse", 2794438866806483259), ("3true", -4880158226897771312)],
)
def test_fingerprints(text, signed):
    assert hashes.fingerprint(text.encode()) == signed % (1 << 64)


def test_siphash_of_the_paper():
    key = tuple(int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8))
    assert hashes.siphash(bytes(range(15)), key) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("length", [0, 3, 7, 16, 31, 64, 65, 127, 128, 129, 300])
def test_fingerprints_of_every_length_spread(length):
    text = bytes(i * 7 % 256 for i in range(length))
    prints = {hashes.fingerprint(text[:i] + bytes([text[i] ^ 1]) + text[i + 1 :]) for i in range(length)}
    assert len(prints | {hashes.fingerprint(text)}) == length + 1


def test_hashing_of_numbers_and_vectors():
    layer = layers.Hashing(4, output_mode="count")
    rows = np.asarray(layer(np.array([[1, 2, 2], [3, 3, 3]])))
    assert rows.shape == (2, 4) and rows.sum() == 6
    np.testing.assert_array_equal(
        np.asarray(layers.Hashing(50)(np.array([1.9, 2.0]))), np.asarray(layers.Hashing(50)(np.array(["1", "2"])))
    )


def test_hashed_crossing():
    layer = layers.HashedCrossing(5)
    features = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    np.testing.assert_array_equal(np.asarray(layer(features)), [1, 4, 1, 1, 3])
    one = layers.HashedCrossing.from_config({**layer.get_config(), "output_mode": "one_hot", "dtype": "float32"})
    np.testing.assert_array_equal(np.asarray(one(features)).argmax(1), [1, 4, 1, 1, 3])
    with pytest.raises(ValueError, match="at least two"):
        layer(features[:1])
    with pytest.raises(ValueError, match="one shape"):
        layer((features[0], features[1][:2]))


@pytest.mark.parametrize(
    ("mode", "want"),
    [("multi_hot", [[0, 1, 1, 0], [1, 0, 0, 1]]), ("count", [[0, 2, 1, 0], [1, 0, 0, 2]])],
)
def test_category_encoding(mode, want):
    layer = layers.CategoryEncoding(4, output_mode=mode)
    x = np.array([[1, 1, 2], [3, 0, 3]])
    np.testing.assert_array_equal(np.asarray(layer(x)), want)
    model = ckeras.Sequential([ckeras.Input((3,), dtype="int32"), layers.CategoryEncoding(4, output_mode=mode)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), want)
    assert model.output_shape == (None, 4)


def test_category_encoding_counts_weights_and_refuses():
    layer = layers.CategoryEncoding(3, output_mode="count")
    np.testing.assert_allclose(
        np.asarray(layer(np.array([[0, 1]]), count_weights=np.array([[0.5, 2.0]]))), [[0.5, 2, 0]]
    )
    with pytest.raises(ValueError, match=r"lie in \[0, 3\)"):
        layer(np.array([[3]]))
    with pytest.raises(ValueError, match="count_weights goes with"):
        layers.CategoryEncoding(3)(np.array([[0]]), count_weights=np.ones((1, 1)))


def test_discretization():
    layer = layers.Discretization([0.0, 1.0, 2.0], output_mode="one_hot")
    np.testing.assert_array_equal(np.asarray(layer(np.array([-1.0, 0.0, 1.5, 9.0]))), np.eye(4))
    x = np.random.default_rng(0).normal(size=20_000)
    learned = layers.Discretization(num_bins=4, epsilon=0.01)
    learned.adapt(x[i : i + 1000] for i in range(0, 20_000, 1000))
    np.testing.assert_allclose(learned.bin_boundaries, np.quantile(x, [0.25, 0.5, 0.75]), atol=0.02)
    again = layers.Discretization.from_config(learned.get_config())
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(learned(x)))
    counts = np.bincount(np.asarray(learned(x)))
    assert counts.min() > 4700
    some = layers.Discretization(num_bins=2)
    some.adapt((np.array([v]) for v in (1.0, 2.0, 100.0)), steps=2)
    assert some.bin_boundaries[0] < 2
    with pytest.raises(ValueError, match="were given"):
        layer.adapt(x)


def test_string_lookup():
    layer = layers.StringLookup(vocabulary=["a", "b", "c"])
    data = np.array([["a", "c"], ["z", "b"]])
    np.testing.assert_array_equal(np.asarray(layer(data)), [[1, 3], [0, 2]])
    assert layer.get_vocabulary() == ["[UNK]", "a", "b", "c"]
    back = layers.StringLookup(vocabulary=["a", "b", "c"], invert=True)
    np.testing.assert_array_equal(back(np.array([1, 3, 0])), ["a", "c", "[UNK]"])
    masked = layers.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=2)
    assert np.asarray(masked(["", "a", "b"])).tolist() == [0, 3, 4]
    assert set(np.asarray(masked(list("uvwxyz"))).tolist()) == {1, 2}
    assert layers.StringLookup(vocabulary=[b"\xe9"], encoding="latin-1").get_vocabulary()[1] == "é"


def test_lookup_learns_the_most_frequent_tokens():
    layer = layers.StringLookup(max_tokens=3)
    layer.adapt(["b", "a", "b", "c", "c", "b"])
    assert layer.get_vocabulary() == ["[UNK]", "b", "c"]
    layer.adapt(iter([["x"], ["x"], ["y"]]), steps=1)
    assert layer.get_vocabulary() == ["[UNK]", "x"]


@pytest.mark.parametrize("oov", [1, 3])
@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "one_hot"])
@pytest.mark.parametrize("mask", [None, 0])
def test_integer_lookup_in_and_out_of_a_model(oov, mode, mask):
    def make():
        return layers.IntegerLookup(vocabulary=[12, 36, -5], num_oov_indices=oov, mask_token=mask, output_mode=mode)

    x = np.array([[12, 0, 36, 7], [8, -5, -6, 12]])
    model = ckeras.Sequential([ckeras.Input((4,), dtype="int64"), make()])
    want = np.asarray(make()(x))
    np.testing.assert_array_equal(model.predict(x, verbose=0), want)
    assert model.output_shape == (None, *want.shape[1:])


def test_integer_lookup_inverts():
    layer = layers.IntegerLookup(vocabulary=[12, 36], invert=True)
    np.testing.assert_array_equal(np.asarray(layer(np.array([0, 1, 2]))), [-1, 12, 36])
    model = ckeras.Sequential([ckeras.Input((3,), dtype="int64"), layer])
    np.testing.assert_array_equal(model.predict(np.array([[0, 1, 2]]), verbose=0), [[-1, 12, 36]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vocabulary": ["a", "a"]}, "twice"),
        ({"vocabulary": ["a", ""], "mask_token": ""}, "mask_token"),
        ({"vocabulary": ["a", "b", "c"], "max_tokens": 3}, "max_tokens is 3"),
        ({"vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights"),
        ({"vocabulary": []}, "no tokens"),
        ({"output_mode": "ints"}, "output_mode must be"),
        ({"sparse": True}, "sparse"),
        ({"pad_to_max_tokens": True}, "needs max_tokens"),
        ({"invert": True, "output_mode": "count"}, "invert"),
        ({"salt": "x"}, "salt"),
    ],
)
def test_lookups_refuse(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.StringLookup(**arguments)


def test_what_a_lookup_cannot_do():
    with pytest.raises(ValueError, match="num_oov_indices=0"):
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"])
    with pytest.raises(ValueError, match="rows must be of one length"):
        layers.StringLookup(vocabulary=["a"])([["a"], ["a", "a"]])
    with pytest.raises(ValueError, match="cannot be part of a model"):
        layers.StringLookup(vocabulary=["a"])(ckeras.Input((2,)))
    with pytest.raises(ValueError, match="was given"):
        layers.StringLookup(vocabulary=["a"]).adapt(["b"])
    with pytest.raises(ValueError, match="is empty"):
        layers.StringLookup(output_mode="count")(["b"])


def test_tf_idf():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt([["a", "b"], ["a", "a"], ["c", "a"]])
    vocabulary = layer.get_vocabulary()
    assert vocabulary == ["[UNK]", "a", "c", "b"]
    weight = {"a": np.log(1 + 3 / 4), "b": np.log(1 + 3 / 2), "c": np.log(1 + 3 / 2)}
    want = [np.mean(list(weight.values())), 2 * weight["a"], 0, 0]
    np.testing.assert_allclose(np.asarray(layer(np.array([["a", "a", "z"]])))[0], want, rtol=1e-6)
    given = layers.StringLookup(vocabulary=["a", "b"], idf_weights=[1.0, 3.0], output_mode="tf_idf", max_tokens=5)
    np.testing.assert_allclose(np.asarray(given(["a", "b", "b", "z"])), [2, 1, 6])
    padded = layers.StringLookup(vocabulary=["a"], output_mode="count", max_tokens=5, pad_to_max_tokens=True)
    assert np.asarray(padded(["a", "z"])).tolist() == [1, 1, 0, 0, 0]


TEXTS = ["The cat, the Dog!", "A dog.", "Élan  cat\tcat"]


def test_text_vectorization():
    layer = layers.TextVectorization()
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", "cat", "the", "dog", "Élan", "a"]
    np.testing.assert_array_equal(np.asarray(layer(["the fox", "a dog cat"])), [[3, 1, 0], [6, 4, 2]])
    assert np.asarray(layer("the dog")).tolist() == [3, 4]
    np.testing.assert_array_equal(np.asarray(layer(np.array([["dog"]]))), [[4]])


@pytest.mark.parametrize(
    ("arguments", "text", "words"),
    [
        ({"standardize": None}, "A b!", ["A", "b!"]),
        ({"standardize": "lower"}, "A b!", ["a", "b!"]),
        ({"standardize": "strip_punctuation"}, "A b!", ["A", "b"]),
        ({"standardize": lambda x: [s.replace("A", "c") for s in x]}, "A b", ["c", "b"]),
        ({"split": "character"}, "ab", ["a", "b"]),
        ({"split": None}, "a b", ["a b"]),
        ({"split": lambda s: s.split("-"), "standardize": None}, "a-b", ["a", "b"]),
        ({"ngrams": 2}, "a b c", ["a", "b", "c", "a b", "b c"]),
        ({"ngrams": (3, 1)}, "a b c", ["a b c", "a", "b", "c"]),
    ],
)
def test_words_of_a_text(arguments, text, words):
    layer = layers.TextVectorization(**arguments, vocabulary=words)
    assert np.asarray(layer([text])).tolist() == [list(range(2, len(words) + 2))]


def test_text_vectorization_lengths_and_modes():
    cut = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    np.testing.assert_array_equal(np.asarray(cut(["a b a b", "b"])), [[2, 3, 2], [3, 0, 0]])
    assert cut.compute_output_shape((None,)) == (None, 3)
    count = layers.TextVectorization(vocabulary=["a", "b"], output_mode="count", max_tokens=4, pad_to_max_tokens=True)
    np.testing.assert_array_equal(np.asarray(count(["a b a z", "b"])), [[1, 2, 1, 0], [0, 0, 1, 0]])
    for arguments in ({"ragged": True}, {"sparse": True}, {"ngrams": 0}, {"standardize": "upper"}, {"split": "words"}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            layers.TextVectorization(**arguments)
    with pytest.raises(ValueError, match="output_sequence_length"):
        layers.TextVectorization(output_mode="count", output_sequence_length=3)


class Reader(ckeras.Model):
    """A model with lookups in attributes, and a part that is trained."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.text = layers.TextVectorization(output_mode="tf_idf")
        self.token = layers.StringLookup(mask_token="")
        self.number = layers.IntegerLookup()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_learned_vocabularies_are_saved(tmp_path):
    model = Reader()
    model.text.adapt(TEXTS)
    model.token.adapt(["x y", "b\u2028z", "", " s "])
    model.number.adapt(np.array([5, 5, -7]))
    model(np.ones((1, 3), "float32"))
    model.save(tmp_path / "m.keras")
    again = ckeras.saving.load_model(tmp_path / "m.keras", custom_objects={"Reader": Reader})
    assert again.text.get_vocabulary() == model.text.get_vocabulary()
    assert again.token.get_vocabulary() == model.token.get_vocabulary()
    assert again.number.get_vocabulary() == model.number.get_vocabulary()
    np.testing.assert_allclose(np.asarray(again.text(TEXTS)), np.asarray(model.text(TEXTS)), rtol=1e-6)


def test_a_config_may_not_name_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\n")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    for cls in (layers.StringLookup, layers.TextVectorization):
        with pytest.raises(ValueError, match="safe mode"):
            cls.from_config({**cls().get_config(), "vocabulary": str(path)})
    with pytest.raises(ValueError, match="not found"):
        layers.StringLookup(vocabulary=str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        ({}, [[0, 0, 1], [2, 3, 4]]),
        ({"padding": "post", "value": -1}, [[1, -1, -1], [2, 3, 4]]),
        ({"maxlen": 2}, [[0, 1], [3, 4]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3]]),
        ({"maxlen": 4, "dtype": "float32"}, [[0, 0, 0, 1], [0, 2, 3, 4]]),
    ],
)
def test_pad_sequences(arguments, want):
    got = ckeras.utils.pad_sequences([[1], [2, 3, 4]], **arguments)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == arguments.get("dtype", "int32")


def test_pad_sequences_refuses():
    assert ckeras.preprocessing.sequence.pad_sequences is ckeras.utils.pad_sequences
    assert ckeras.utils.pad_sequences([[[1, 2]], []]).shape == (2, 1, 2)
    for arguments, message in (
        (([1],), "list of lists"),
        (([[1]], None, "int32", "front"), "padding"),
        (([[1]], None, "int32", "pre", "pre", "x"), "value"),
        (([[1]], -1), "maxlen"),
        (([[[1]], [[1, 2]]],), "one shape"),
    ):
        with pytest.raises(ValueError, match=message):
            ckeras.utils.pad_sequences(*arguments)
