// The micro-kernel of direct convolutions: a tile of results in registers, its operand A read where it lies. Only for
// .isa.cpp files.
//
// c[i][j] (+)= sum over segments s < run.segments and p < run.length, in rising order, as one chain of fused
// multiply-adds from 0, of a[i][run.offsets[s] + p * run.step] * b[s * run.b_segment + p * run.ldb + j]
//
// i < count rows, j < n columns of at most V vectors; `first` sets c, else it is added to. B must have whole vectors to
// read; all kernel rows of `a` must be readable; C is written up to row `count` and column n alone.
#pragma once
#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

struct DirectRun {
  const int64_t* offsets;
  int64_t segments, length, step;
  int64_t ldb, b_segment;
};

template <class T>
using DirectKernel = void (*)(const DirectRun& run, const T* const* a, const T* b, T* const* c, int64_t count,
                              int64_t n, bool first) noexcept;

// Tiles have kDirectRows[size] rows.
inline constexpr int kDirectSizes = 4;
inline constexpr int kDirectRows[kDirectSizes] = {kTileRows, kTileRows < 6 ? kTileRows : kTileRows * 3 / 4,
                                                  (kTileRows + 1) / 2, kTileRows < 6 ? 1 : (kTileRows + 2) / 4};
inline constexpr int kDirectVectors = tile_vectors(kTileRows);

// The smallest tile with `count` rows.
CKERAS_INLINE int direct_size(int64_t count) {
  int size = 0;
  while (size + 1 < kDirectSizes && kDirectRows[size + 1] >= count) ++size;
  return size;
}

// kernels[size][vectors - 1]. Defined in ops/conv/direct.isa.cpp for float and double.
template <class T>
struct DirectTable {
  DirectKernel<T> kernels[kDirectSizes][kDirectVectors];
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
