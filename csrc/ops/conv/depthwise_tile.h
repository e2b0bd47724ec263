// The micro-kernel of depthwise convolution: a tile of results of two rows (where there are registers for it) and some
// neighbouring pixels, vectors along the channels. An element of the image meets all of the tile's results from one
// load. Only for .isa.cpp files.
//
// y[r][k] = ending(sum over taps t, u, v inside the image, in rising order, as one chain of fused multiply-adds from 0,
// of x(t, u + r * shift_y, v + k * shift_x) * w(t, u, v)), for all channels
#pragma once
#include "gemm/blocking.h"
#include "gemm/epilogue.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct DepthTile {
  const T* x;                       // what tap (0, 0, 0) of the first result meets; may lie outside
  int64_t plane, row, pixel;        // elements of x from a tap to the next
  const T* w;                       // tap (0, 0, 0)
  int64_t w_plane, w_row, w_pixel;  // elements of w from a tap to the next
  T* y;                             // the first result
  int64_t y_row, y_pixel;           // elements from a result of the tile to the next
  int64_t taps_y, taps_x;           // of a window
  int64_t shift_y, shift_x;         // taps from a result to the next
  int64_t plane0, plane1;           // taps t inside the image
  int64_t row0, row1;               // u + r * shift_y that are
  int64_t column0, column1;         // v + k * shift_x that are
  int64_t rows, pixels;             // of the tile
  int64_t channels;
  int64_t ahead;     // elements of x to those that the next tile below is the first to meet, or 0
  Ending<T> ending;  // cheap, without a residual
  bool streamed;
};

template <class T>
using DepthKernel = void (*)(const DepthTile<T>& tile) noexcept;

//            registers   sums   taps of a row, for each row of results
// avx512     32          14     3 to 7
// avx2       16          8      6 to 14
// neon       32          16     12 to 28
#if defined(CKERAS_ISA_AVX512)
inline constexpr int kDepthRows = 2, kDepthPixels = 7;
#elif defined(CKERAS_ISA_AVX2) || defined(CKERAS_ISA_NEON)
inline constexpr int kDepthRows = 1, kDepthPixels = 4;
#else
inline constexpr int kDepthRows = 1, kDepthPixels = 2;
#endif

// Kernels for `taps` neighbours along a row, results `shift` of them apart. They want a whole vector of channels.
struct DepthKind {
  int taps, shift;
};
inline constexpr DepthKind kDepthKinds[] = {{2, 1}, {3, 1}, {5, 1}, {7, 1}, {3, 2}, {5, 2}};
inline constexpr int kDepthKindCount = 6;

// Defined in ops/conv/depthwise.isa.cpp for float and double. `any`: whatever taps and channels, of tiles of one row.
template <class T>
struct DepthTable {
  DepthKernel<T> kinds[kDepthKindCount], any;
};
template <class T>
struct DepthTiles;
template <>
struct DepthTiles<float> {
  static const DepthTable<float> table;
};
template <>
struct DepthTiles<double> {
  static const DepthTable<double> table;
};

}  // namespace ckeras::CKERAS_ISA
