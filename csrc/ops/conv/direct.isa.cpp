#include "ops/conv/direct_tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Steps along K at once: a high tile of one vector has more rows than registers for their addresses.
template <int V>
inline constexpr int kSteps = V == 1 && kTileRows > 8 ? 4 : 1;

// sum += U steps from `at` on.
template <int U, class T, int R, int V>
CKERAS_INLINE void direct_steps(const T* const (&rows)[R], int64_t at, int64_t step, const T* from, int64_t ldb,
                                VecOf<T> (&sum)[R][V]) {
  using Vector = VecOf<T>;
  Vector column[U][V];
#pragma GCC unroll 4
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) column[u][j] = Vector::load(from + u * ldb + j * Vector::kLanes);
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int u = 0; u < U; ++u) {
      const Vector row(rows[i][at + u * step]);
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sum[i][j] = fma(row, column[u][j], sum[i][j]);
    }
  }
}

template <class T, int R, int V>
void direct_tile(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count, int64_t n,
                 bool first) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector sum[R][V];
  const T* rows[R];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    rows[i] = a[i];
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector(T{0});
  }
  for (int64_t s = 0; s < run.segments; ++s) {
    int64_t at = run.offsets[s];
    const T* from = b + run.b_offsets[s];
    int64_t p = 0;
    if constexpr (kSteps<V> > 1) {
      for (; p + kSteps<V> <= run.length; p += kSteps<V>, at += kSteps<V> * run.step, from += kSteps<V> * run.ldb) {
        direct_steps<kSteps<V>>(rows, at, run.step, from, run.ldb, sum);
      }
    }
    for (; p < run.length; ++p, at += run.step, from += run.ldb) {
      direct_steps<1>(rows, at, run.step, from, run.ldb, sum);
    }
  }
  const bool whole = n == V * kLanes;
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    if (i >= count) break;
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) {
      T* to = c[i] + j * kLanes;
      if (whole) {
        (first ? sum[i][j] : Vector::load(to) + sum[i][j]).store(to);
      } else {
        (first ? sum[i][j] : Vector::load(to, n - j * kLanes) + sum[i][j]).store(to, n - j * kLanes);
      }
    }
  }
}

template <class T, int S, int V>
constexpr void fill(DirectTable<T>& table) {
  if constexpr (V <= kDirectMost) {
    table.kernels[S][V - 1] = direct_tile<T, direct_rows(S, V), V>;
    fill<T, S, V + 1>(table);
  } else if constexpr (S + 1 < kDirectSizes) {
    fill<T, S + 1, 1>(table);
  }
}
template <class T>
constexpr DirectTable<T> filled() {
  DirectTable<T> table{};
  fill<T, 0, 1>(table);
  return table;
}

}  // namespace

constinit const DirectTable<float> DirectTiles<float>::table = filled<float>();
constinit const DirectTable<double> DirectTiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
