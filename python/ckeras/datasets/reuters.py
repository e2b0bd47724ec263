"""Newswires of 46 topics (Lewis: Reuters-21578)."""

from ckeras.datasets import _sequences, _source

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """`((x_train, y_train), (x_test, y_test))`: 11,228 newswires as lists of word ranks, and their topics 0 to 45.

    The last `test_split` of them are for tests; the other arguments are those of `imdb.load_data`.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.reuters.load_data(num_words=10000)  # doctest: +SKIP
    """
    data = _source.arrays("reuters.npz", path)
    xs, labels = _source.shuffled(seed, data["x"], data["y"])
    xs, labels = _sequences.shorter(maxlen, _sequences.encode(xs, start_char, index_from), labels)
    xs = _sequences.known(xs, num_words, skip_top, oov_char)
    return _source.split(test_split, _sequences.column(xs), labels)


def get_word_index(path="reuters_word_index.json"):
    """The rank of each word: a dict of str to int. The ranks are those before `load_data` moves them up."""
    return _source.words("reuters_word_index.json", path)


def get_label_names():
    """The names of the topics 0 to 45, a tuple."""
    return tuple(_TOPICS.split())
