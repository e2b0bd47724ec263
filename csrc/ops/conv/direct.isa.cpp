#include "ops/conv/direct_tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class V>
struct HalfOf;
template <class T, int N>
struct HalfOf<Reg<T, N>> {
  using Type = Reg<T, N / 2>;
};
template <class H>
struct HalfOf<Pair<H>> {
  using Type = H;
};
template <class T, int V>
struct TileVector {
  using Type = VecOf<T>;
};
template <class T>
struct TileVector<T, 0> {
  using Type = typename HalfOf<VecOf<T>>::Type;
};

// Steps along K at once: a high tile of one vector has more rows than registers for their addresses.
template <int V>
inline constexpr int kSteps = V > 1 || kTileRows <= 8 ? 1
                              : V == 1                ? 4
                                                      : 8;

// sum += U steps from `at` on.
template <int U, class T, class Rows, class Vector, int R, int V>
CKERAS_INLINE void direct_steps(const Rows& rows, int64_t at, int64_t step, const T* from, int64_t ldb,
                                Vector (&sum)[R][V]) {
  Vector column[U][V];
#pragma GCC unroll 8
  for (int u = 0; u < U; ++u) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) column[u][j] = Vector::load(from + u * ldb + j * Vector::kLanes);
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) {
      const Vector row(rows(i)[at + u * step]);
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sum[i][j] = fma(row, column[u][j], sum[i][j]);
    }
  }
}

template <int kVectors, class T, class Rows, class Vector, int R, int V>
CKERAS_INLINE void direct_sums(const DirectRun& run, const Rows& rows, const T* b, Vector (&sum)[R][V]) {
  for (int64_t s = 0; s < run.segments; ++s) {
    int64_t at = run.offsets[s];
    const T* from = b + run.b_offsets[s];
    int64_t p = 0;
    if constexpr (kSteps<kVectors> > 1) {
      for (; p + kSteps<kVectors> <= run.length;
           p += kSteps<kVectors>, at += kSteps<kVectors> * run.step, from += kSteps<kVectors> * run.ldb) {
        direct_steps<kSteps<kVectors>>(rows, at, run.step, from, run.ldb, sum);
      }
    }
    for (; p < run.length; ++p, at += run.step, from += run.ldb) {
      direct_steps<1>(rows, at, run.step, from, run.ldb, sum);
    }
  }
}

template <class T, int R, int kVectors>
void direct_tile(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count, int64_t n,
                 bool first) noexcept {
  using Vector = typename TileVector<T, kVectors>::Type;
  constexpr int V = kVectors > 0 ? kVectors : 1;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector sum[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector(T{0});
  }
  if (run.adjacent) {
    const T* const row = a[0];
    direct_sums<kVectors>(run, [=](int i) __attribute__((always_inline)) { return row + i; }, b, sum);
  } else {
    const T* rows[R];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) rows[i] = a[i];
    direct_sums<kVectors>(run, [&](int i) __attribute__((always_inline)) { return rows[i]; }, b, sum);
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

template <class T, int R>
void direct_twins(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count, int64_t n,
                  bool first) noexcept {
  using Half = typename TileVector<T, 0>::Type;
  Half sum[R][2];
  const T* rows[R];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    rows[i] = a[i];
    sum[i][0] = sum[i][1] = Half(T{0});
  }
  for (int64_t s = 0; s < run.segments; ++s) {
    const T* from = b + run.b_offsets[s];
    int64_t at = run.offsets[s];
    for (const int64_t end = at + run.length; at < end; ++at, from += Half::kLanes) {
      const Half own = Half::load(from), next = Half::load(from + run.next_b);
#pragma GCC unroll 16
      for (int i = 0; i < R; ++i) {
        sum[i][0] = fma(Half(rows[i][at]), own, sum[i][0]);
        sum[i][1] = fma(Half(rows[i][at + run.next_a]), next, sum[i][1]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    if (i >= count) break;
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      T* to = c[i] + j * n;
      (first ? sum[i][j] : Half::load(to, n) + sum[i][j]).store(to, n);
    }
  }
}

template <class T, int... S>
constexpr void fill_twins(DirectTable<T>& table, Indices<S...>) {
  ((table.twins[S] = direct_twins<T, twin_rows(S)>), ...);
}
template <class T, int S, int V>
constexpr void fill(DirectTable<T>& table) {
  if constexpr (V <= kDirectMost) {
    table.kernels[S][V] = direct_tile<T, direct_rows(S, V), V>;
    fill<T, S, V + 1>(table);
  } else if constexpr (S + 1 < kDirectSizes) {
    fill<T, S + 1, 0>(table);
  }
}
template <class T>
constexpr DirectTable<T> filled() {
  DirectTable<T> table{};
  fill<T, 0, 0>(table);
  fill_twins(table, IndicesTo<kTwinSizes>{});
  return table;
}

}  // namespace

constinit const DirectTable<float> DirectTiles<float>::table = filled<float>();
constinit const DirectTable<double> DirectTiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
