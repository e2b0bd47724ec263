"""GroupedQueryAttention, which is published as GroupQueryAttention."""

from ckeras.layers._arguments import positive
from ckeras.layers.attention.projected import Projected


class GroupedQueryAttention(Projected):
    """Attention whose heads of keys and values each serve several heads of queries (Ainslie et al., 2023).

    Called on query `(batch, T, dim)`, value and, where it differs, key `(batch, S, dim)`; gives `(batch, T, dim)`, with
    `return_attention_scores` also the weights `(batch, num_query_heads, T, S)`. Masks, `sliding_window`,
    `flash_attention` and `use_gate` are as in MultiHeadAttention. Raises `ValueError` when the heads of queries are no
    multiple of those of keys and values.
    """

    published_as = "GroupQueryAttention"

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
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
        where = "GroupQueryAttention"
        self.head_dim = positive(where, "head_dim", head_dim)
        self.num_query_heads = positive(where, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive(where, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"[{where}] num_query_heads={num_query_heads} must be a multiple of "
                f"num_key_value_heads={num_key_value_heads}"
            )
        self.dropout, self.use_bias, self.use_gate = dropout, use_bias, use_gate
        self.sliding_window = sliding_window
        self._heads, self._depth = self.num_query_heads, self.head_dim

    def build(self, query_shape, value_shape, key_shape=None):
        self._check_lengths(value_shape, key_shape)
        queries = (None, self.num_query_heads, self.head_dim)
        keys = (None, self.num_key_value_heads, self.head_dim)
        self._query_dense = self._projection("query", "bqm,muh->bquh", queries, "uh", query_shape)
        self._key_dense = self._projection("key", "bkm,mvh->bkvh", keys, "vh", key_shape or value_shape)
        if self._gated:
            self._gate_dense = self._projection("gate", "bqm,muh->bquh", queries, "uh", query_shape, "sigmoid")
        self._value_dense = self._projection("value", "bkm,mvh->bkvh", keys, "vh", value_shape)
        self._make_dropout()
        self._output_dense = self._projection(
            "attention_output", "bquh,uhm->bqm", (None, query_shape[-1]), "m", (None, *queries)
        )

    def _projections(self):
        return self._query_dense, self._key_dense, self._value_dense, self._output_dense

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        self._check_lengths(value_shape, key_shape)
        return tuple(query_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            "dropout": self.dropout,
            **self._common_config(),
        }
