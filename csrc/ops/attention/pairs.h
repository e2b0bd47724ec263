// Operands of attention's products as pairs of bfloat16 (HalfPair of gemm/tile.h), made of float32 numbers that are
// bfloat16. Only for .isa.cpp files, of avx512.
#pragma once
#include "gemm/pack.h"
#include "gemm/tile.h"

#if defined(CKERAS_ISA_AVX512)
namespace ckeras::CKERAS_ISA {
namespace {

using Words = Raw<uint32_t, 16>;

// Sixteen pairs: the upper halves of `first` and of `second`.
CKERAS_INLINE Words join_pairs(Words first, Words second) { return (first & 0xffff0000u) | second >> 16; }
CKERAS_INLINE Words words(V16 x) { return (Words)x.r; }
CKERAS_INLINE void store_pairs(HalfPair* to, Words pairs) { __builtin_memcpy(to, &pairs, sizeof pairs); }

// to[i * to_stride + p] = elements 2p and 2p + 1 of row i, of m rows of k; an odd k is filled up with -0.
inline void pair_rows(HalfPair* to, int64_t to_stride, const float* from, int64_t stride, int64_t m,
                      int64_t k) noexcept {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t p = 0; p < k; p += 32) {
      const float* const at = from + i * stride + p;
      const Words low = words(V16::load(at, k - p)),
                  high = k - p > 16 ? words(V16::load(at + 16, k - p - 16)) : Words{};
      const Words even = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
      const Words odd = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
      store_pairs(to + i * to_stride + p / 2, join_pairs(even, odd));
    }
    if (k % 2 != 0) to[i * to_stride + k / 2].bits = (to[i * to_stride + k / 2].bits & 0xffff0000u) | 0x8000u;
  }
}

// to[p * to_stride + j] = element j of the rows 2p and 2p + 1, of k rows of n; an odd k is filled up with `pad`. `to`
// may be `from`, when its rows are no further apart.
inline void pair_columns(HalfPair* to, int64_t to_stride, const float* from, int64_t stride, int64_t n, int64_t k,
                         float pad) noexcept {
  for (int64_t p = 0; p < k; p += 2) {
    for (int64_t j = 0; j < n; j += V16::kLanes) {
      const float* const at = from + p * stride + j;
      const V16 second = p + 1 < k ? V16::load(at + stride) : V16(pad);
      store_pairs(to + p / 2 * to_stride + j, join_pairs(words(V16::load(at)), words(second)));
    }
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
#endif
