// The micro-kernel of direct convolutions: a tile of results in registers, its operand A read where it lies. Only for
// .isa.cpp files.
//
// c[i][j] (+)= sum over segments s < run.segments and p < run.length, in rising order, as one chain of fused
// multiply-adds from 0, of a[i][run.offsets[s] + p * run.step] * b[run.b_offsets[s] + p * run.ldb + j]
//
// i < count rows, j < n columns of at most V vectors; `first` sets c, else it is added to. B must have whole vectors to
// read; all kernel rows of `a` must be readable; C is written up to row `count` and column n alone.
#pragma once
#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

struct DirectRun {
  const int64_t *offsets, *b_offsets;
  int64_t segments, length, step, ldb;
};

template <class T>
using DirectKernel = void (*)(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count,
                              int64_t n, bool first) noexcept;

// Tiles of up to kDirectVectors are high, wider ones (where there are such) as high as those of matrix products: these
// take the place of a high tile of one vector, which loads more than it multiplies.
inline constexpr int kDirectVectors = tile_vectors(kTileRows), kDirectMost = tile_vectors(kPanelRows);
inline constexpr int kDirectSizes = 4;
CKERAS_INLINE constexpr int direct_rows(int size, int64_t vectors) {
  const int most = vectors > kDirectVectors ? kPanelRows : kTileRows;
  return size == 0   ? most
         : size == 1 ? (most < 6 ? most : most * 3 / 4)
         : size == 2 ? (most + 1) / 2
         : most < 6  ? 1
                     : (most + 2) / 4;
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
  const int64_t vectors = (results + kLanes - 1) / kLanes;
  return (vectors % kDirectVectors != 0 && vectors % kDirectMost != 1 ? kDirectMost : kDirectVectors) * kLanes;
}

// kernels[size][vectors - 1]. Defined in ops/conv/direct.isa.cpp for float and double.
template <class T>
struct DirectTable {
  DirectKernel<T> kernels[kDirectSizes][kDirectMost];
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
