#include "gemm/tile.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T, int R, int V>
void multiply_tile(int64_t k, const T* a, const T* b, int64_t ldb, T* const* c, int64_t n, bool first) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector sum[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) sum[i][j] = Vector(T{0});
  }
  for (int64_t p = 0; p < k; ++p, a += kPackedRows, b += ldb) {
    Vector column[V];
#pragma GCC unroll 4
    for (int j = 0; j < V; ++j) column[j] = Vector::load(b + j * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const Vector row(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < V; ++j) sum[i][j] = fma(row, column[j], sum[i][j]);
    }
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

template <class T, int R, int V>
constexpr void fill(TileTable<T>& table) {
  if constexpr (V <= tile_vectors(R)) {
    table.kernels[R - 1][V - 1] = multiply_tile<T, R, V>;
    fill<T, R, V + 1>(table);
  } else if constexpr (R < kTileRows) {
    fill<T, R + 1, 1>(table);
  }
}
template <class T>
constexpr TileTable<T> filled() {
  TileTable<T> table{};
  fill<T, 1, 1>(table);
  return table;
}

}  // namespace

constinit const TileTable<float> Tiles<float>::table = filled<float>();
constinit const TileTable<double> Tiles<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
