// The micro-kernel: a tile of C in registers, one K block long. Only for .isa.cpp files.
//
//   A panel, packed             B, packed (ldb = panel width) or as it lies     C, one pointer a row
//   a[p * kPackedRows + i]      b[p * ldb + j]                                   c[i][j]
//
// i < R rows, j < n columns of at most V vectors, p < k. Every element is one chain of fused multiply-adds in rising p
// that starts from 0, then added to C unless `first`. B must have whole vectors to read; C is written up to column n
// alone.
#pragma once
#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

template <class T>
using TileKernel = void (*)(int64_t k, const T* a, const T* b, int64_t ldb, T* const* c, int64_t n,
                            bool first) noexcept;

// kernels[rows - 1][vectors - 1]; null where the tile does not fit the registers.
template <class T>
struct TileTable {
  TileKernel<T> kernels[kTileRows][kMaxTileVectors];
};

// Defined in gemm/tile.isa.cpp for float and double.
template <class T>
struct Tiles;
template <>
struct Tiles<float> {
  static const TileTable<float> table;
};
template <>
struct Tiles<double> {
  static const TileTable<double> table;
};

}  // namespace ckeras::CKERAS_ISA
