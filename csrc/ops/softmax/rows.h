// Rows of logits: of each its greatest element and sum(exp(x - max)). Shared by softmax and the cross-entropies.
// Only for .isa.cpp files.
#pragma once
#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kRowPiece = 4096;  // elements of softmax that a piece of parallel work computes, about
inline constexpr int64_t kMostRows = 32;    // rows that are taken together
inline constexpr int64_t kTogether = 2048;  // elements that those rows have, about: they stay in the L1 cache

// exp(x - top) of the elements `at` gives; each vector also goes to `keep(i, n, e)`.
template <class V, class At, class Keep>
struct Exponentials {
  At at;
  V top;
  Keep keep;
  CKERAS_MEMBER V operator()(int64_t i) const {
    const V e = exp_falling(at(i) - top);
    keep(i, V::kLanes, e);
    return e;
  }
  CKERAS_MEMBER V operator()(int64_t i, int64_t n) const {
    const V e = exp_falling(at(i, n) - top);
    keep(i, n, e);
    return e;
  }
};

// The greatest element, where a NaN may be lost: its exponential is NaN all the same.
template <class T>
struct TopFold {
  static CKERAS_MEMBER T start() { return -__builtin_inff(); }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return larger(a, b);
  }
};

// A row depends on its maximum, the exponentials on that, the results on their sum: each step is made for all rows
// before the next, so that the processor finds rows that do not wait for one another.
template <class S>
struct RowSums {
  using E = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;

  T top[kMostRows], sum[kMostRows];

  // `keep(row, i, n, e)` gets the exponentials of n elements from i on.
  template <class Keep>
  CKERAS_MEMBER void read(const E* x, int64_t rows, int64_t n, const Keep& keep) {
    if (n <= V::kLanes) return read_short(x, rows, n, keep);
    for (int64_t r = 0; r < rows; ++r) {
      ChunkFold<TopFold<T>, T> greatest;
      greatest.add(n, RowOf<S>{x + r * n});
      top[r] = greatest.result();
    }
    for (int64_t r = 0; r < rows; ++r) {
      const auto of_row = [&keep, r](int64_t i, int64_t k, V e) __attribute__((always_inline)) { keep(r, i, k, e); };
      ChunkFold<SumFold<T>, T> total;
      total.add(n, Exponentials<V, RowOf<S>, decltype(of_row)>{{x + r * n}, V(top[r]), of_row});
      sum[r] = total.result();
    }
  }

  // to[r] = f(sum of row r).
  template <class F>
  CKERAS_MEMBER void each(int64_t rows, T* to, const F& f) const {
    for_lanes<V::kLanes>(rows, [&](int64_t r, int64_t k)
                                   __attribute__((always_inline)) { f(Plain<T>::load(sum + r, k)).store(to + r, k); });
  }

 private:
  // What the folds give, without their four accumulators.
  template <class Keep>
  CKERAS_MEMBER void read_short(const E* x, int64_t rows, int64_t n, const Keep& keep) {
    const auto filled = V::iota(0) < V(static_cast<T>(n));
    for (int64_t r = 0; r < rows; ++r) {
      const V v = select(filled, S::load(x + r * n, n), V(-__builtin_inff()));
      top[r] = reduce(v, [](auto a, auto b) __attribute__((always_inline)) { return larger(a, b); });
    }
    for (int64_t r = 0; r < rows; ++r) {
      const V e = exp_falling(S::load(x + r * n, n) - V(top[r]));
      keep(r, 0, n, e);
      sum[r] = reduce_add(select(filled, e, V(0)));
    }
  }
};

// body(first row, rows) for all rows of n elements, in parallel, no more than kMostRows at once.
template <class Body>
CKERAS_INLINE void for_row_groups(int64_t rows, int64_t n, const Body& body) {
  const int64_t together = least(kMostRows, at_least_one(kTogether / at_least_one(n)));
  parallel_for(rows, round_up(at_least_one(kRowPiece / at_least_one(n)), together), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r += together) body(r, least(together, end - r));
  });
}

}  // namespace ckeras::CKERAS_ISA
