// Between rows and lanes: rows read or written side by side through a tile in which each column is as many numbers as a
// vector has lanes. Only for .isa.cpp files.
#pragma once
#include "cpu/block.h"
#include "ops/dft/lanes.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kStretch = 16;  // columns of a tile: whole lines of the cache of float rows

// Columns of a tile, of as many numbers as a vector has lanes.
template <class T>
using Column = T[VecOf<T>::kLanes];

// from[0 ... kBlock - 1], rows, to columns `step` apart.
template <class T>
CKERAS_INLINE void turn_block(const T* const* from, T* to, int64_t step) {
  Raw<T, kBlock<T>> block[kBlock<T>];
  CKERAS_UNROLL
  for (int i = 0; i < kBlock<T>; ++i) block[i] = load_raw<T, kBlock<T>>(from[i]);
  transpose_block(block);
  CKERAS_UNROLL
  for (int i = 0; i < kBlock<T>; ++i) store_raw(to + i * step, block[i]);
}

// n <= kStretch columns, from `first` on, of as many rows as a vector has lanes.
template <class T>
CKERAS_INLINE void read_tile(const T* const* row, int64_t first, int64_t n, Column<T>* tile) {
  constexpr int64_t kLanes = VecOf<T>::kLanes, kSize = kBlock<T>;
  const int64_t whole = n - n % kSize;
  for (int64_t lane = 0; lane < kLanes; lane += kSize) {  // few rows at a time: their lines may share places in a cache
    for (int64_t i = 0; i < whole; i += kSize) {
      const T* from[kSize];
      for (int64_t r = 0; r < kSize; ++r) from[r] = row[lane + r] + first + i;
      turn_block(from, &tile[i][lane], kLanes);
    }
  }
  for (int64_t i = whole; i < n; ++i) {
    for (int64_t lane = 0; lane < kLanes; ++lane) tile[i][lane] = row[lane][first + i];
  }
}
template <class T>
CKERAS_INLINE void write_tile(const Column<T>* tile, int64_t n, int64_t lanes, T* rows, int64_t step) {
  constexpr int64_t kSize = kBlock<T>;
  const int64_t whole = n - n % kSize;
  int64_t lane = 0;
  for (; lane + kSize <= lanes; lane += kSize) {
    for (int64_t i = 0; i < whole; i += kSize) {
      const T* from[kSize];
      for (int64_t r = 0; r < kSize; ++r) from[r] = &tile[i + r][lane];
      turn_block(from, rows + lane * step + i, step);
    }
    for (int64_t i = whole; i < n; ++i) {
      for (int64_t r = lane; r < lane + kSize; ++r) rows[r * step + i] = tile[i][r];
    }
  }
  for (; lane < lanes; ++lane) {
    for (int64_t i = 0; i < n; ++i) rows[lane * step + i] = tile[i][lane];
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
