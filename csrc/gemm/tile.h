// The micro-kernel: a tile of C in registers, one K block long. Only for .isa.cpp files.
//
//   A, packed (steps 1, kPanelStride)     B, packed (ldb = panel width)     C, one pointer a row
//   or as it lies                         or as it lies
//   a[i * row_step + p * k_step]          b[p * ldb + j]                    c[i][j]
//
// i < R rows, j < n columns of at most V vectors, p < k. Every element is one chain of fused multiply-adds in rising p
// that starts from 0, then added to C unless `first`. C is written up to column n alone. B must have whole vectors to
// read, but where kReadsParts holds and it is no packed panel.
#pragma once
#include <type_traits>

#include "gemm/blocking.h"

namespace ckeras::CKERAS_ISA {

// Two bfloat16 that follow each other along K, the first in the upper half. Panels may hold these instead of numbers;
// then k and p count pairs, and sums are float32.
struct HalfPair {
  uint32_t bits;
};

template <class P>
struct SumOf {
  using Type = P;
};
template <>
struct SumOf<HalfPair> {
  using Type = float;
};
// What elements P of panels are added up in.
template <class P>
using Sum = typename SumOf<P>::Type;

// Length of a K block in elements of a panel.
template <class P>
inline constexpr int64_t kPanelBlock = kKBlock;
template <>
inline constexpr int64_t kPanelBlock<HalfPair> = kKBlock / 2;

// What a tile fetches into the second-level cache for a later one: a line each step along K, `step` bytes apart.
struct Ahead {
  const void* from;
  int64_t step;
};

// A tile stores more lines of C than a processor keeps waiting, so they come while it multiplies. From so many steps on
// it fetches them itself; else, and with pairs, whose sums become halves elsewhere, the caller does.
template <class P>
inline constexpr int64_t kFetchingSteps = 32;
template <>
inline constexpr int64_t kFetchingSteps<HalfPair> = kKBlock;

template <class P>
using TileKernel = void (*)(int64_t k, const P* a, int64_t row_step, int64_t k_step, const P* b, int64_t ldb,
                            Sum<P>* const* c, int64_t n, bool first, const Ahead& ahead) noexcept;

template <class P>
inline constexpr bool kKeeps = std::is_same_v<P, Sum<P>>;

// Whether tiles read no more than n columns of a B that is no packed panel: where masks are cheap.
template <class P>
#if defined(CKERAS_ISA_AVX512)
inline constexpr bool kReadsParts = std::is_same_v<P, Sum<P>>;
#else
inline constexpr bool kReadsParts = false;
#endif

// A tile of kPanelRows rows and whole vectors that keeps the B it reads: kept[p * n + j] = b[p * ldb + j].
template <class P>
using KeepingKernel = void (*)(int64_t k, const P* a, int64_t row_step, int64_t k_step, const P* b, int64_t ldb,
                               P* kept, Sum<P>* const* c, bool first, const Ahead& ahead) noexcept;

// kernels[rows - 1][vectors - 1], keeping[vectors - 1]; null where the tile does not fit the registers, and for pairs.
template <class P>
struct TileTable {
  TileKernel<P> kernels[kPanelRows][kMaxTileVectors];
  KeepingKernel<P> keeping[kMaxTileVectors];
};

// Defined in gemm/tile.isa.cpp for float and double, in gemm/pair_tile.isa.cpp where pairs can be multiplied.
template <class P>
struct Tiles;
template <>
struct Tiles<float> {
  static const TileTable<float> table;
};
template <>
struct Tiles<double> {
  static const TileTable<double> table;
};
template <>
struct Tiles<HalfPair> {
  static const TileTable<HalfPair> table;
};

}  // namespace ckeras::CKERAS_ISA
