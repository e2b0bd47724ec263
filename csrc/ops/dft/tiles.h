// Between rows and lanes: rows read or written side by side through a tile in which each column is as many numbers as a
// vector has lanes. Only for .isa.cpp files.
#pragma once
#include "ops/dft/lanes.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kStretch = 16;  // columns of a tile: whole lines of the cache of float rows

template <class T>
struct Tile {
  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  T of[kStretch][kLanes];
};

using F4 = Raw<float, 4>;
template <int... kPlace>
CKERAS_INLINE F4 mixed(F4 a, F4 b) {
  return __builtin_shufflevector(a, b, kPlace...);
}
CKERAS_INLINE F4 load4(const float* p) { return load_raw<float, 4>(p); }

// to[j * to_step + i] = from[i][j] for i, j < 4
CKERAS_INLINE void turn4(const float* const* from, float* to, int64_t to_step) {
  const F4 a = load4(from[0]), b = load4(from[1]), c = load4(from[2]), d = load4(from[3]);
  const F4 ac = mixed<0, 4, 1, 5>(a, c), bd = mixed<0, 4, 1, 5>(b, d);
  const F4 ac2 = mixed<2, 6, 3, 7>(a, c), bd2 = mixed<2, 6, 3, 7>(b, d);
  store_raw(to, mixed<0, 4, 1, 5>(ac, bd));
  store_raw(to + to_step, mixed<2, 6, 3, 7>(ac, bd));
  store_raw(to + 2 * to_step, mixed<0, 4, 1, 5>(ac2, bd2));
  store_raw(to + 3 * to_step, mixed<2, 6, 3, 7>(ac2, bd2));
}

// n <= kStretch columns of rows that are `step` apart; for lanes beyond `lanes` the last of them stands in.
template <class T>
CKERAS_INLINE void read_tile(const T* rows, int64_t step, int64_t lanes, int64_t n, Tile<T>* tile) {
  constexpr int64_t kLanes = Tile<T>::kLanes;
  const T* row[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) row[lane] = rows + least(lane, lanes - 1) * step;
  int64_t first = 0;
  if constexpr (sizeof(T) == 4) {
    first = n - n % 4;
    for (int64_t lane = 0; lane < kLanes; lane += 4) {  // few rows at a time: their lines may share places in a cache
      for (int64_t i = 0; i < first; i += 4) {
        const float* const four[] = {row[lane] + i, row[lane + 1] + i, row[lane + 2] + i, row[lane + 3] + i};
        turn4(four, &tile->of[i][lane], kLanes);
      }
    }
  }
  for (int64_t i = first; i < n; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane) tile->of[i][lane] = row[lane][i];
  }
}
template <class T>
CKERAS_INLINE void write_tile(const Tile<T>& tile, int64_t n, int64_t lanes, T* rows, int64_t step) {
  int64_t first = 0;
  if constexpr (sizeof(T) == 4) {
    for (; first + 4 <= lanes; first += 4) {
      int64_t i = 0;
      for (; i + 4 <= n; i += 4) {
        const float* const four[] = {&tile.of[i][first], &tile.of[i + 1][first], &tile.of[i + 2][first],
                                     &tile.of[i + 3][first]};
        turn4(four, rows + first * step + i, step);
      }
      for (; i < n; ++i) {
        for (int64_t lane = first; lane < first + 4; ++lane) rows[lane * step + i] = tile.of[i][lane];
      }
    }
  }
  for (int64_t lane = first; lane < lanes; ++lane) {
    for (int64_t i = 0; i < n; ++i) rows[lane * step + i] = tile.of[i][lane];
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
