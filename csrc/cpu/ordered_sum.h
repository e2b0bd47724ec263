// The one order in which many numbers become one (docs/determinism.md): stand-alone reductions and fused loops both use
// it, so they give the same bits. Only for .isa.cpp files.
//
// A row of n contiguous elements is cut into chunks of kSumChunk. In a chunk, element i belongs to accumulator
// (i / lanes) % 4, lane i % lanes, and each lane folds its elements in rising order. At its end the four accumulators
// fold as (0 with 1) with (2 with 3), and the lanes as one tree: i with i+8, then i+4, i+2, i+1. A row of one chunk is
// done; the results of several chunks fold in rising order (float32 sums in float64, rounded once at the end).
#pragma once
#include <cstdint>

#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int64_t kSumChunk = 4096;  // a multiple of the fused loop's tile

// What to fold: `start` is the value that changes nothing, `fold` joins two, Total is what chunk results are joined in.
template <class T>
struct SumFold {
  using Total = double;
  static CKERAS_MEMBER T start() { return 0; }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return a + b;
  }
};
template <class T>
struct MaxFold {
  using Total = T;
  static CKERAS_MEMBER T start() { return -__builtin_inff(); }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return max(a, b);
  }
};
template <class T>
struct MinFold {
  using Total = T;
  static CKERAS_MEMBER T start() { return __builtin_inff(); }
  template <class V>
  static CKERAS_MEMBER V fold(V a, V b) {
    return min(a, b);
  }
};
// The accumulators of one chunk.
template <class F, class T>
struct ChunkFold {
  using Rule = F;
  using V = VecOf<T>;
  static constexpr int64_t kBlock = 4 * V::kLanes;

  V a[4];

  CKERAS_MEMBER ChunkFold() { reset(); }
  CKERAS_MEMBER void reset() { a[0] = a[1] = a[2] = a[3] = V(F::start()); }

  // Folds n more elements; element 0 of the first call is element 0 of the chunk. All calls of a chunk but the last
  // have an n that is a multiple of kBlock. `at(i)` gives the vector of elements i ... i + lanes - 1, `at(i, count)`
  // its first count lanes.
  template <class At>
  CKERAS_MEMBER void add(int64_t n, const At& at) {
    int64_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
      a[0] = F::fold(a[0], at(i));
      a[1] = F::fold(a[1], at(i + V::kLanes));
      a[2] = F::fold(a[2], at(i + 2 * V::kLanes));
      a[3] = F::fold(a[3], at(i + 3 * V::kLanes));
    }
    if (i == n) return;  // before an index that varies asks for the accumulators in memory
    V rest[4] = {a[0], a[1], a[2], a[3]};
    for (int j = 0; i < n; i += V::kLanes, ++j) {
      const M filled = V::iota(0) < V(static_cast<T>(n - i < V::kLanes ? n - i : V::kLanes));
      rest[j] = F::fold(rest[j], select(filled, at(i, n - i), V(F::start())));
    }
    CKERAS_UNROLL
    for (int j = 0; j < 4; ++j) a[j] = rest[j];
  }

  CKERAS_MEMBER T result() const {
    const V v = F::fold(F::fold(a[0], a[1]), F::fold(a[2], a[3]));
    return reduce(v, [](auto x, auto y) __attribute__((always_inline)) { return F::fold(x, y); });
  }

 private:
  using M = typename V::M;
};

// Two chunks at once, of what `at(i, count)` gives as `first` and `second`.
template <class Chunk, class At>
CKERAS_INLINE void add_both(Chunk& x, Chunk& y, int64_t n, const At& at) {
  using V = typename Chunk::V;
  using F = typename Chunk::Rule;
  int64_t i = 0;
  for (; i + Chunk::kBlock <= n; i += Chunk::kBlock) {
    CKERAS_UNROLL
    for (int j = 0; j < 4; ++j) {
      const auto v = at(i + j * V::kLanes, V::kLanes);
      x.a[j] = F::fold(x.a[j], v.first);
      y.a[j] = F::fold(y.a[j], v.second);
    }
  }
  for (int j = 0; i < n; i += V::kLanes, ++j) {
    const auto filled = V::iota(0) < V(static_cast<typename V::Lane>(n - i < V::kLanes ? n - i : V::kLanes));
    const auto v = at(i, n - i);
    x.a[j] = F::fold(x.a[j], select(filled, v.first, V(F::start())));
    y.a[j] = F::fold(y.a[j], select(filled, v.second, V(F::start())));
  }
}

}  // namespace ckeras::CKERAS_ISA
