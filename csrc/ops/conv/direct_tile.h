// The micro-kernel of direct convolutions: a tile of results in registers, its operand A read where it lies. Only for
// .isa.cpp files.
//
// c[i][j] (+)= sum over segments s < run.segments and p < run.length, in rising order, as one chain of fused
// multiply-adds from 0, of a[i][run.offsets[s] + p * run.step] * b[run.b_offsets[s] + p * run.ldb + j]
//
// i < count rows, j < n columns of at most V vectors, or of half a vector; `first` sets c, else it is added to. B must
// have whole (half) vectors to read; all kernel rows of `a` must be readable; C is written up to row `count` and column
// n alone.
//
// Twins are two groups of few results, each of half a vector, at step 1: the second has its operands run.next_a and
// run.next_b further, and its results n columns.
#pragma once
#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

struct DirectRun {
  const int64_t *offsets, *b_offsets;
  int64_t segments, length, step, ldb;
  int64_t next_a = 0, next_b = 0;
  bool adjacent = false;  // a[i] is a[0] + i for all rows of the kernel, whose addresses take one register
};

template <class T>
using DirectKernel = void (*)(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count,
                              int64_t n, bool first) noexcept;

// Tiles of up to kDirectVectors are high, wider ones (where there are such) as high as those of matrix products: these
// take the place of a high tile of one vector, which loads more than it multiplies.
inline constexpr int kDirectVectors = tile_vectors(kTileRows), kDirectMost = tile_vectors(kPanelRows);
inline constexpr int kDirectSizes = 5;
// Half a vector takes half of the registers, or of the cycles where a register is a vector.
inline constexpr int kHalfRows = kTileRows > 8 ? kTileRows : 2 * kTileRows, kDirectRows = kHalfRows;

// Vectors of a tile of n columns; 0 is half a vector.
template <class T>
CKERAS_INLINE int64_t direct_vectors(int64_t n) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  return n <= kLanes / 2 ? 0 : (n + kLanes - 1) / kLanes;
}
CKERAS_INLINE constexpr int direct_rows(int size, int64_t vectors) {
  const int most = vectors > kDirectVectors ? kPanelRows : vectors > 0 ? kTileRows : kHalfRows;
  return size == 0   ? most
         : size == 1 ? (most < 6 ? most : most * 3 / 4)
         : size == 2 ? (most < 6 ? (most + 1) / 2 : most * 2 / 3)
         : size == 3 ? (most + 1) / 2
         : most < 6  ? 1
                     : (most + 2) / 4;
}

inline constexpr int kTwinRows = kTileRows > 10 ? 10 : kTileRows, kTwinSizes = 3;
CKERAS_INLINE constexpr int twin_rows(int size) { return (kTwinRows + (1 << size) - 1) >> size; }
CKERAS_INLINE int twin_size(int64_t count) {
  int size = 0;
  while (size + 1 < kTwinSizes && twin_rows(size + 1) >= count) ++size;
  return size;
}

// The smallest tile with `count` rows.
CKERAS_INLINE int direct_size(int64_t count, int64_t vectors) {
  int size = 0;
  while (size + 1 < kDirectSizes && direct_rows(size + 1, vectors) >= count) ++size;
  return size;
}

// Columns of the panels that so many results are cut into.
template <class T>
CKERAS_INLINE int64_t direct_width(int64_t results) {
  constexpr int64_t kLanes = VecOf<T>::kLanes;
  const int64_t vectors = direct_vectors<T>(results);
  if (vectors <= 1) return vectors == 0 ? kLanes / 2 : kLanes;
  return (vectors % kDirectVectors != 0 && vectors % kDirectMost != 1 ? kDirectMost : kDirectVectors) * kLanes;
}

// kernels[size][vectors]. Defined in ops/conv/direct.isa.cpp for float and double.
template <class T>
struct DirectTable {
  DirectKernel<T> kernels[kDirectSizes][kDirectMost + 1], twins[kTwinSizes];
};
template <class T>
struct DirectTiles;
template <>
struct DirectTiles<float> {
  static const DirectTable<float> table;
};
template <>
struct DirectTiles<double> {
  static const DirectTable<double> table;
};

}  // namespace ckeras::CKERAS_ISA
