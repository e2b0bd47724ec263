// A row of logits: its greatest element and sum(exp(x - max)). Shared by softmax and the cross-entropies.
// Only for .isa.cpp files.
#pragma once
#include "cpu/ordered_sum.h"
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct RowSum {
  T top, sum;
};

// exp(x - top) of the elements `at` gives; each vector also goes to `keep(i, n, e)`.
template <class V, class At, class Keep>
struct Exponentials {
  At at;
  V top;
  Keep keep;
  CKERAS_MEMBER V operator()(int64_t i) const {
    const V e = exp(at(i) - top);
    keep(i, V::kLanes, e);
    return e;
  }
  CKERAS_MEMBER V operator()(int64_t i, int64_t n) const {
    const V e = exp(at(i, n) - top);
    keep(i, n, e);
    return e;
  }
};

template <class S, class Keep>
CKERAS_INLINE RowSum<typename S::T> sum_row(const typename S::Element* x, int64_t n, const Keep& keep) {
  using T = typename S::T;
  using V = typename S::V;
  const RowOf<S> at{x};
  if (n <= V::kLanes) {  // what ChunkFold gives, without its four accumulators
    const V v = at(0, n);
    const auto filled = V::iota(0) < V(static_cast<T>(n));
    const T top = reduce_max(select(filled, v, V(-__builtin_inff())));
    const V e = exp(v - V(top));
    keep(0, n, e);
    return {top, reduce_add(select(filled, e, V(0)))};
  }
  ChunkFold<MaxFold<T>, T> greatest;
  greatest.add(n, at);
  const T top = greatest.result();
  ChunkFold<SumFold<T>, T> sum;
  sum.add(n, Exponentials<V, RowOf<S>, Keep>{at, V(top), keep});
  return {top, sum.result()};
}

// log of one positive number.
template <class V>
CKERAS_INLINE typename V::Lane log_of(typename V::Lane x) {
  typename V::Lane lanes[V::kLanes];
  log(V(x)).store(lanes);
  return lanes[0];
}

inline constexpr int64_t kRowPiece = 4096;  // elements of softmax that a piece of parallel work computes, about

}  // namespace ckeras::CKERAS_ISA
