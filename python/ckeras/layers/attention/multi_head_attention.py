"""MultiHeadAttention."""

import math
import string

from ckeras import ops
from ckeras.layers._arguments import positive
from ckeras.layers.attention.projected import Projected, masked_softmax


class MultiHeadAttention(Projected):
    """Attention of several heads between learned projections (Vaswani et al., 2017).

    Called on query `(batch, T, dim)`, value and, where it differs, key `(batch, S, dim)`; gives `(batch, T, out)`,
    `out` being `output_shape` or the query's last dimension, with `return_attention_scores` also the weights
    `(batch, num_heads, T, S)`. Between batch and features there may be more dimensions: `attention_axes` says over
    which to attend, all of them by default.

    `query_mask`, `value_mask` and `key_mask` `(batch, T or S)` hide what is false (they default to the masks of the
    arguments), `attention_mask` `(batch, T, S)` hides single pairs, `use_causal_mask` later keys, `sliding_window` keys
    that many places away or more. `dropout` drops weights in training. `use_gate` multiplies the heads by a sigmoid of
    the query's projection. Without dropout and scores the work is done by `ops.dot_product_attention`, in memory that
    grows with T and S, not with T * S; `flash_attention=True` refuses what would need the weights. Raises `ValueError`
    for arguments that do not fit.

    >>> layer = ckeras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> layer(ckeras.ops.ones((3, 5, 6)), ckeras.ops.ones((3, 7, 6))).shape
    (3, 5, 6)
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
            **kwargs,
        )
        where = "MultiHeadAttention"
        self._heads = positive(where, "num_heads", num_heads)
        self._depth = positive(where, "key_dim", key_dim)
        self._value_dim = self._depth if value_dim is None else positive(where, "value_dim", value_dim)
        if isinstance(output_shape, int):
            output_shape = (output_shape,)
        if output_shape is not None:
            output_shape = tuple([positive(where, "output_shape", d) for d in output_shape])
        self._output_shape = output_shape
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        self._attention_axes = None if attention_axes is None else tuple(attention_axes)
        self.query_dense = None
        self.key_dense = None
        self.value_dense = None
        self.output_dense = None

    @property
    def num_heads(self):
        return self._heads

    @property
    def key_dim(self):
        return self._depth

    @property
    def value_dim(self):
        return self._value_dim

    @property
    def dropout(self):
        return self._rate

    @property
    def use_bias(self):
        return self._bias

    @property
    def attention_axes(self):
        return self._attention_axes

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_lengths(value_shape, key_shape)
        heads = (self._heads, self._depth)
        self.query_dense = self._heads_of("query", query_shape, heads)
        self.key_dense = self._heads_of("key", key_shape, heads)
        if self._gated:
            self._gate_dense = self._heads_of("gate", query_shape, (self._heads, self._value_dim), "sigmoid")
        self.value_dense = self._heads_of("value", value_shape, (self._heads, self._value_dim))
        self._find_axes(len(query_shape), len(value_shape))
        self._make_dropout()
        free, out = string.ascii_lowercase[: len(query_shape) - 1], self._output_shape or (query_shape[-1],)
        ends = string.ascii_lowercase[len(free) : len(free) + len(out)]
        self.output_dense = self._projection(
            "attention_output",
            f"{free}YZ,YZ{ends}->{free}{ends}",
            (None,) * (len(free) - 1) + tuple(out),
            ends,
            (*query_shape[:-1], self._heads, self._value_dim),
        )

    def _projections(self):
        return self.query_dense, self.key_dense, self.value_dense, self.output_dense

    def _heads_of(self, name, shape, heads, activation=None):
        """A projection of the last dimension to `heads`, its equation with as many labels as the shape needs."""
        free = string.ascii_lowercase[: len(shape) - 1]
        output_shape = (None,) * (len(free) - 1) + heads
        return self._projection(name, f"{free}X,XYZ->{free}YZ", output_shape, "YZ", shape, activation)

    def _find_axes(self, rank, value_rank):
        """The axes to attend over, counted from the start; `ValueError` for those that are not between batch and
        features."""
        if rank != value_rank:
            raise ValueError(
                f"Layer '{self.name}' (MultiHeadAttention): query of rank {rank} and value of rank {value_rank} must "
                "have the same rank"
            )
        given = range(1, rank - 1) if self._attention_axes is None else self._attention_axes
        axes = tuple([a + rank if a < 0 else a for a in given])
        if not axes or len(set(axes)) != len(axes) or not all(0 < a < rank - 1 for a in axes):
            raise ValueError(
                f"Layer '{self.name}' (MultiHeadAttention): attention_axes {tuple(given)} must be different dimensions "
                f"between the batch and the features of inputs of rank {rank}"
            )
        self._attention_axes = axes

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        rank = len(query.shape)
        if rank == 4:
            return super()._compute_attention(
                query, key, value, attention_mask, training, return_attention_scores, use_causal_mask
            )
        # Labels: those of the attended dimensions differ between query and key.
        target = string.ascii_lowercase[:rank]
        attended = [target[a] for a in self._attention_axes]
        source = "".join([c.upper() if c in attended else c for c in target])
        scores_of = "".join([c for c in target[:-1] if c not in attended] + attended + [c.upper() for c in attended])
        query = ops.multiply(query, 1 / math.sqrt(self._depth))
        scores = ops.einsum(f"{target},{source}->{scores_of}", query, key)
        mask, n = attention_mask, len(attended)
        if mask is not None:
            while len(mask.shape) < len(scores.shape):
                mask = ops.expand_dims(mask, -2 * n - 1)
        scores = masked_softmax(scores, mask, tuple(range(len(scores.shape) - n, len(scores.shape))))
        kept = self._dropout_layer(scores, training=training) if self._rate > 0 else scores
        return ops.einsum(f"{scores_of},{source}->{target}", kept, value), scores

    def _merge_masks(self, query, value, query_mask, value_mask, key_mask, mask, causal):
        if len(query.shape) > 3:
            own = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
            own |= {"use_causal_mask": causal or None, "sliding_window": self._window}
            for name, given in own.items():
                if given is not None:
                    raise ValueError(
                        f"Layer '{self.name}' (MultiHeadAttention): {name} needs inputs of rank 3, got rank "
                        f"{len(query.shape)}; write it as attention_mask"
                    )
            return (None if mask is None else ops.cast(mask, "bool")), False
        return super()._merge_masks(query, value, query_mask, value_mask, key_mask, mask, causal)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_lengths(value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def _scores_shape(self, query_shape, value_shape):
        axes = self._attention_axes
        free = [d for i, d in enumerate(query_shape[:-1]) if i not in axes]
        return (*free, self._heads, *[query_shape[a] for a in axes], *[value_shape[a] for a in axes])

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self._heads,
            "key_dim": self._depth,
            "value_dim": self._value_dim,
            "dropout": self._rate,
            "use_bias": self._bias,
            "use_gate": self._gated,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self._window,
            **self._common_config(),
        }
