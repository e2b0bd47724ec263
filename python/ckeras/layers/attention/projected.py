"""Projected: the base of layers of attention that project query, key, value and result."""

import math

from ckeras import config, constraints, initializers, ops, regularizers
from ckeras._core.symbolic import KerasTensor
from ckeras.layers.attention.masks import attention_mask, causal_mask, check_dropout, check_window
from ckeras.layers.dropout import Dropout
from ckeras.layers.einsum_dense import EinsumDense
from ckeras.layers.layer import Layer


class Projected(Layer):
    """Holds the arguments of the projections, merges masks, and applies attention to projected heads.

    A subclass sets `_heads` (of queries) and `_depth` (of keys), and makes `_projections` when it is built. Where those
    are kept decides their paths in files.
    """

    def __init__(
        self,
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
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        where = type(self).__name__
        self._rate = check_dropout(where, dropout)
        self._bias = bool(use_bias)
        self._window = check_window(where, sliding_window)
        self._gated = bool(use_gate)
        self._flash = flash_attention
        if flash_attention and dropout > 0:
            raise ValueError(
                f"[{where}] flash_attention=True and dropout={dropout} exclude each other; leave flash_attention None"
            )
        self.seed = seed
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self._kernel_regularizer = regularizers.get(kernel_regularizer)
        self._bias_regularizer = regularizers.get(bias_regularizer)
        self._kernel_constraint = constraints.get(kernel_constraint)
        self._bias_constraint = constraints.get(bias_constraint)
        self._dropout_layer = None
        self._gate_dense = None
        self.supports_masking = True

    def _projection(self, name, equation, output_shape, bias_axes, input_shape, activation=None):
        """An EinsumDense of the layer's initializers (a copy each: one instance gives one value), built."""
        dense = EinsumDense(
            equation,
            output_shape=output_shape,
            activation=activation,
            bias_axes=bias_axes if self._bias else None,
            kernel_initializer=_copy(self._kernel_initializer),
            bias_initializer=_copy(self._bias_initializer),
            kernel_regularizer=self._kernel_regularizer,
            bias_regularizer=self._bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self._kernel_constraint,
            bias_constraint=self._bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )
        dense.supports_masking = True  # masks are heeded by the layer itself, so that none is lost
        dense.build(tuple(input_shape))
        return dense

    def _make_dropout(self):
        self._dropout_layer = Dropout(self._rate, dtype=self.dtype_policy, seed=self.seed)

    def _projections(self):
        """The layers that project query, key, value and result."""
        raise NotImplementedError

    def _check_lengths(self, value_shape, key_shape):
        if key_shape is not None and tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): value and key must agree in all dimensions but the "
                f"last, got shapes {tuple(value_shape)} and {tuple(key_shape)}"
            )

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        flash = config.is_flash_attention_enabled() if self._flash is None else self._flash
        if flash and return_attention_scores:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): with flash_attention there are no scores to return; "
                "leave flash_attention False or return_attention_scores False"
            )
        mask, causal = self._merge_masks(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        gate = None if self._gate_dense is None else self._gate_dense(query)
        project_query, project_key, project_value, project_out = self._projections()
        key = project_key(value if key is None else key)
        query, value = project_query(query), project_value(value)
        out, scores = self._compute_attention(query, key, value, mask, training, return_attention_scores, causal)
        if gate is not None:
            out = ops.multiply(out, gate)
        out = project_out(out)
        return (out, scores) if return_attention_scores else out

    def _merge_masks(self, query, value, query_mask, value_mask, key_mask, mask, causal):
        """The merged mask or `None`, and whether the causal mask is left to the kernel: when it is the only one."""
        alone = causal and query_mask is value_mask is key_mask is mask is self._window is None
        if alone:
            return None, True
        merged = attention_mask(self, query, value, query_mask, value_mask, key_mask, mask, causal, self._window)
        return merged, False

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
        """Attention of projected heads `[B, T, N, H]`: the result, and the scores `[B, N, T, S]` when asked for."""
        mask = attention_mask
        if mask is not None:
            for _ in range(4 - len(mask.shape)):
                mask = ops.expand_dims(mask, -3)
        dropped = bool(training) and self._rate > 0
        if not dropped and not return_attention_scores and query.shape[-1] == value.shape[-1]:
            out = ops.dot_product_attention(
                query, key, value, mask=mask, is_causal=use_causal_mask, flash_attention=self._flash
            )
            return out, None
        if use_causal_mask:
            mask = causal_mask(query.shape[1], key.shape[1])
        times = query.shape[2] // key.shape[2]
        if times > 1:
            key, value = ops.repeat(key, times, axis=2), ops.repeat(value, times, axis=2)
        query = ops.multiply(query, 1 / math.sqrt(self._depth))
        scores = masked_softmax(ops.einsum("bqnh,bknh->bnqk", query, key), mask, -1)
        kept = self._dropout_layer(scores, training=True) if dropped else scores
        return ops.einsum("bnqk,bknh->bqnh", kept, value), scores

    def compute_mask(self, inputs, previous_mask):
        return None if previous_mask is None else [previous_mask]  # that of the result; the scores have none

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        shape = self.compute_output_shape(query.shape, value.shape, None if key is None else key.shape)
        out = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return out
        return out, KerasTensor(self._scores_shape(query.shape, value.shape), self.compute_dtype)

    def _scores_shape(self, query_shape, value_shape):
        return (query_shape[0], self._heads, query_shape[1], value_shape[1])

    def _common_config(self):
        return {
            "kernel_initializer": initializers.serialize(self._kernel_initializer),
            "bias_initializer": initializers.serialize(self._bias_initializer),
            "kernel_regularizer": regularizers.serialize(self._kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self._bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self._kernel_constraint),
            "bias_constraint": constraints.serialize(self._bias_constraint),
            "seed": self.seed,
        }


def masked_softmax(scores, mask, axis):
    """Softmax over `axis`; 0 where `mask` is false, also in a row where all of it is."""
    if mask is None:
        return ops.softmax(scores, axis=axis)
    far = -3e4 if scores.dtype == "float16" else -1e9
    shares = ops.softmax(ops.where(mask, scores, ops.full_like(scores, far)), axis=axis)
    return ops.where(mask, shares, ops.zeros_like(shares))


def _copy(initializer):
    return (
        type(initializer).from_config(initializer.get_config()) if hasattr(initializer, "get_config") else initializer
    )
