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
  static CKERAS_MEMBER Factors load(const P* p, int64_t n) {
    Factors factors = Factors::load(p, n);
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
// would take their turns from multiplications. With kKeeps the rows of B go to `kept` as well, one behind the other. Of
// the last vectors of these rows `lanes` are read, or all where that is known.
template <class P, int R, int V, bool kKeeps, class RowStep, class KStep, class Ldb, class Lanes>
CKERAS_INLINE void multiply_steps(VecOf<Sum<P>> (&sum)[R][V], int64_t k, const P* a, RowStep row_step, KStep k_step,
                                  const P* b, Ldb ldb, [[maybe_unused]] P* kept, Sum<P>* const* c, const Ahead& ahead,
                                  [[maybe_unused]] Lanes lanes) {
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
      for (int j = 0; j < V; ++j) {
        if constexpr (std::is_same_v<Lanes, int64_t>) {
          column[j] = j + 1 < V ? Chain<P>::load(b + j * kLanes) : Chain<P>::load(b + j * kLanes, lanes);
        } else {
          column[j] = Chain<P>::load(b + j * kLanes);
        }
      }
      if constexpr (kKeeps) {
#pragma GCC unroll 4
        for (int j = 0; j < V; ++j) column[j].store(kept + j * kLanes);
        kept += V * kLanes;
      }
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) {
        const Factors row = Chain<P>::splat(a[i * row_step]);
#pragma GCC unroll 4
        for (int j = 0; j < V; ++j) sum[i][j] = Chain<P>::add(row, column[j], sum[i][j]);
      }
    }
  }
}

template <class T, int R, int V>
CKERAS_INLINE void clear(VecOf<T> (&sum)[R][V]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = VecOf<T>(T{0});
  }
}

template <class P, int R, int V>
CKERAS_INLINE void store_tile(const VecOf<Sum<P>> (&sum)[R][V], Sum<P>* const* c, int64_t n, bool first) {
  using T = Sum<P>;
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
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
void multiply_tile(int64_t k, const P* a, int64_t row_step, int64_t k_step, const P* b, int64_t ldb, Sum<P>* const* c,
                   int64_t n, bool first, const Ahead& ahead) noexcept {
  constexpr int64_t kLanes = VecOf<Sum<P>>::kLanes, kWidth = V * kLanes;
  VecOf<Sum<P>> sum[R][V];
  clear<Sum<P>>(sum);
  constexpr Known<kLanes> kAll;
  if (ldb == kWidth && k_step == kPanelStride && row_step == 1) {
    multiply_steps<P, R, V, false>(sum, k, a, Known<1>{}, Known<kPanelStride>{}, b, Known<kWidth>{}, nullptr, c, ahead,
                                   kAll);
  } else if (kReadsParts<P> && n < kWidth && ldb != kWidth) {
    if constexpr (kReadsParts<P>) {
      multiply_steps<P, R, V, false>(sum, k, a, row_step, k_step, b, ldb, nullptr, c, ahead, n - (kWidth - kLanes));
    }
  } else if (k_step == 1) {
    multiply_steps<P, R, V, false>(sum, k, a, row_step, Known<1>{}, b, ldb, nullptr, c, ahead, kAll);
  } else {
    multiply_steps<P, R, V, false>(sum, k, a, row_step, k_step, b, ldb, nullptr, c, ahead, kAll);
  }
  store_tile<P>(sum, c, n, first);
}

template <class P, int R, int V>
void multiply_and_keep(int64_t k, const P* a, int64_t row_step, int64_t k_step, const P* b, int64_t ldb, P* kept,
                       Sum<P>* const* c, bool first, const Ahead& ahead) noexcept {
  VecOf<Sum<P>> sum[R][V];
  clear<Sum<P>>(sum);
  constexpr int64_t kLanes = VecOf<Sum<P>>::kLanes;
  multiply_steps<P, R, V, true>(sum, k, a, row_step, k_step, b, ldb, kept, c, ahead, Known<kLanes>{});
  store_tile<P>(sum, c, V * VecOf<Sum<P>>::kLanes, first);
}

template <class P, int R, int V>
constexpr void fill(TileTable<P>& table) {
  if constexpr (V <= tile_vectors(R)) {
    table.kernels[R - 1][V - 1] = multiply_tile<P, R, V>;
    if constexpr (R == kPanelRows && kKeeps<P>) table.keeping[V - 1] = multiply_and_keep<P, R, V>;
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
