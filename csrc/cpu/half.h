// float16 and bfloat16 one at a time: plain integer code, the same on every processor and with denormals flushed.
// Rounding is to nearest, ties to even; NaN stays NaN. Included by .isa.cpp files.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras {

CKERAS_INLINE uint32_t bits_of(float f) { return __builtin_bit_cast(uint32_t, f); }
CKERAS_INLINE float float_of(uint32_t u) { return __builtin_bit_cast(float, u); }

#if defined(__CUDA_ARCH__)
CKERAS_INLINE uint32_t leading_zeros(uint32_t u) { return static_cast<uint32_t>(__clz(static_cast<int>(u))); }
#else
CKERAS_INLINE uint32_t leading_zeros(uint32_t u) { return static_cast<uint32_t>(__builtin_clz(u)); }  // u not 0
#endif

CKERAS_INLINE float bf16_to_f32(uint16_t h) { return float_of(static_cast<uint32_t>(h) << 16); }
CKERAS_INLINE uint16_t f32_to_bf16(float f) {
  const uint32_t u = bits_of(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

CKERAS_INLINE float f16_to_f32(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 31;
  uint32_t mantissa = h & 0x3ffu;
  if (exponent == 31) return float_of(sign | 0x7f800000u | (mantissa << 13) | (mantissa ? 0x400000u : 0));
  if (exponent != 0) return float_of(sign | ((exponent + 112) << 23) | (mantissa << 13));
  if (mantissa == 0) return float_of(sign);
  const uint32_t shift = leading_zeros(mantissa) - 21;  // brings the leading one to bit 10
  mantissa = (mantissa << shift) & 0x3ffu;
  return float_of(sign | ((113 - shift) << 23) | (mantissa << 13));
}
CKERAS_INLINE uint16_t f32_to_f16(float f) {
  const uint32_t u = bits_of(f);
  const uint32_t sign = (u >> 16) & 0x8000u;
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and more
  if (magnitude >= 0x38800000u) {                                              // normal: 2^-14 and more
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1);
    return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
  }
  if (magnitude <= 0x33000000u) return static_cast<uint16_t>(sign);  // at most 2^-25: a tie goes to zero
  const uint32_t shift = 126 - (magnitude >> 23);                    // 14 ... 24 bits fall off
  const uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  const uint32_t kept = mantissa >> shift;
  const uint32_t lost = mantissa & ((1u << shift) - 1);
  const uint32_t half = 1u << (shift - 1);
  return static_cast<uint16_t>(sign | (kept + (lost > half || (lost == half && (kept & 1)))));
}

}  // namespace ckeras
