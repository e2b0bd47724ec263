// attention and its gradient: softmax(scores) value for each head, block by block, so that no T x S array is ever made.
//
// attention       in   q [B,T,N,H], k, v [B,S,K,H], [bias], [mask bool]    out  y [B,T,N,H], top, total [B,N,T]
// attention_grad  in   q, k, v, y, dy, top, total, [bias], [mask]          out  dq, dk, dv, [dbias [B,N,T,S]]
//   ints    causal, has bias, has mask (attention_grad: dbias is wanted, too)
//   floats  scale, cap (0: none)
//
// N is a multiple of K: head n reads k and v of head n / (N / K). bias and mask have rank 4, each dimension that of
// [B,N,T,S] or 1.
//
//   c = scale q.k;  with a cap c = cap tanh(c / cap);  l = c + bias, or the least finite number times 0.7 where mask is
//   false and, when causal, where s > t;  top = max over s of l, total = sum over s of e^(l - top)
//   p = e^(l - top) / total, y = sum over s of p v
//   dl = p (dy.v - dy.y), 0 where hidden; dbias = dl; dc = dl (1 - (c / cap)^2) scale; dq = sum over s of dc k,
//   dk = sum over t and the heads of dc q, dv = sum over them of p dy
//
// dtypes f16 bf16 f32 f64; of halves bias, top, total and dbias are f32, all is computed in float32, with p times
// total and dc rounded to bfloat16 where operands are (on a GPU with p and dc rounded to halves), and rounds once. No
// dimension may be 0. Products have the order of gemm/gemm.h within a block of kAttentionKeys keys or kAttentionQueries
// queries; blocks are added in rising order (of the heads that share a key, then of queries).
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kAttentionQueries = 96;
inline constexpr int64_t kAttentionKeys = 128;

}  // namespace ckeras
