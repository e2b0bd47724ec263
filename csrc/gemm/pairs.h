// Products of bfloat16 by pairs of numbers (HalfPair of gemm/tile.h): the operands, packed, and the result, rounded at
// the end. Only for .isa.cpp files, of avx512.
#pragma once
#include "gemm/half_ending.h"
#include "gemm/pack.h"
#include "gemm/tile.h"

#if defined(CKERAS_ISA_AVX512)
namespace ckeras::CKERAS_ISA {

// A bfloat16 operand as Matrix of gemm/pack.h is one of numbers, but p counts pairs. `k`: numbers along K; when that is
// odd, the last pair ends in `pad`. Pads of 0 and -0 make the product -0, which changes no sum.
struct HalfMatrix {
  const uint16_t* data;
  int64_t stride;
  bool along_k;
  int64_t k;
  uint16_t pad;

  CKERAS_MEMBER bool readable() const { return false; }
  CKERAS_MEMBER const HalfPair* at(int64_t, int64_t) const { return nullptr; }

  // As Matrix has it; a pair lies in two rows, which take turns.
  CKERAS_MEMBER Ahead ahead(int64_t i0, int64_t width, int64_t p0, int64_t number) const {
    constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(uint16_t));
    const int64_t step = stride * static_cast<int64_t>(sizeof(uint16_t));
    if (along_k || number / 2 * kLine >= width) return {data, 0};
    return {data + (2 * p0 + number % 2) * stride + i0 + number / 2 * kLine, 2 * step};
  }

  CKERAS_MEMBER void pack(HalfPair* to, int64_t width, int64_t i0, int64_t count, int64_t p0, int64_t pairs) const {
    along_k ? pack_rows(to, width, i0, count, p0, pairs) : pack_columns(to, width, i0, count, p0, pairs);
  }

 private:
  CKERAS_MEMBER uint32_t pair(const uint16_t* row, int64_t p) const {
    return static_cast<uint32_t>(row[2 * p]) << 16 | (2 * p + 1 < k ? row[2 * p + 1] : pad);
  }

  CKERAS_MEMBER void pack_rows(HalfPair* to, int64_t width, int64_t i0, int64_t count, int64_t p0,
                               int64_t pairs) const {
    using Words = Raw<uint32_t, 8>;
    const int64_t filled = least(width, round_up(count, V16::kLanes));
    const int64_t whole = least(pairs, k / 2 - p0);
    for (int64_t i = 0; i < filled; i += 8) {
      const uint16_t* from[8];
      for (int64_t r = 0; r < 8; ++r) from[r] = i + r < count ? data + (i0 + i + r) * stride : nullptr;
      int64_t p = 0;
      for (; p + 8 <= whole; p += 8) {
        Raw<float, 8> block[8];
#pragma GCC unroll 8
        for (int64_t r = 0; r < 8; ++r) {
          Words w = {};
          if (from[r] != nullptr) __builtin_memcpy(&w, from[r] + 2 * (p0 + p), sizeof w);
          block[r] = (Raw<float, 8>)(w << 16 | w >> 16);
        }
        transpose_block(block);
#pragma GCC unroll 8
        for (int64_t r = 0; r < 8; ++r) store_raw(to + (p + r) * width + i, block[r]);
      }
      for (; p < pairs; ++p) {
        for (int64_t r = 0; r < 8; ++r) to[p * width + i + r].bits = from[r] != nullptr ? pair(from[r], p0 + p) : 0;
      }
    }
  }

  CKERAS_MEMBER void pack_columns(HalfPair* to, int64_t width, int64_t i0, int64_t count, int64_t p0,
                                  int64_t pairs) const {
    using Words = Raw<uint32_t, 16>;
    const Raw<uint16_t, 16> pads = Raw<uint16_t, 16>{} + pad;
    for (int64_t p = p0; p < p0 + pairs; ++p, to += width) {
      const uint16_t* upper = data + 2 * p * stride + i0;
      for (int64_t i = 0; i < count; i += 16) {
        const auto high = __builtin_convertvector(load_halves(upper + i, count - i), Words);
        const auto low = 2 * p + 1 < k ? load_halves(upper + stride + i, count - i) : pads;
        const auto words = high << 16 | __builtin_convertvector(low, Words);
        store_first(reinterpret_cast<uint32_t*>(to + i), words, width - i);
      }
    }
  }

  // The first n of sixteen.
  static CKERAS_MEMBER Raw<uint16_t, 16> load_halves(const uint16_t* p, int64_t n) {
    const auto mask = static_cast<__mmask16>(first_lanes<16>(n));
    return (Raw<uint16_t, 16>)_mm256_maskz_loadu_epi16(mask, p);
  }
};

// The result: added up in `sums`, or block by block when these are null; ended and rounded block by block.
struct HalfRows {
  float* sums;
  uint16_t* data;
  int64_t stride;
  HalfEnding<Half<BF16Bits>> ending;

  CKERAS_MEMBER bool passing() const { return sums == nullptr; }
  CKERAS_MEMBER float* row(int64_t i) const { return sums + i * stride; }
  CKERAS_MEMBER void fetch(int64_t i, int64_t j, int64_t rows, int64_t columns) const {
    for (int64_t r = i; r < i + rows; ++r) {
      const uint16_t* const row = data + r * stride + j;
      for (int64_t c = 0; c < columns; c += 32) __builtin_prefetch(row + c, 1);
      __builtin_prefetch(row + columns - 1, 1);
    }
  }
  CKERAS_MEMBER void done(float* const* from, int64_t i, int64_t j, int64_t rows, int64_t columns) const {
    end_halves(ending.at(i, j), from, data + i * stride + j, stride, rows, columns);
  }
};

}  // namespace ckeras::CKERAS_ISA
#endif
