// The code of the micro-kernels: a table of tiles for one kind of panel. Only for gemm/*tile.isa.cpp.
#pragma once
#include <type_traits>

#include "cpu/hold.h"
#include "gemm/tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Chain<P>: the vectors of factors, and how a product is added to a sum.
template <class P>
struct Chain {
  using Factors = VecOf<P>;
  static CKERAS_MEMBER Factors splat(P x) { return Factors(x); }
  static CKERAS_MEMBER Factors load(const P* p) {
    Factors factors = Factors::load(p);
    hold(factors);
    return factors;
  }
  static CKERAS_MEMBER VecOf<P> add(Factors a, Factors b, VecOf<P> sum) { return fma(a, b, sum); }
};

template <class T, int V>
CKERAS_INLINE void fetch_row(const T* c) {
#pragma GCC unroll 4
  for (int j = 0; j < V; ++j) __builtin_prefetch(c + j * VecOf<T>::kLanes, 1);
}

template <int64_t kValue>
using Known = std::integral_constant<int64_t, kValue>;

// sum[i][j] += the products of all k steps. Steps between operands that are known take no additions of their own, which
// would take their turns from multiplications.
template <class P, int R, int V, class RowStep, class KStep, class Ldb>
CKERAS_INLINE void multiply_steps(VecOf<Sum<P>> (&sum)[R][V], int64_t k, const P* a, RowStep row_step, KStep k_step,
                                  const P* b, Ldb ldb, Sum<P>* const* c, Ahead ahead) {
  using T = Sum<P>;
  using Factors = typename Chain<P>::Factors;
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  const char* fetched = static_cast<const char*>(ahead.from);
  // Two rows of C at a time: all at once, they would keep what is multiplied waiting.
  constexpr int kTogether = 2, kTurns = (R + kTogether - 1) / kTogether + 1;
  int next = k < kFetchingSteps<P> ? R : 0;
  const int64_t turn = k / kTurns;
  for (int64_t p = 0; p < k;) {
    int64_t end = k;
    if (next < R) {
      fetch_row<T, V>(c[next++]);
      if (next < R) fetch_row<T, V>(c[next++]);
      end = p + turn;
    }
#pragma GCC unroll 2
    for (; p < end; ++p, a += k_step, b += ldb, fetched += ahead.step) {
      __builtin_prefetch(fetched, 0, 2);
      Factors column[V];
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) column[j] = Chain<P>::load(b + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) {
        const Factors row = Chain<P>::splat(a[i * row_step]);
#pragma GCC unroll 4
        for (int j = 0; j < V; ++j) sum[i][j] = Chain<P>::add(row, column[j], sum[i][j]);
      }
    }
  }
}

template <class P, int R, int V>
void multiply_tile(int64_t k, const P* a, int64_t row_step, int64_t k_step, const P* b, int64_t ldb, Sum<P>* const* c,
                   int64_t n, bool first, Ahead ahead) noexcept {
  using T = Sum<P>;
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector sum[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector(T{0});
  }
  if (ldb == V * kLanes && k_step == kPanelStride && row_step == 1) {
    multiply_steps<P>(sum, k, a, Known<1>{}, Known<kPanelStride>{}, b, Known<V * kLanes>{}, c, ahead);
  } else if (k_step == 1) {
    multiply_steps<P>(sum, k, a, row_step, Known<1>{}, b, ldb, c, ahead);
  } else {
    multiply_steps<P>(sum, k, a, row_step, k_step, b, ldb, c, ahead);
  }
  const bool whole = n == V * kLanes;
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      T* at = c[i] + j * kLanes;
      if (whole) {
        (first ? sum[i][j] : Vector::load(at) + sum[i][j]).store(at);
      } else {
        (first ? sum[i][j] : Vector::load(at, n - j * kLanes) + sum[i][j]).store(at, n - j * kLanes);
      }
    }
  }
}

template <class P, int R, int V>
constexpr void fill(TileTable<P>& table) {
  if constexpr (V <= tile_vectors(R)) {
    table.kernels[R - 1][V - 1] = multiply_tile<P, R, V>;
    fill<P, R, V + 1>(table);
  } else if constexpr (R < kPanelRows) {
    fill<P, R + 1, 1>(table);
  }
}
template <class P>
constexpr TileTable<P> filled() {
  TileTable<P> table{};
  fill<P, 1, 1>(table);
  return table;
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
