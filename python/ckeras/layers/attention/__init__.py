"""Layers of attention."""

from ckeras.layers.attention.attention import AdditiveAttention, Attention
from ckeras.layers.attention.grouped_query_attention import GroupedQueryAttention
from ckeras.layers.attention.multi_head_attention import MultiHeadAttention

GroupQueryAttention = GroupedQueryAttention

__all__ = ["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]
