"""Attention and AdditiveAttention: one head, no projections."""

from ckeras import ops, random
from ckeras._core.rng import SeedGenerator
from ckeras._core.symbolic import KerasTensor
from ckeras.layers.attention.masks import causal_mask, check_dropout
from ckeras.layers.layer import Layer


class Attention(Layer):
    """`softmax(scores(query, key)) value` (Luong et al., 2015).

    Called on a list `[query, value]` or `[query, value, key]`: query `(batch, Tq, dim)`, value and key
    `(batch, Tv, dim)`; gives `(batch, Tq, dim)`, with `return_attention_scores` also the weights `(batch, Tq, Tv)`.
    `score_mode="dot"` is the dot product, times a learned number when `use_scale`; `"concat"` sums
    `tanh(scale * (query + key))` times another. `dropout` drops weights in training. `mask` is a list, the masks of
    query and value; `use_causal_mask` lets no query see later values. Raises `ValueError` for inputs that are no such
    list and for unknown modes.
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"[{type(self).__name__}] score_mode must be 'dot' or 'concat', got {score_mode!r}")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = check_dropout(type(self).__name__, dropout)
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)
        self.scale = None
        self.concat_score_weight = None
        self.supports_masking = True

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(shape=(), initializer="ones", name="concat_score_weight")

    def _check(self, inputs, what="inputs"):
        wanted = "[query, value] or [query, value, key]" if what == "inputs" else "[query_mask, value_mask]"
        if not isinstance(inputs, (list, tuple)) or not 2 <= len(inputs) <= 3:
            got = f"{len(inputs)} of them" if isinstance(inputs, (list, tuple)) else type(inputs).__name__
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}): {what} must be a list {wanted}, got {got}")
        if what == "inputs" and not all(isinstance(x, (list, tuple)) or hasattr(x, "shape") for x in inputs):
            raise ValueError(f"Layer '{self.name}' ({type(self).__name__}): inputs must be a list of tensors {wanted}")

    def _scores(self, query, key):
        """The scores `(batch, Tq, Tv)` before masks and softmax."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        both = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        if self.scale is not None:
            both = ops.multiply(both, self.scale)
        return ops.multiply(ops.sum(ops.tanh(both), axis=-1), self.concat_score_weight)

    def call(self, inputs, mask=None, training=False, return_attention_scores=False, use_causal_mask=False):
        self._check(inputs)
        if mask is not None:
            self._check(mask, "mask")
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, seen = (mask[0], mask[1]) if mask is not None else (None, None)
        scores = self._scores(query, key)
        if seen is not None:
            seen = ops.cast(seen, "bool")
            seen = ops.expand_dims(seen, -2) if len(seen.shape) == 2 else seen
        if use_causal_mask:
            causal = causal_mask(*scores.shape[-2:])
            seen = causal if seen is None else ops.logical_and(seen, causal)
        if seen is not None:
            far = 65504.0 if scores.dtype == "float16" else 1e9
            scores = ops.where(seen, scores, ops.subtract(scores, far))
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        out = ops.matmul(weights, value)
        if query_mask is not None:
            out = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), out, ops.zeros_like(out))
        return (out, weights) if return_attention_scores else out

    def compute_mask(self, inputs, mask=None):
        if not isinstance(mask, (list, tuple)) or mask[0] is None:
            return None
        return ops.convert_to_tensor(mask[0])  # that of the output; the weights have none

    def compute_output_shape(self, input_shape):
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self, inputs, mask=None, return_attention_scores=False, training=None, use_causal_mask=False
    ):
        self._check(inputs)
        out = KerasTensor(self.compute_output_shape([x.shape for x in inputs]), self.compute_dtype)
        if not return_attention_scores:
            return out
        return out, KerasTensor((*inputs[0].shape[:-1], inputs[-1].shape[-2]), self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Attention with the scores `sum(scale * tanh(query + key))`, `scale` a learned vector when `use_scale`
    (Bahdanau et al., 2014). Inputs, masks and results are those of Attention.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(input_shape[0][-1],), initializer="glorot_uniform", name="scale")

    def _scores(self, query, key):
        both = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        return ops.sum(both if self.scale is None else ops.multiply(both, self.scale), axis=-1)

    def get_config(self):
        config = super().get_config()
        del config["score_mode"]
        return config
