"""ReversibleEmbedding."""

import math

from ckeras import ops
from ckeras._core import dtypes
from ckeras._core.symbolic import KerasTensor
from ckeras.layers.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """An Embedding that with `reverse=True` goes back: from vectors `(batch, ..., output_dim)` to a logit for each of
    the `input_dim` integers (Press and Wolf, 2017).

    The way back multiplies by the transposed embeddings, or by a weight of its own when `tie_weights` is false, in
    `reverse_dtype` (the layer's compute dtype by default); `logit_soft_cap` c makes the logits `c tanh(logits / c)`.
    The other arguments are those of Embedding. Raises `ValueError` for a cap that is no positive number and for vectors
    of another size.

    >>> layer = ckeras.layers.ReversibleEmbedding(10, 4)
    >>> layer(layer(ckeras.ops.convert_to_tensor([[1, 2, 3]])), reverse=True).shape
    (1, 3, 10)
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        cap = logit_soft_cap
        if cap is not None and (isinstance(cap, bool) or not isinstance(cap, (int, float)) or not 0 < cap < math.inf):
            raise ValueError(f"[ReversibleEmbedding] logit_soft_cap must be None or a positive number, got {cap!r}")
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = bool(tie_weights)
        self.reverse_dtype = None if reverse_dtype is None else dtypes.standardize(reverse_dtype)
        self.logit_soft_cap = cap
        self.reverse_embeddings = None

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
                name="reverse_embeddings",
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        if inputs.shape[-1] != self.output_dim:
            raise ValueError(
                f"Layer '{self.name}' (ReversibleEmbedding): with reverse=True inputs must have {self.output_dim} as "
                f"their last dimension, got shape {tuple(inputs.shape)}"
            )
        dtype = self.reverse_dtype or self.compute_dtype
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        logits = ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype))
        cap = self.logit_soft_cap
        return logits if cap is None else ops.multiply(ops.tanh(ops.divide(logits, cap)), cap)

    def compute_mask(self, inputs, mask=None):
        """That of the integers; the logits have none."""
        return None if dtypes.is_float(inputs.dtype) else super().compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        dtype = self.reverse_dtype if reverse and self.reverse_dtype else self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }
