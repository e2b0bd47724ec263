// x86-64 with AVX-512 F, BW, DQ and VL: 64-byte registers, masks in mask registers. Part of cpu/vec.h.
#pragma once
#include <immintrin.h>

#include "cpu/vec_raw.h"

// The maskz forms with a full mask compile to the plain instruction; the plain forms of some compilers' headers read an
// uninitialized register on purpose, which -Werror does not forgive.
namespace ckeras::CKERAS_ISA {

inline constexpr int kRegisterBytes = 64;

template <int W, int N>
struct Mask {
  static_assert(W * N == kRegisterBytes);
  static constexpr int kLanes = N;
  static constexpr uint32_t kAll = (1u << N) - 1;

  uint32_t bits;

  static CKERAS_MEMBER Mask from_bytes(const uint8_t* p) {
    const __m128i bytes = N == 16 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))
                                  : _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return {_mm_test_epi8_mask(bytes, bytes)};
  }
  CKERAS_MEMBER void store_bytes(uint8_t* p) const {
    const __m128i bytes = _mm_maskz_set1_epi8(static_cast<__mmask16>(bits), 1);
    if constexpr (N == 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
    } else {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(p), bytes);
    }
  }
  CKERAS_MEMBER bool any() const { return bits != 0; }
  CKERAS_MEMBER bool all() const { return bits == kAll; }

  friend CKERAS_MEMBER Mask operator&(Mask a, Mask b) { return {a.bits & b.bits}; }
  friend CKERAS_MEMBER Mask operator|(Mask a, Mask b) { return {a.bits | b.bits}; }
  friend CKERAS_MEMBER Mask operator^(Mask a, Mask b) { return {a.bits ^ b.bits}; }
  friend CKERAS_MEMBER Mask operator!(Mask a) { return {a.bits ^ kAll}; }
};

using F16 = Raw<float, 16>;
using D8 = Raw<double, 8>;
using M32 = Mask<4, 16>;
using M64 = Mask<8, 8>;

CKERAS_INLINE M32 less_raw(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)}; }
CKERAS_INLINE M64 less_raw(D8 a, D8 b) { return {_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ)}; }
CKERAS_INLINE M32 less_equal_raw(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ)}; }
CKERAS_INLINE M64 less_equal_raw(D8 a, D8 b) { return {_mm512_cmp_pd_mask(a, b, _CMP_LE_OQ)}; }
CKERAS_INLINE M32 equal_raw(F16 a, F16 b) { return {_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ)}; }
CKERAS_INLINE M64 equal_raw(D8 a, D8 b) { return {_mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ)}; }
CKERAS_INLINE M32 less_raw(Raw<int32_t, 16> a, Raw<int32_t, 16> b) {
  return {_mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b)};
}
CKERAS_INLINE M64 less_raw(Raw<int64_t, 8> a, Raw<int64_t, 8> b) {
  return {_mm512_cmplt_epi64_mask((__m512i)a, (__m512i)b)};
}
CKERAS_INLINE M32 less_equal_raw(Raw<int32_t, 16> a, Raw<int32_t, 16> b) {
  return {_mm512_cmple_epi32_mask((__m512i)a, (__m512i)b)};
}
CKERAS_INLINE M64 less_equal_raw(Raw<int64_t, 8> a, Raw<int64_t, 8> b) {
  return {_mm512_cmple_epi64_mask((__m512i)a, (__m512i)b)};
}
CKERAS_INLINE M32 equal_raw(Raw<int32_t, 16> a, Raw<int32_t, 16> b) {
  return {_mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b)};
}
CKERAS_INLINE M64 equal_raw(Raw<int64_t, 8> a, Raw<int64_t, 8> b) {
  return {_mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b)};
}
template <class M, class V>
CKERAS_INLINE V select_raw(M m, V a, V b) {
  if constexpr (M::kLanes == 16) {
    return (V)_mm512_mask_blend_epi32(static_cast<__mmask16>(m.bits), (__m512i)b, (__m512i)a);
  } else {
    return (V)_mm512_mask_blend_epi64(static_cast<__mmask8>(m.bits), (__m512i)b, (__m512i)a);
  }
}

CKERAS_INLINE F16 fma_raw(F16 a, F16 b, F16 c) { return _mm512_fmadd_ps(a, b, c); }
CKERAS_INLINE D8 fma_raw(D8 a, D8 b, D8 c) { return _mm512_fmadd_pd(a, b, c); }
CKERAS_INLINE Raw<float, 8> fma_raw(Raw<float, 8> a, Raw<float, 8> b, Raw<float, 8> c) {
  return _mm256_fmadd_ps(a, b, c);
}
CKERAS_INLINE Raw<double, 4> fma_raw(Raw<double, 4> a, Raw<double, 4> b, Raw<double, 4> c) {
  return _mm256_fmadd_pd(a, b, c);
}
CKERAS_INLINE F16 fnma_raw(F16 a, F16 b, F16 c) { return _mm512_fnmadd_ps(a, b, c); }
CKERAS_INLINE D8 fnma_raw(D8 a, D8 b, D8 c) { return _mm512_fnmadd_pd(a, b, c); }
// The second operand when they are equal or unordered.
CKERAS_INLINE F16 max_raw(F16 a, F16 b) { return _mm512_maskz_max_ps(0xffff, a, b); }
CKERAS_INLINE D8 max_raw(D8 a, D8 b) { return _mm512_maskz_max_pd(0xff, a, b); }
CKERAS_INLINE F16 min_raw(F16 a, F16 b) { return _mm512_maskz_min_ps(0xffff, a, b); }
CKERAS_INLINE D8 min_raw(D8 a, D8 b) { return _mm512_maskz_min_pd(0xff, a, b); }

