// 64-bit Arm: 16-byte registers. Part of cpu/vec.h.
#pragma once
#include <arm_neon.h>

#include "cpu/vec_partial.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int kRegisterBytes = 16;

using F4 = Raw<float, 4>;
using D2 = Raw<double, 2>;

CKERAS_INLINE F4 fma_raw(F4 a, F4 b, F4 c) { return (F4)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
CKERAS_INLINE D2 fma_raw(D2 a, D2 b, D2 c) { return (D2)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
CKERAS_INLINE F4 fnma_raw(F4 a, F4 b, F4 c) { return (F4)vfmsq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
CKERAS_INLINE D2 fnma_raw(D2 a, D2 b, D2 c) { return (D2)vfmsq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
// As the x86 instructions: the second operand when they are equal or unordered.
template <class V>
CKERAS_INLINE V max_raw(V a, V b) {
  return a > b ? a : b;
}
template <class V>
CKERAS_INLINE V min_raw(V a, V b) {
  return a < b ? a : b;
}

CKERAS_INLINE F4 sqrt_raw(F4 v) { return (F4)vsqrtq_f32((float32x4_t)v); }
CKERAS_INLINE D2 sqrt_raw(D2 v) { return (D2)vsqrtq_f64((float64x2_t)v); }
CKERAS_INLINE F4 round_raw(F4 v) { return (F4)vrndnq_f32((float32x4_t)v); }
CKERAS_INLINE D2 round_raw(D2 v) { return (D2)vrndnq_f64((float64x2_t)v); }
CKERAS_INLINE F4 floor_raw(F4 v) { return (F4)vrndmq_f32((float32x4_t)v); }
CKERAS_INLINE D2 floor_raw(D2 v) { return (D2)vrndmq_f64((float64x2_t)v); }
CKERAS_INLINE F4 ceil_raw(F4 v) { return (F4)vrndpq_f32((float32x4_t)v); }
CKERAS_INLINE D2 ceil_raw(D2 v) { return (D2)vrndpq_f64((float64x2_t)v); }
CKERAS_INLINE F4 trunc_raw(F4 v) { return (F4)vrndq_f32((float32x4_t)v); }
CKERAS_INLINE D2 trunc_raw(D2 v) { return (D2)vrndq_f64((float64x2_t)v); }

// Of the low halves of the lanes.
CKERAS_INLINE Raw<uint64_t, 2> mul_even_raw(Raw<uint64_t, 2> a, Raw<uint64_t, 2> b) {
  return (Raw<uint64_t, 2>)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b));
}

CKERAS_INLINE F4 from_f16_raw(Raw<uint16_t, 4> h) { return (F4)vcvt_f32_f16((float16x4_t)h); }
CKERAS_INLINE Raw<uint16_t, 4> to_f16_raw(F4 v) { return (Raw<uint16_t, 4>)vcvt_f16_f32((float32x4_t)v); }

}  // namespace ckeras::CKERAS_ISA
