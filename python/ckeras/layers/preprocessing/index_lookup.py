"""Layers that number tokens of a vocabulary: StringLookup, IntegerLookup."""

import collections
import os

import numpy as np

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.symbolic import KerasTensor, any_symbolic
from ckeras._core.trace import Tracer
from ckeras.layers._arguments import tuple_of
from ckeras.layers.layer import Layer
from ckeras.layers.preprocessing import hashes
from ckeras.layers.preprocessing.categories import (
    as_array,
    batches,
    encode,
    encoded_shape,
    refuse_sparse,
    salt_pair,
    texts,
)
from ckeras.layers.preprocessing.image_base import one_of
from ckeras.saving.registry import in_safe_mode

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_FILE = "vocabulary.txt"


class IndexLookup(Layer):
    """Base of the lookups: a vocabulary of tokens, given or learned with `adapt`, and the number of each.

    Numbers begin with the mask's (0; in `output_mode` `"int"` alone), then come those of unknown tokens, then the
    vocabulary's. The subclass says which tokens there are in `read`, `plain`, `to_bytes`.
    """

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary,
        idf_weights,
        invert,
        output_mode,
        sparse,
        pad_to_max_tokens,
        oov_method="floormod",
        salt=None,
        name=None,
        vocabulary_size=None,
        has_input_vocabulary=None,
        **kwargs,
    ):
        kwargs.pop("dtype", None)  # files tell it; the tokens decide
        super().__init__(name=name, **kwargs)
        self._label = label = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"[{label}] max_tokens must be None or greater than 1, got {max_tokens}")
        if not isinstance(num_oov_indices, int) or num_oov_indices < 0:
            raise ValueError(f"[{label}] num_oov_indices must be an integer of at least 0, got {num_oov_indices!r}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"[{label}] pad_to_max_tokens=True needs max_tokens")
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        self.output_mode = one_of(label, "output_mode", output_mode, _MODES)
        if invert and output_mode != "int":
            raise ValueError(f"[{label}] invert=True goes with output_mode='int', got {output_mode!r}")
        refuse_sparse(label, sparse)
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(f"[{label}] idf_weights goes with output_mode='tf_idf', got {output_mode!r}")
        if vocabulary is not None and output_mode == "tf_idf" and idf_weights is None:
            raise ValueError(f"[{label}] a vocabulary with output_mode='tf_idf' needs idf_weights")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.sparse, self.pad_to_max_tokens = bool(invert), False, bool(pad_to_max_tokens)
        self.oov_method = one_of(label, "oov_method", oov_method, ("floormod", "farmhash"))
        self.salt = salt_pair(label, salt)
        in_file = vocabulary is None or isinstance(vocabulary, (str, os.PathLike))
        self.input_vocabulary = None if in_file else list(tuple_of(label, "vocabulary", vocabulary))
        self.input_idf_weights = None if idf_weights is None else np.asarray(idf_weights).tolist()
        self._given = vocabulary is not None
        self._tokens, self._numbers, self._idf = [], {}, None
        self.built = True
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- the vocabulary

    @property
    def _first_oov(self):
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _first_token(self):
        return self._first_oov + self.num_oov_indices

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Takes the tokens in order: a list, an array, or the path of a file with one a line.

        The special tokens may come first. With `output_mode="tf_idf"`, `idf_weights` is one weight a token. Raises
        `ValueError` for no tokens, doubles, special tokens among them, and more than `max_tokens`.
        """
        label = self._label
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise ValueError(
                f"[{label}] idf_weights must be given with output_mode='tf_idf', and only then; output_mode is "
                f"{self.output_mode!r}"
            )
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = self._from_file(vocabulary)
        tokens = self.read(np.asarray(vocabulary))
        special = [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices
        front = len(special) if special and tokens[: len(special)] == special else 0
        tokens = tokens[front:]
        if not tokens:
            raise ValueError(f"[{label}] the vocabulary has no tokens")
        doubles = [t for t, n in collections.Counter(tokens).items() if n > 1]
        if doubles:
            raise ValueError(f"[{label}] the vocabulary has these tokens twice: {doubles[:5]}")
        for what, token in (("mask_token", self.mask_token), ("oov_token", self.oov_token if self.invert else None)):
            if token is not None and token in tokens:
                raise ValueError(f"[{label}] the vocabulary has the {what} {token!r} at {tokens.index(token) + front}")
        size = self._first_token + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"[{label}] the vocabulary has {size} tokens, special ones included; max_tokens is {self.max_tokens}"
            )
        weights = None
        if idf_weights is not None:
            weights = np.asarray(idf_weights, "float64")
            if weights.ndim != 1 or len(weights) != len(tokens) + front:
                raise ValueError(
                    f"[{label}] idf_weights must be {len(tokens) + front} numbers, one a token, got {weights.shape}"
                )
            if not front:
                weights = np.concatenate([np.full(self._first_token, weights.mean()), weights])
        self._take(tokens, weights)

    def _from_file(self, path):
        if not os.path.isfile(path):
            raise ValueError(f"[{self._label}] vocabulary file not found: {path!r}")
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()

    def _take(self, tokens, weights):
        self._tokens = tokens
        self._numbers = {t: i + self._first_token for i, t in enumerate(tokens)}
        self._idf = weights

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their numbers, with those for masks and unknown tokens unless
        `include_special_tokens=False`."""
        if not include_special_tokens:
            return list(self._tokens)
        return [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices + self._tokens

    def vocabulary_size(self):
        """The number of tokens, those for masks and unknown ones included."""
        return self._first_token + len(self._tokens)

    # ---- learning

    def adapt(self, data, steps=None):
        """Learns the vocabulary, most frequent tokens first (of equal ones the greater first), from an array, a list
        or an iterable of batches (the first `steps`). Raises `ValueError` where a vocabulary was given."""
        self.reset_state()
        whole = isinstance(data, (np.ndarray, list, tuple, str)) or hasattr(data, "__array__")
        for batch in batches(data, steps):
            batch = np.asarray(batch) if not _is_nested(batch) else batch
            self.update_state(batch[:, None] if whole and not _is_nested(batch) and batch.ndim == 1 else batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the tokens of a batch, of which each row is a document."""
        if self._given:
            raise ValueError(f"[{self._label}] adapt() has nothing to learn: a vocabulary was given")
        rows = data if _is_nested(data) else np.atleast_2d(np.asarray(data))
        for row in rows:
            tokens = self.read(np.asarray(row))
            self._counts.update(tokens)
            self._documents.update(set(tokens))
        self._rows += len(rows)

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        if self._given or not self._counts:
            return
        counts = {t: n for t, n in self._counts.items() if t not in (self.mask_token, self.oov_token)}
        tokens = sorted(counts, key=lambda t: (counts[t], t), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - self._first_token]
        weights = None
        if self.output_mode == "tf_idf":
            found = np.array([self._documents[t] for t in tokens], "float64")
            weights = np.log1p(self._rows / (1 + found))
            mean = weights.mean() if len(weights) else 1.0
            weights = np.concatenate([np.full(self._first_token, mean), weights])
        self._take(tokens, weights)
        self.reset_state()

    def reset_state(self):
        """Forgets what was counted, not the vocabulary."""
        self._counts, self._documents, self._rows = collections.Counter(), collections.Counter(), 0

    # ---- calling

    def number(self, tokens):
        """The numbers of a flat list of tokens, int64; -1 for masked ones that count nowhere."""
        mask = 0 if self.output_mode == "int" else -1
        known = self._numbers
        unknown = {}
        out = np.empty(len(tokens), "int64")
        for i, t in enumerate(tokens):
            if self.mask_token is not None and t == self.mask_token:
                out[i] = mask
            elif t in known:
                out[i] = known[t]
            else:
                if t not in unknown:
                    unknown[t] = self._first_oov + self._bucket(t)
                out[i] = unknown[t]
        return out

    def _bucket(self, token):
        n = self.num_oov_indices
        if n == 0:
            raise ValueError(
                f"[{self._label}] {token!r} is not in the vocabulary and num_oov_indices=0; set it to 1 or more"
            )
        if n == 1:
            return 0
        if isinstance(token, int) and self.oov_method == "floormod":
            return token % n
        return hashes.buckets([token], n, self.salt)[0]

    def encoded(self, numbers):
        """The output of numbers (a tensor), by the layer's mode."""
        dtype = self._dtype_of_outputs()
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        out = encode(numbers, mode, self._depth(), dtype)
        if self.output_mode == "tf_idf":
            weights = np.zeros(self._depth())
            if self._idf is None:
                raise ValueError(f"[{self._label}] output_mode='tf_idf' needs weights: call adapt(data) first")
            weights[: len(self._idf)] = self._idf
            out = ops.multiply(out, ops.convert_to_tensor(weights, dtype))
        return out

    def _dtype_of_outputs(self):
        return "int64" if self.output_mode == "int" else dtypes.floatx()

    def compute_output_spec(self, inputs):
        """Numbers (and with `invert` tokens) are int64, encodings of the default float dtype."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self._dtype_of_outputs())

    def _depth(self):
        if self.pad_to_max_tokens:
            return self.max_tokens
        if not self._tokens:
            raise ValueError(f"[{self._label}] the vocabulary is empty: call adapt(data) or set_vocabulary first")
        return self.vocabulary_size()

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(input_shape, mode, self._depth())

    def _tokens_of(self, numbers):
        words = self.get_vocabulary()
        if self._first_oov:
            words[0] = self.mask_token
        return [words[n] if 0 <= n < len(words) else self.oov_token for n in numbers.ravel().tolist()]

    # ---- files

    def save_own_variables(self, store):
        if self._idf is not None:
            store["idf_weights"] = self._idf.astype("float32")

    def load_own_variables(self, store):
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._idf = np.asarray(store["idf_weights"], "float64")

    load_own_variables.reads_names = True

    def save_assets(self, dir_path):
        """Writes a learned vocabulary into a folder."""
        if self.input_vocabulary is None and self._tokens:
            with open(os.path.join(dir_path, _FILE), "w", encoding="utf-8", newline="\n") as f:
                f.write("\n".join(map(str, self.get_vocabulary())))

    def load_assets(self, dir_path):
        """Reads what `save_assets` wrote."""
        path = os.path.join(dir_path, _FILE)
        if self.input_vocabulary is not None or not os.path.isfile(path):
            return
        with open(path, encoding="utf-8", newline="") as f:
            lines = f.read().split("\n")
        while lines and not lines[-1]:
            lines.pop()
        self.set_vocabulary(lines[self._first_token :], None if self._idf is None else self._idf[self._first_token :])

    def get_config(self):
        names = ("invert", "max_tokens", "num_oov_indices", "oov_token", "mask_token", "output_mode", "sparse")
        names += ("pad_to_max_tokens", "oov_method", "salt")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in names},
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self.vocabulary_size() if self._tokens else None,
        }

    @classmethod
    def from_config(cls, config):
        refuse_vocabulary_file(cls.__name__, config)
        return super().from_config(config)


def _is_nested(data):
    """Whether it is a list of lists, of any lengths."""
    return isinstance(data, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in data)


def refuse_vocabulary_file(label, config):
    """Raises `ValueError` for a config that names a vocabulary file: a stranger's config may not read files."""
    if isinstance(config.get("vocabulary"), str) and in_safe_mode():
        raise ValueError(
            f"[{label}] the config names the vocabulary file {config['vocabulary']!r}: refused in safe mode. Pass "
            "safe_mode=False if you trust its author"
        )


class StringLookup(IndexLookup):
    """The numbers of strings in a vocabulary, given or learned with `adapt`; with `invert=True`, the strings of
    numbers (a NumPy array).

    Number 0 is the `mask_token`'s if there is one, then `num_oov_indices` numbers are for unknown strings (by a hash
    where there are several), then come the tokens of `vocabulary`, a list or the path of a file with one a line.
    `max_tokens` bounds them all. `output_mode`: `"int"`, or vectors as in `CategoryEncoding`, or `"tf_idf"`: counts
    times `idf_weights`. `encoding` is that of bytes. Runs on the host, on data: it cannot be part of a model.

    >>> ckeras.layers.StringLookup(vocabulary=["a", "b"])(["b", "z"]).numpy()
    array([2, 0])
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            salt=salt,
            name=name,
            **kwargs,
        )

    def __call__(self, inputs):
        return self.call(inputs)

    def read(self, array):
        return texts(array, self.encoding)

    def call(self, inputs):
        x = as_array("StringLookup", inputs)
        if self.invert:
            return np.array(self._tokens_of(x), object).reshape(x.shape)
        return self.encoded(ops.convert_to_tensor(self.number(self.read(x)).reshape(x.shape)))

    def get_config(self):
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """The numbers of integers in a vocabulary, given or learned with `adapt`; with `invert=True`, the integers of
    numbers.

    The arguments are those of `StringLookup`. Of several numbers for unknown integers, `oov_method` chooses:
    `"floormod"` the remainder, `"farmhash"` a hash (with `salt`: a keyed one). In a model, unknown integers without a
    number (`num_oov_indices=0`) get -1, and `"farmhash"` is not possible.

    >>> ckeras.layers.IntegerLookup(vocabulary=[12, 36])(np.array([36, 7])).numpy()
    array([2, 0])
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(f"[IntegerLookup] vocabulary_dtype must be 'int64', got {vocabulary_dtype!r}")
        if salt is not None and oov_method != "farmhash":
            raise ValueError("[IntegerLookup] salt goes with oov_method='farmhash'")
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def read(self, array):
        return [int(v) for v in array.ravel().tolist()]

    def call(self, inputs):
        if isinstance(inputs, Tracer) or any_symbolic((inputs,)):
            numbers = self._traced(inputs)
            return numbers if self.invert else self.encoded(numbers)
        x = np.asarray(inputs)
        if self.invert:
            return ops.convert_to_tensor(np.array(self._tokens_of(x), "int64").reshape(x.shape))
        return self.encoded(ops.convert_to_tensor(self.number(self.read(x)).reshape(x.shape)))

    def _traced(self, inputs):
        """The numbers (or with `invert` the tokens) within a program."""
        x = ops.cast(inputs, "int64")
        if self.invert:
            words = np.array([self.oov_token if t is None else t for t in self.get_vocabulary()], "int64")
            inside = ops.logical_and(ops.greater_equal(x, 0), ops.less(x, len(words)))
            return ops.where(
                inside,
                ops.take(words, ops.where(inside, x, 0), axis=0),
                ops.convert_to_tensor(np.int64(self.oov_token)),
            )
        if self.num_oov_indices > 1 and self.oov_method == "farmhash":
            raise ValueError("[IntegerLookup] oov_method='farmhash' works on data alone; in a model use 'floormod'")
        oov = ops.full_like(x, -1 if self.num_oov_indices == 0 else self._first_oov)
        if self.num_oov_indices > 1:
            oov = ops.add(ops.mod(x, np.int64(self.num_oov_indices)), np.int64(self._first_oov))
        out = oov
        if self._tokens:
            keys = np.array(sorted(self._tokens), "int64")
            values = np.array([self._numbers[k] for k in keys.tolist()], "int64")
            at = ops.minimum(ops.searchsorted(keys, x), len(keys) - 1)
            out = ops.where(ops.equal(ops.take(keys, at, axis=0), x), ops.take(values, at, axis=0), oov)
        if self.mask_token is not None:
            mask = np.int64(0 if self.output_mode == "int" else -1)
            out = ops.where(ops.equal(x, np.int64(self.mask_token)), mask, out)
        return out

    def get_config(self):
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