// x * 2^floor(n)
CKERAS_INLINE F16 scale_raw(F16 x, F16 n) { return _mm512_maskz_scalef_ps(0xffff, x, n); }
CKERAS_INLINE D8 scale_raw(D8 x, D8 n) { return _mm512_maskz_scalef_pd(0xff, x, n); }
CKERAS_INLINE F16 sqrt_raw(F16 v) { return _mm512_maskz_sqrt_ps(0xffff, v); }
CKERAS_INLINE D8 sqrt_raw(D8 v) { return _mm512_maskz_sqrt_pd(0xff, v); }
CKERAS_INLINE F16 round_raw(F16 v) { return _mm512_maskz_roundscale_ps(0xffff, v, 8); }
CKERAS_INLINE D8 round_raw(D8 v) { return _mm512_maskz_roundscale_pd(0xff, v, 8); }
CKERAS_INLINE F16 floor_raw(F16 v) { return _mm512_maskz_roundscale_ps(0xffff, v, 9); }
CKERAS_INLINE D8 floor_raw(D8 v) { return _mm512_maskz_roundscale_pd(0xff, v, 9); }
CKERAS_INLINE F16 ceil_raw(F16 v) { return _mm512_maskz_roundscale_ps(0xffff, v, 10); }
CKERAS_INLINE D8 ceil_raw(D8 v) { return _mm512_maskz_roundscale_pd(0xff, v, 10); }
CKERAS_INLINE F16 trunc_raw(F16 v) { return _mm512_maskz_roundscale_ps(0xffff, v, 11); }
CKERAS_INLINE D8 trunc_raw(D8 v) { return _mm512_maskz_roundscale_pd(0xff, v, 11); }

template <int N>
CKERAS_INLINE uint32_t first_lanes(int64_t n) {
  return n <= 0 ? 0u : n >= N ? (1u << N) - 1 : (1u << n) - 1;
}
// Of half a register.
template <class T, int N>
CKERAS_INLINE Raw<T, N> load_half(const T* p, int64_t n) {
  if constexpr (N == 8) {
    return (Raw<T, N>)_mm256_maskz_loadu_epi32(static_cast<__mmask8>(first_lanes<N>(n)), p);
  } else {
    return (Raw<T, N>)_mm256_maskz_loadu_epi64(static_cast<__mmask8>(first_lanes<N>(n)), p);
  }
}
template <class T, class V>
CKERAS_INLINE void store_half(T* p, V v, int64_t n) {
  if constexpr (sizeof(T) == 4) {
    _mm256_mask_storeu_epi32(p, static_cast<__mmask8>(first_lanes<8>(n)), (__m256i)v);
  } else {
    _mm256_mask_storeu_epi64(p, static_cast<__mmask8>(first_lanes<4>(n)), (__m256i)v);
  }
}
template <class T, int N>
CKERAS_INLINE Raw<T, N> load_first(const T* p, int64_t n) {
  if constexpr (sizeof(T) * N == 32) {
    return load_half<T, N>(p, n);
  } else if constexpr (N == 16) {
    return (Raw<T, N>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>(first_lanes<N>(n)), p);
  } else {
    return (Raw<T, N>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>(first_lanes<N>(n)), p);
  }
}
template <class T, class V>
CKERAS_INLINE void store_first(T* p, V v, int64_t n) {
  if constexpr (sizeof(V) == 32) {
    store_half(p, v, n);
  } else if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(first_lanes<16>(n)), (__m512i)v);
  } else {
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(first_lanes<8>(n)), (__m512i)v);
  }
}

// Of the low halves of the lanes.
CKERAS_INLINE Raw<uint64_t, 8> mul_even_raw(Raw<uint64_t, 8> a, Raw<uint64_t, 8> b) {
  return (Raw<uint64_t, 8>)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
}

CKERAS_INLINE F16 from_f16_raw(Raw<uint16_t, 16> h) { return _mm512_maskz_cvtph_ps(0xffff, (__m256i)h); }
CKERAS_INLINE Raw<uint16_t, 16> to_f16_raw(F16 v) { return (Raw<uint16_t, 16>)_mm512_maskz_cvtps_ph(0xffff, v, 0); }

}  // namespace ckeras::CKERAS_ISA
