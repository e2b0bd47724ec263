// The micro-kernel of products of few steps: a column panel of B stays in registers while rows of A pass, and results
// are ended and stored straight from registers. Only for .isa.cpp files.
//
// c[i * c_step + j] = ending(sum over k < steps, in rising order, as one chain of fused multiply-adds from 0, of
// a[i * a_step + a_offsets[k]] * b[b_offsets[k] + j]), i < rows, j < n columns of at most V vectors
//
// B must have whole vectors to read; C is written up to column n alone.
#pragma once
#include "gemm/epilogue.h"
#include "ops/conv/direct_tile.h"

namespace ckeras::CKERAS_ISA {

// Up to so many steps a panel of up to so many vectors has registers; more steps read it from the cache, wider panels
// too.
inline constexpr int kHeldSteps = 9, kHeldVectors = tile_vectors(kTileRows) > 1 ? 2 : 1;
inline constexpr int kShortSteps = 256, kShortVectors = tile_vectors(kPanelRows);

template <class T>
struct ShortRows {
  const int64_t *a_offsets, *b_offsets;
  int64_t steps;
  const T* a;
  int64_t a_step;
  const T* b;
  T* c;
  int64_t c_step, rows, n;
  Ending<T> ending;  // cheap; rows of a residual lie as those of c
  bool by_rows;      // bias, scale and shift are one a row, else one a column; then there is no residual
  bool streamed;     // past the caches: n is whole vectors, and rows of c are whole lines
};

template <class T>
using ShortKernel = void (*)(const ShortRows<T>& run) noexcept;

// Rows of a tile whose panel is read.
CKERAS_INLINE constexpr int short_rows(int64_t vectors) { return vectors > kDirectVectors ? kPanelRows : kTileRows; }

// Rows of a tile that cuts so many most evenly.
CKERAS_INLINE constexpr int64_t even_rows(int64_t rows, int64_t vectors) {
  const int64_t tiles = (rows + short_rows(vectors) - 1) / short_rows(vectors);
  return (rows + tiles - 1) / tiles;
}

// held[steps - 1][vectors - 1]; read[rows of a tile - 1][vectors - 1], for no fewer rows. Defined in
// ops/conv/short_rows.isa.cpp for float and double.
template <class T>
struct ShortTable {
  ShortKernel<T> held[kHeldSteps][kHeldVectors], read[kTileRows][kShortVectors];

  CKERAS_MEMBER void run(const ShortRows<T>& rows) const {
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    const int64_t vectors = (rows.n + kLanes - 1) / kLanes;
    if (rows.steps <= kHeldSteps && vectors <= kHeldVectors) return held[rows.steps - 1][vectors - 1](rows);
    read[even_rows(rows.rows, vectors) - 1][vectors - 1](rows);
  }
};
// Vectors of the widest panel for so many steps.
CKERAS_INLINE constexpr int short_vectors(int64_t steps) { return steps <= kHeldSteps ? kHeldVectors : kShortVectors; }
template <class T>
struct ShortTiles;
template <>
struct ShortTiles<float> {
  static const ShortTable<float> table;
};
template <>
struct ShortTiles<double> {
  static const ShortTable<double> table;
};

}  // namespace ckeras::CKERAS_ISA
