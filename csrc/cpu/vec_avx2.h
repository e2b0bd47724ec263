// x86-64 with AVX2, FMA and F16C: 32-byte registers. Part of cpu/vec.h.
#pragma once
#include <immintrin.h>

#include "cpu/vec_mask.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int kRegisterBytes = 32;

CKERAS_INLINE Raw<float, 8> fma_raw(Raw<float, 8> a, Raw<float, 8> b, Raw<float, 8> c) {
  return _mm256_fmadd_ps(a, b, c);
}
CKERAS_INLINE Raw<double, 4> fma_raw(Raw<double, 4> a, Raw<double, 4> b, Raw<double, 4> c) {
  return _mm256_fmadd_pd(a, b, c);
}
CKERAS_INLINE Raw<float, 8> fnma_raw(Raw<float, 8> a, Raw<float, 8> b, Raw<float, 8> c) {
  return _mm256_fnmadd_ps(a, b, c);
}
CKERAS_INLINE Raw<double, 4> fnma_raw(Raw<double, 4> a, Raw<double, 4> b, Raw<double, 4> c) {
  return _mm256_fnmadd_pd(a, b, c);
}
// The second operand when they are equal or unordered.
CKERAS_INLINE Raw<float, 8> max_raw(Raw<float, 8> a, Raw<float, 8> b) { return _mm256_max_ps(a, b); }
CKERAS_INLINE Raw<double, 4> max_raw(Raw<double, 4> a, Raw<double, 4> b) { return _mm256_max_pd(a, b); }
CKERAS_INLINE Raw<float, 8> min_raw(Raw<float, 8> a, Raw<float, 8> b) { return _mm256_min_ps(a, b); }
CKERAS_INLINE Raw<double, 4> min_raw(Raw<double, 4> a, Raw<double, 4> b) { return _mm256_min_pd(a, b); }

CKERAS_INLINE Raw<float, 8> sqrt_raw(Raw<float, 8> v) { return _mm256_sqrt_ps(v); }
CKERAS_INLINE Raw<double, 4> sqrt_raw(Raw<double, 4> v) { return _mm256_sqrt_pd(v); }
CKERAS_INLINE Raw<float, 8> round_raw(Raw<float, 8> v) { return _mm256_round_ps(v, 8); }
CKERAS_INLINE Raw<double, 4> round_raw(Raw<double, 4> v) { return _mm256_round_pd(v, 8); }
CKERAS_INLINE Raw<float, 8> floor_raw(Raw<float, 8> v) { return _mm256_round_ps(v, 9); }
CKERAS_INLINE Raw<double, 4> floor_raw(Raw<double, 4> v) { return _mm256_round_pd(v, 9); }
CKERAS_INLINE Raw<float, 8> ceil_raw(Raw<float, 8> v) { return _mm256_round_ps(v, 10); }
CKERAS_INLINE Raw<double, 4> ceil_raw(Raw<double, 4> v) { return _mm256_round_pd(v, 10); }
CKERAS_INLINE Raw<float, 8> trunc_raw(Raw<float, 8> v) { return _mm256_round_ps(v, 11); }
CKERAS_INLINE Raw<double, 4> trunc_raw(Raw<double, 4> v) { return _mm256_round_pd(v, 11); }

// The first n lanes (any n), as a mask of the sign bits.
template <int W>
CKERAS_INLINE __m256i first_lanes(int64_t n) {
  const int count = n < 0 ? 0 : n > 8 ? 8 : static_cast<int>(n);
  if constexpr (W == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
template <class T, int N>
CKERAS_INLINE Raw<T, N> load_first(const T* p, int64_t n) {
  if constexpr (sizeof(T) == 4) {
    return (Raw<T, N>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), first_lanes<4>(n));
  } else {
    return (Raw<T, N>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), first_lanes<8>(n));
  }
}
template <class T, class V>
CKERAS_INLINE void store_first(T* p, V v, int64_t n) {
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), first_lanes<4>(n), (__m256i)v);
  } else {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), first_lanes<8>(n), (__m256i)v);
  }
}

// Of the low halves of the lanes.
CKERAS_INLINE Raw<uint64_t, 4> mul_even_raw(Raw<uint64_t, 4> a, Raw<uint64_t, 4> b) {
  return (Raw<uint64_t, 4>)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

CKERAS_INLINE Raw<float, 8> from_f16_raw(Raw<uint16_t, 8> h) { return _mm256_cvtph_ps((__m128i)h); }
CKERAS_INLINE Raw<uint16_t, 8> to_f16_raw(Raw<float, 8> v) { return (Raw<uint16_t, 8>)_mm256_cvtps_ph(v, 0); }

}  // namespace ckeras::CKERAS_ISA
