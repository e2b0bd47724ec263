"""TextVectorization."""

import re
import string

import numpy as np

from ckeras import ops
from ckeras.layers.layer import Layer
from ckeras.layers.preprocessing.categories import as_array, batches, refuse_sparse, texts
from ckeras.layers.preprocessing.image_base import one_of
from ckeras.layers.preprocessing.index_lookup import StringLookup, refuse_vocabulary_file
from ckeras.saving import registry

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[^ \t\n\r\f\v]+")


class TextVectorization(Layer):
    """Texts as rows of numbers of their words: each text is standardized, split, made n-grams of, and looked up.

    `standardize`: `"lower_and_strip_punctuation"`, `"lower"` or `"strip_punctuation"` (of ASCII), None, or a function
    of an array of strings. `split`: `"whitespace"`, `"character"`, None, or a function of a string that gives a list.
    `ngrams`: n for all up to n words, or a tuple of lengths. `output_mode`: `"int"` gives [N, words], 0 for the end and
    1 for unknown words, cut or padded to `output_sequence_length`; the others are those of `StringLookup`, as are
    `max_tokens`, `vocabulary`, `idf_weights` and `pad_to_max_tokens`. Runs on the host, on data: it cannot be part of a
    model. `sparse` and `ragged` are not supported.

    >>> ckeras.layers.TextVectorization(vocabulary=["earth", "wind"])(["Earth, Wind!", "fire"]).numpy()
    array([[2, 3],
           [1, 0]])
    """

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        size, given = kwargs.pop("vocabulary_size", None), kwargs.pop("has_input_vocabulary", None)
        kwargs.pop("dtype", None)  # files tell it; the output's follows from the mode
        super().__init__(name=name, **kwargs)
        if not callable(standardize) and standardize is not None:
            known = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
            one_of("TextVectorization", "standardize", standardize, known)
        if not callable(split) and split is not None:
            one_of("TextVectorization", "split", split, ("whitespace", "character"))
        refuse_sparse("TextVectorization", sparse)
        if ragged:
            raise ValueError("[TextVectorization] ragged=True: ragged tensors are not supported; leave ragged out")
        ngrams = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        if ngrams is not None and not (
            (isinstance(ngrams, int) and ngrams > 0)
            or (isinstance(ngrams, tuple) and all(isinstance(n, int) and n > 0 for n in ngrams))
        ):
            raise ValueError(f"[TextVectorization] ngrams must be None, an integer or a tuple of them, got {ngrams!r}")
        if output_sequence_length is not None and (output_mode != "int" or not isinstance(output_sequence_length, int)):
            raise ValueError(
                "[TextVectorization] output_sequence_length must be an integer and goes with output_mode='int', got "
                f"{output_sequence_length!r} and {output_mode!r}"
            )
        self._standardize, self._split, self._ngrams = standardize, split, ngrams
        self._output_sequence_length = output_sequence_length
        self._encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
            vocabulary_size=size,
            has_input_vocabulary=given,
        )
        self._output_mode = self._lookup_layer.output_mode
        self.built = True

    def __call__(self, inputs):
        return self.call(inputs)

    def adapt(self, data, batch_size=None, steps=None):
        """Learns the vocabulary from a list or array of texts, or an iterable of batches (the first `steps`).

        An array is read at once: `batch_size` changes nothing of what is learned.
        """
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the words of a batch of texts."""
        self._lookup_layer.update_state(self._words(data)[0])

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self):
        """Forgets what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The words in the order of their numbers; first those for the end and for unknown words."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """The number of words, special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Takes the words in order, as `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def _words(self, inputs):
        """(rows of tokens, shape of the inputs)."""
        x = as_array("TextVectorization", inputs)
        shape = x.shape
        words = np.array(texts(x, self._encoding), object)
        if callable(self._standardize):
            words = np.asarray(self._standardize(words), object)
        else:
            kind = self._standardize or ""
            if "lower" in kind:
                words = [w.translate(_LOWER) for w in words]
            if "punctuation" in kind:
                words = [w.translate(_PUNCTUATION) for w in words]
        if self._split is None:
            width = shape[-1] if len(shape) > 1 else 1
            rows = [list(words[i : i + width]) for i in range(0, len(words), width)] if width else []
        else:
            if len(shape) > 1 and shape[-1] != 1:
                raise ValueError(
                    f"[TextVectorization] texts must be of shape [N] or [N, 1] to be split, got {shape}; or pass "
                    "split=None"
                )
            cut = {"whitespace": _WORD.findall, "character": list}.get(self._split, self._split)
            rows = [list(cut(w)) for w in words]
        if self._ngrams is not None:
            lengths = range(1, self._ngrams + 1) if isinstance(self._ngrams, int) else self._ngrams
            rows = [[" ".join(r[i : i + n]) for n in lengths for i in range(len(r) - n + 1)] for r in rows]
        return rows, shape

    def call(self, inputs):
        rows, shape = self._words(inputs)
        width = max(map(len, rows), default=0)
        if self._output_sequence_length is not None:
            width = self._output_sequence_length
            rows = [r[:width] for r in rows]
        flat = [w for r in rows for w in r + [""] * (width - len(r))]
        numbers = self._lookup_layer.number(flat).reshape(len(rows), width)
        if self._split is None and len(shape) < 2 and self._output_sequence_length is None:
            numbers = numbers.reshape(-1, 1) if shape else numbers.reshape(-1)
        elif not shape:
            numbers = numbers[0]
        return self._lookup_layer.encoded(ops.convert_to_tensor(numbers))

    def compute_output_shape(self, input_shape):
        if self._output_mode == "int":
            return (*input_shape[:1], self._output_sequence_length)
        return (*input_shape[:1], *self._lookup_layer.compute_output_shape((None,)))

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)

    load_own_variables.reads_names = True

    def save_assets(self, dir_path):
        """Writes a learned vocabulary into a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Reads what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self):
        lookup = self._lookup_layer

        def function(f):
            return registry.serialize_keras_object(f) if callable(f) else f

        return {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": function(self._standardize),
            "split": function(self._split),
            "ngrams": self._ngrams,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        refuse_vocabulary_file(cls.__name__, config)
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = registry.deserialize_keras_object(config[name])
        return super().from_config(config)
