// What the kernels of attention share: the heads, a score's logit, its weight and its slope. Only for .cu files.
#pragma once
#include "ops/attention/attention.h"

#include <cmath>

#include "cuda/block.h"

namespace ckeras::cuda {

// An array [B,N,T,S] of which dimensions may be 1.
template <class E>
struct Scattered {
  const E* data;
  int64_t step[4];
  explicit Scattered(const View* view) : data(view == nullptr ? nullptr : view->as<const E>()), step() {
    if (view == nullptr) return;
    int64_t size = 1;
    for (int d = 3; d >= 0; --d) {
      step[d] = view->shape[d] == 1 ? 0 : size;
      size *= view->shape[d];
    }
  }
  CKERAS_MEMBER E at(int64_t b, int64_t n, int64_t t, int64_t s) const {
    return data[b * step[0] + n * step[1] + t * step[2] + s * step[3]];
  }
};

// e^x: of halves by the unit that computes powers of two.
template <class S>
CKERAS_INLINE typename S::T exponential(typename S::T x) {
  if constexpr (S::kHalf) {
#if defined(__CUDA_ARCH__)
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x * 1.44269504f));
    return y;
#else
    return std::exp2(x * 1.44269504f);
#endif
  } else {
    return exp(One<typename S::T>(x)).x;
  }
}

template <class S>
struct Heads {
  using T = typename S::T;
  using E = typename S::Element;
  int64_t batch, queries, heads, depth, keys, groups;
  T scale, cap;
  bool causal;
  const E *q, *k, *v;
  Scattered<T> bias;
  Scattered<uint8_t> mask;

  Heads(const Call& call, int first)
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        heads(call.in[0].shape[2]),
        depth(call.in[0].shape[3]),
        keys(call.in[1].shape[1]),
        groups(call.in[1].shape[2]),
        scale(static_cast<T>(call.floats[0])),
        cap(static_cast<T>(call.floats[1])),
        causal(call.ints[0] != 0),
        q(call.in[0].as<const E>()),
        k(call.in[1].as<const E>()),
        v(call.in[2].as<const E>()),
        bias(call.ints[1] ? call.in + first : nullptr),
        mask(call.ints[2] ? call.in + first + call.ints[1] : nullptr) {}

  CKERAS_MEMBER int64_t query(int64_t b, int64_t n, int64_t t) const { return ((b * queries + t) * heads + n) * depth; }
  CKERAS_MEMBER int64_t key(int64_t b, int64_t group, int64_t s) const {
    return ((b * keys + s) * groups + group) * depth;
  }
  CKERAS_MEMBER int64_t query_step() const { return heads * depth; }
  CKERAS_MEMBER int64_t key_step() const { return groups * depth; }
  CKERAS_MEMBER int64_t row(int64_t b, int64_t n, int64_t t) const { return (b * heads + n) * queries + t; }
  // Whether queries before `end` see none of the keys from s on. (With a mask, even hidden keys may count: where all
  // are.)
  CKERAS_MEMBER bool skips(int64_t end, int64_t s) const { return causal && mask.data == nullptr && s >= end; }
  CKERAS_MEMBER bool hidden(int64_t b, int64_t n, int64_t t, int64_t s) const {
    return (causal && s > t) || (mask.data != nullptr && mask.at(b, n, t, s) == 0);
  }
  CKERAS_MEMBER T capped(T dot) const {
    const T c = scale * dot;
    return cap != 0 ? cap * tanh(One<T>(c / cap)).x : c;
  }
  CKERAS_MEMBER T grown(T x) const { return exponential<S>(x); }
  // The logit of a capped score.
  CKERAS_MEMBER T logit(T c, int64_t b, int64_t n, int64_t t, int64_t s) const {
    if (hidden(b, n, t, s)) return static_cast<T>(sizeof(T) == 8 ? -0.7 * 1.7e308 : -0.7 * 3.4028234663852886e38);
    return bias.data != nullptr ? c + bias.at(b, n, t, s) : c;
  }
};

// Of a row of scores: its greatest logit, one over the sum of its weights, dy.y.
template <class T>
struct ScoreRow {
  T top, share, shift;
};
template <class S>
struct Back {
  using T = typename S::T;
  const typename S::Element *y, *dy;
  const T *tops, *totals;
  T* shifts;  // dy.y of every row

  CKERAS_MEMBER ScoreRow<T> of_row(int64_t row) const { return {tops[row], 1 / totals[row], shifts[row]}; }
};
template <class S>
struct Gradients {
  typename S::Element *dq, *dk, *dv;
  typename S::T* dbias;  // or null
};

template <class T>
struct Slope {
  T p, dl, dc;  // weight, gradient of the logit and of the dot product
};
// Of query t and key s, from the dot products q.k and dy.v.
template <class S, class T = typename S::T>
CKERAS_INLINE Slope<T> slope_of(const Heads<S>& h, const ScoreRow<T>& row, T score, T across, int64_t b, int64_t n,
                                int64_t t, int64_t s) {
  const T c = h.capped(score);
  const T p = h.grown(h.logit(c, b, n, t, s) - row.top) * row.share;
  const T dl = h.hidden(b, n, t, s) ? T{0} : p * (across - row.shift);
  const T part = h.cap != 0 ? c / h.cap : T{0};
  return {p, dl, dl * (1 - part * part) * h.scale};
}

// What block number i does: batch entry, head, first of its `side` rows, first of its `wide` columns of the depth.
struct Task {
  int64_t b, n, t, d;
};
CKERAS_INLINE Task task_of(int64_t i, int64_t heads, int64_t rows, int64_t side, int64_t slices, int64_t wide) {
  const int64_t tiles = ceil_div(rows, side);
  return {i / slices / tiles / heads, i / slices / tiles % heads, i / slices % tiles * side, i % slices * wide};
}

}  // namespace ckeras::cuda
