"""Film reviews, good or bad (Maas et al.: "Learning Word Vectors for Sentiment Analysis", 2011)."""

import numpy as np

from ckeras.datasets import _sequences, _source


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """`((x_train, y_train), (x_test, y_test))`: 25,000 reviews each, as lists of word ranks, and 0 (bad) or 1 (good).

    Ranks (1 is the most frequent word) are moved up by `index_from`, behind a `start_char`. Words below `skip_top` and
    from `num_words` on become `oov_char`; None leaves them out. Reviews of `maxlen` words and more are left out.
    `seed` orders the reviews. Raises `ValueError` where nothing is left, and `OSError` where the file is not in the
    cache (as `path`) and cannot be downloaded.

    >>> (x_train, y_train), (x_test, y_test) = ckeras.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP
    """
    num_words = kwargs.pop("nb_words", num_words)  # its name in Keras 1
    if kwargs:
        raise TypeError(f"[imdb.load_data] unexpected arguments {sorted(kwargs)}")
    data = _source.arrays("imdb.npz", path)
    rng = np.random.RandomState(seed)
    parts = []
    for which in ("train", "test"):
        order = np.arange(len(data[f"x_{which}"]))
        rng.shuffle(order)
        x = _sequences.encode(data[f"x_{which}"][order], start_char, index_from)
        parts.append(_sequences.shorter(maxlen, x, data[f"y_{which}"][order]))
    (x_train, y_train), (x_test, y_test) = parts
    xs = _sequences.known([*x_train, *x_test], num_words, skip_top, oov_char)
    n = len(x_train)
    return (_sequences.column(xs[:n]), y_train), (_sequences.column(xs[n:]), y_test)


def get_word_index(path="imdb_word_index.json"):
    """The rank of each word: a dict of str to int. The ranks are those before `load_data` moves them up."""
    return _source.words("imdb_word_index.json", path)
