"""Embedding."""

from ckeras import constraints, initializers, ops, regularizers
from ckeras._core import dtypes
from ckeras._core.errors import DataError
from ckeras._core.symbolic import KerasTensor
from ckeras.layers._arguments import positive
from ckeras.layers.layer import Layer
from ckeras.layers.lora import LowRank, adapted


class Embedding(LowRank, Layer):
    """A vector of `output_dim` numbers for each of the integers 0 to `input_dim - 1`.

    Input `(batch, ...)` of integers, output `(batch, ..., output_dim)`. `mask_zero` masks the entries that are 0.
    Integers out of range raise `ValueError`. With `lora_rank` the embeddings are frozen, and two weights of that rank
    learn what is added to them: see `enable_lora`. `quantization_config` is not supported yet.

    >>> ckeras.layers.Embedding(10, 4)(ckeras.ops.convert_to_tensor([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        if quantization_config is not None:
            raise NotImplementedError("[Embedding] quantization_config is not supported yet")
        length = kwargs.pop("input_length", None)
        if length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (length,)
        kwargs.setdefault("autocast", False)  # indices keep their dtype
        super().__init__(**kwargs)
        self.input_dim = positive("Embedding", "input_dim", input_dim)
        self.output_dim = positive("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self._keep_lora(lora_rank, lora_alpha)
        self._embeddings = None
        self._initial = weights

    _adapts = "embeddings"
    embeddings = adapted("embeddings")

    def build(self, input_shape=None):
        self._embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        if self._initial is not None:
            initial = self._initial[0] if isinstance(self._initial, (list, tuple)) else self._initial
            self._embeddings.assign(initial)
        self._build_lora()

    def call(self, inputs):
        if inputs.dtype not in dtypes.INTS:
            inputs = ops.cast(inputs, "int32")
        try:
            rows = ops.take(self.embeddings, inputs, axis=0)
        except DataError as error:
            raise DataError(
                f"Layer '{self.name}' (Embedding) has rows for the integers 0 to {self.input_dim - 1}: {error}; "
                "give it an input_dim of the greatest integer plus one"
            ) from None
        return ops.cast(rows, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }
