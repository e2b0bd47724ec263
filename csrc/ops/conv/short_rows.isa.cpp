#include "ops/conv/short_rows.h"

#include "cpu/stream_vec.h"
#include "cpu/whole.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <int N>
struct Size {
  static constexpr int value = N;
};

// Ends R rows from `row` on, and stores all but the first `known`.
template <int R, int V, class T>
CKERAS_INLINE void put(const ShortRows<T>& run, VecOf<T> (&sum)[R][V], int64_t row, int64_t known) {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  const int64_t c_step = run.c_step;
  const Ending<T>& ending = run.ending;
  const auto each = [&](const auto& end) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sum[i][j] = end(sum[i][j], i, j);
    }
  };
  const auto own = [&](const T* from, int i, int j) __attribute__((always_inline)) {
    return run.by_rows ? Vector(from[row + i]) : Vector::load(from + j * kLanes, run.n - j * kLanes);
  };
  if (ending.bias != nullptr) {
    each([&](Vector v, int i, int j) __attribute__((always_inline)) { return v + own(ending.bias, i, j); });
  }
  if (ending.scale != nullptr) {
    each([&](Vector v, int i, int j)
             __attribute__((always_inline)) { return v * own(ending.scale, i, j) + own(ending.shift, i, j); });
  }
  if (ending.residual != nullptr) {
    each([&](Vector v, int i, int j) __attribute__((always_inline)) {
      return v + Vector::load(ending.residual + (row + i) * ending.stride + j * kLanes, run.n - j * kLanes);
    });
  }
  if (ending.epilogue != Epilogue::None) {
    each([&](Vector v, int, int) __attribute__((always_inline)) { return max(v, Vector(T{0})); });
  }
  if (ending.epilogue == Epilogue::Relu6) {
    each([&](Vector v, int, int) __attribute__((always_inline)) { return min(v, Vector(T{6})); });
  }
  T* to = run.c + row * c_step;
  const auto store = [&](const auto& one) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i, to += c_step) {
      if (i < known) continue;
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) one(sum[i][j], to + j * kLanes, run.n - j * kLanes);
    }
  };
  if (run.streamed) {
    store([](Vector v, T* p, int64_t) __attribute__((always_inline)) { stream(v, p); });
  } else if (run.n == V * kLanes) {
    store([](Vector v, T* p, int64_t) __attribute__((always_inline)) { v.store(p); });
  } else {
    store([](Vector v, T* p, int64_t n) __attribute__((always_inline)) { v.store(p, n); });
  }
}

// sum = the sums of R rows: step k has its row of B from column(k).
template <int R, int V, class T, class Column>
CKERAS_INLINE void add_step(const T* at, int64_t a_step, const Column& column, VecOf<T> (&sum)[R][V]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    const VecOf<T> own(at[i * a_step]);
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = fma(own, column[j], sum[i][j]);
  }
}
template <int R, int V, class Vector>
CKERAS_INLINE void clear(Vector (&sum)[R][V]) {
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector(0);
  }
}

// body(R, row, known) for groups of R rows, then of half of that: where more than half of a group is left, it has some
// known rows of the one before again.
template <int R, class Body>
CKERAS_INLINE void each_group(int64_t rows, const Body& body, int64_t row = 0) {
  while (rows >= R && rows - row > R / 2) {
    const int64_t first = least(row, rows - R);
    body(Size<R>{}, first, row - first);
    row = first + R;
  }
  if constexpr (R > 1) {
    if (row < rows) each_group<(R + 1) / 2>(rows, body, row);
  }
}

template <int K, int V, class T>
void held_rows(const ShortRows<T>& run) noexcept {
  using Vector = VecOf<T>;
  Vector column[K][V];
#pragma GCC unroll 16
  for (int k = 0; k < K; ++k) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) column[k][j] = Vector::load(run.b + run.b_offsets[k] + j * Vector::kLanes);
  }
  constexpr int R = kTileRows > 8 ? 8 / V : 4;
  each_group<R>(run.rows, [&](auto size, int64_t row, int64_t known) __attribute__((always_inline)) {
    Vector sum[decltype(size)::value][V];
    clear(sum);
    const T* const a = run.a + row * run.a_step;
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) add_step(a + run.a_offsets[k], run.a_step, column[k], sum);
    put(run, sum, row, known);
  });
}

template <int R, int V, class T>
void read_rows(const ShortRows<T>& run) noexcept {
  using Vector = VecOf<T>;
  for (int64_t next = 0; next < run.rows; next += R) {
    const int64_t row = least(next, run.rows - R);
    Vector sum[R][V];
    clear(sum);
    const T* const a = run.a + row * run.a_step;
    for (int64_t k = 0; k < run.steps; ++k) {
      Vector column[V];
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) column[j] = Vector::load(run.b + run.b_offsets[k] + j * Vector::kLanes);
      add_step(a + run.a_offsets[k], run.a_step, column, sum);
    }
    put(run, sum, row, next - row);
  }
}

template <class T, int K, int V>
constexpr void fill(ShortTable<T>& table) {
  if constexpr (V <= kHeldVectors) {
    table.held[K - 1][V - 1] = held_rows<K, V, T>;
    fill<T, K, V + 1>(table);
  } else if constexpr (K < kHeldSteps) {
    fill<T, K + 1, 1>(table);
  }
}
template <class T, int R, int V>
constexpr void fill_read(ShortTable<T>& table) {
  if constexpr (R <= short_rows(V)) {
    table.read[R - 1][V - 1] = read_rows<R, V, T>;
    fill_read<T, R + 1, V>(table);
  } else if constexpr (V < kShortVectors) {
    fill_read<T, 1, V + 1>(table);
  }
}
template <class T>
constexpr ShortTable<T> filled() {
  ShortTable<T> table{};
  fill<T, 1, 1>(table);
  fill_read<T, 1, 1>(table);
  return table;
}

}  // namespace

constinit const ShortTable<float> ShortTiles<float>::table = filled<float>();
constinit const ShortTable<double> ShortTiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
