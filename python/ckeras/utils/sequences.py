"""pad_sequences."""

import numpy as np


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """A NumPy array [len(sequences), maxlen, ...] of lists of any lengths, with `value` where they are shorter.

    `maxlen` is by default the greatest length; `padding` and `truncating` say at which end, `"pre"` or `"post"`.
    Raises `ValueError` for other words, for what is no list of lists, and elements of different shapes.

    >>> ckeras.utils.pad_sequences([[1], [2, 3]])
    array([[0, 1],
           [2, 3]], dtype=int32)
    """
    for name, word in (("padding", padding), ("truncating", truncating)):
        if word not in ("pre", "post"):
            raise ValueError(f"[pad_sequences] {name} must be 'pre' or 'post', got {word!r}")
    if not hasattr(sequences, "__len__") or not all(hasattr(s, "__len__") for s in sequences):
        raise ValueError(f"[pad_sequences] sequences must be a list of lists, got {type(sequences).__name__}")
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    if isinstance(maxlen, bool) or not hasattr(maxlen, "__index__") or maxlen < 0:
        raise ValueError(f"[pad_sequences] maxlen must be an integer of at least 0, got {maxlen!r}")
    textual = dtype is object or np.issubdtype(dtype, np.str_) or np.issubdtype(dtype, np.bytes_)
    if isinstance(value, str) and not textual:
        raise ValueError(f"[pad_sequences] value {value!r} is no {dtype}; for strings pass dtype=object")
    shape = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    out = np.full((len(sequences), maxlen, *shape), value, dtype)
    for i, s in enumerate(sequences):
        kept = s[max(len(s) - maxlen, 0) :] if truncating == "pre" else s[:maxlen]
        if not len(kept):
            continue
        kept = np.asarray(kept, dtype)
        if kept.shape[1:] != shape:
            raise ValueError(
                f"[pad_sequences] elements must be of one shape, got {shape} first and {kept.shape[1:]} in sequence {i}"
            )
        out[i, (maxlen - len(kept) if padding == "pre" else 0) :][: len(kept)] = kept
    return out
