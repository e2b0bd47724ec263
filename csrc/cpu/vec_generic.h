// Plain x86-64, or any processor without an instruction set of its own here: 16-byte vectors of the compiler.
// No fused multiply-add: fma(a, b, c) rounds twice unless the target has the instruction. Part of cpu/vec.h.
#pragma once
#include "cpu/half.h"
#include "cpu/vec_partial.h"

namespace ckeras::CKERAS_ISA {

inline constexpr int kRegisterBytes = 16;

template <class V>
CKERAS_INLINE V fma_raw(V a, V b, V c) {
  return a * b + c;
}
template <class V>
CKERAS_INLINE V fnma_raw(V a, V b, V c) {
  return c - a * b;
}
// As the x86 instructions: the second operand when they are equal or unordered.
template <class V>
CKERAS_INLINE V max_raw(V a, V b) {
  return a > b ? a : b;
}
template <class V>
CKERAS_INLINE V min_raw(V a, V b) {
  return a < b ? a : b;
}

CKERAS_INLINE Raw<float, 4> sqrt_raw(Raw<float, 4> v) {
  for (int i = 0; i < 4; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}
CKERAS_INLINE Raw<double, 2> sqrt_raw(Raw<double, 2> v) {
  for (int i = 0; i < 2; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
}

// Half to even, by adding and taking away 2^(mantissa bits). What is that large already is whole; zeros keep their
// sign.
template <class T, class V>
CKERAS_INLINE V round_to_even(V v, T whole) {
  using I = Raw<IntOf<T>, sizeof(V) / sizeof(T)>;
  const IntOf<T> sign_bit = static_cast<IntOf<T>>(UintOf<T>{1} << (sizeof(T) * 8 - 1));
  const V magnitude = (V)((I)v & ~sign_bit);
  const V rounded = (V)((I)((magnitude + whole) - whole) | ((I)v & sign_bit));
  return magnitude < whole ? rounded : v;
}
CKERAS_INLINE Raw<float, 4> round_raw(Raw<float, 4> v) { return round_to_even(v, 8388608.0f); }
CKERAS_INLINE Raw<double, 2> round_raw(Raw<double, 2> v) { return round_to_even(v, 4503599627370496.0); }

template <class V>
CKERAS_INLINE V floor_raw(V v) {
  const V r = round_raw(v);
  return r > v ? r - 1 : r;
}
template <class V>
CKERAS_INLINE V ceil_raw(V v) {
  return -floor_raw(-v);
}
template <class V>
CKERAS_INLINE V trunc_raw(V v) {
  return v < 0 ? ceil_raw(v) : floor_raw(v);
}

// Of the low halves of the lanes.
CKERAS_INLINE Raw<uint64_t, 2> mul_even_raw(Raw<uint64_t, 2> a, Raw<uint64_t, 2> b) {
  return (a & 0xffffffff) * (b & 0xffffffff);
}

CKERAS_INLINE Raw<float, 4> from_f16_raw(Raw<uint16_t, 4> h) {
  Raw<float, 4> v;
  for (int i = 0; i < 4; ++i) v[i] = f16_to_f32(h[i]);
  return v;
}
CKERAS_INLINE Raw<uint16_t, 4> to_f16_raw(Raw<float, 4> v) {
  Raw<uint16_t, 4> h;
  for (int i = 0; i < 4; ++i) h[i] = f32_to_f16(v[i]);
  return h;
}

}  // namespace ckeras::CKERAS_ISA
