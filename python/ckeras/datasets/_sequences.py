"""Texts as sequences of word ranks."""

import numpy as np


def encode(sequences, start_char, index_from):
    """Ranks moved up by `index_from`, behind a `start_char` where one is given."""
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    return [start + [w + shift for w in s] for s in sequences]


def shorter(maxlen, sequences, labels):
    """The sequences of less than `maxlen` words, with their labels."""
    if not maxlen:
        return sequences, labels
    kept = [i for i, s in enumerate(sequences) if len(s) < maxlen]
    if not kept:
        raise ValueError(f"[load_data] no sequence has less than maxlen={maxlen} words; raise maxlen")
    return [sequences[i] for i in kept], labels[kept]


def known(sequences, num_words, skip_top, oov_char):
    """Words from `skip_top` up to `num_words` (None: all); others become `oov_char`, or are left out where it is
    None."""
    if not num_words:
        num_words = max(max(s) for s in sequences if s)
    if oov_char is None:
        return [[w for w in s if skip_top <= w < num_words] for s in sequences]
    return [[w if skip_top <= w < num_words else oov_char for w in s] for s in sequences]


def column(sequences):
    """An array of lists."""
    out = np.empty(len(sequences), dtype=object)
    for i, s in enumerate(sequences):
        out[i] = s
    return out
