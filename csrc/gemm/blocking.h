// Sizes of the matrix product's blocks: one row per instruction set. Only for .isa.cpp files.
#pragma once
#include <cstdint>

#include "cpu/features.h"
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {

// Length of a K block. Part of the order of every sum, so one constant for all instruction sets and element types.
inline constexpr int64_t kKBlock = 256;

// A tile of C, held in registers, has up to kTileRows rows of tile_vectors(rows) vectors (V16 or V8): few rows leave
// registers for more columns. Those of matrix products have up to kPanelRows: 8 x 3 vectors of avx512 take a load for
// two multiplications, 14 x 2 take fewer but measure 4 % slower once panels come from the second-level cache.
//             registers   a vector takes
// avx512      32          1
// avx2        16          2
// neon        32          4
// baseline    16          4
#if defined(CKERAS_ISA_AVX512)
inline constexpr int kTileRows = 14, kPanelRows = 8;
CKERAS_INLINE constexpr int tile_vectors(int rows) { return rows <= 4 ? 4 : rows <= 8 ? 3 : 2; }
#elif defined(CKERAS_ISA_AVX2)
inline constexpr int kTileRows = 6, kPanelRows = 6;
CKERAS_INLINE constexpr int tile_vectors(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
#elif defined(CKERAS_ISA_NEON)
inline constexpr int kTileRows = 6, kPanelRows = 6;
CKERAS_INLINE constexpr int tile_vectors(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
#else
inline constexpr int kTileRows = 2, kPanelRows = 2;
CKERAS_INLINE constexpr int tile_vectors(int) { return 1; }
#endif
inline constexpr int kMaxTileVectors = 4;

// Whether loops of a few known lengths get code of their own. Not on the baseline, where a vector is four: it is for
// machines that nobody measures, and would take half of the compiler's time.
#if defined(CKERAS_ISA_AVX512) || defined(CKERAS_ISA_AVX2) || defined(CKERAS_ISA_NEON)
inline constexpr bool kUnrolls = true;
#else
inline constexpr bool kUnrolls = false;
#endif

// Rows of A that one piece of work keeps in the second-level cache, a K block at a time (about 150 KB of float).
inline constexpr int64_t kStripRows = 144;
// Row panels in a strip, at least: rows across K are read along them.
inline constexpr int64_t kLeastStrip = 4;
// More strips than this come in multiples of it: as many for each thread.
inline constexpr int64_t kEvenStrips = 4;

// Packing costs about as much as 8 multiplications of each number, and more where memory is slow: operands are read
// where they lie up to so many columns (A, and A whose rows lie along K where B is packed) and rows (B) of the result.
inline constexpr int64_t kReadColumns = 512, kReadAlongColumns = 4096, kReadRows = 256;
// Where two vectors are multiplied a cycle, an A that lies across K, each step a line of its own, pays sooner.
CKERAS_INLINE int64_t read_across_columns() {
#if defined(CKERAS_ISA_AVX512)
  if (cpu::has_large_first_cache()) return 192;
#endif
  return kReadColumns;
}
// A part of a vector of B is read with a mask for so many row panels, and packed for more: what one thread packs, the
// others fetch from its cache line by line.
inline constexpr int64_t kPartPanels = 24;
// Not when their rows are so many bytes apart, or a multiple of it: too many fall into the same sets of the caches.
inline constexpr int64_t kCrowdedA = 8192, kCrowdedB = 4096;
// The first tile of so many below each other keeps the B that it reads in a panel, for the others.
inline constexpr int64_t kKeptPanels = 3;
// And fewer rows where each row of B begins a page of memory that no cache holds: those are fetched best in order.
inline constexpr int64_t kReadFarRows = 48, kFarBytes = int64_t{16} << 20;

// Distance between the columns of a packed panel of A: whole blocks of the transposition.
inline constexpr int64_t kPanelStride = (kPanelRows + 7) / 8 * 8;
inline constexpr int64_t kPackedRows = (kTileRows + 7) / 8 * 8;  // room for those of tiles of kTileRows

// Packed operands take at most this much each; larger products are done part by part. A little more than a power of
// two, so that sizes that are one fall into two parts and not three.
inline constexpr int64_t kPackBytes = int64_t{9} << 20;
// Rows of B that are packed at a time, into all panels.
inline constexpr int64_t kPackedRun = 8;
// Numbers that one thread packs before it asks for more.
inline constexpr int64_t kPackGrain = int64_t{1} << 13;

// A piece of work for one thread has about this many multiply-adds or more.
inline constexpr int64_t kPieceWork = int64_t{1} << 20;

// A tile's beginning and end take as long as so many steps along K.
inline constexpr int64_t kTileSteps = 8;

// Up to so many steps along K a result is written row by row.
inline constexpr int64_t kShortBlock = 32;

// The least of a matrix product, and what pieces grow to before their number grows beyond kFewPieces.
inline constexpr int64_t kLeastPiece = int64_t{1} << 18, kLargePiece = int64_t{1} << 24;
inline constexpr int64_t kFewPieces = 8, kManyPieces = 64;

// The same for one row, which is bound by memory: about a megabyte of it.
inline constexpr int64_t kRowWork = int64_t{1} << 18;
// And for few rows of a B that is turned over (gemm/few_rows.h), which is slower.
inline constexpr int64_t kFewRowsWork = int64_t{1} << 15;

}  // namespace ckeras::CKERAS_ISA
