// The SIMD types. V16 has sixteen float lanes on every processor: one AVX-512 register, two AVX2, four NEON. So code
// written once gives the same bits everywhere. Only for .isa.cpp files.
//
//   V16 float   V8 double   I16 int32   L8 int64      M16 masks of V16 and I16, M8 of V8 and L8
//
//   V16::load(p), V16::load(p, n)   n lanes from memory of any alignment; the rest 0. n may be 0 or negative or too
//   large v.store(p), v.store(p, n)       likewise V16(x)                          a splat, implicit from the lane
//   type; V16::iota(first)
//   + - * / < > <= >= == != select(m, a, b), masks: & | ^ ! m.any() m.all() M16::from_bytes(p) m.store_bytes(p)
//   fma(a, b, c) = a * b + c, fnma(a, b, c) = c - a * b, max min (NaN wins), larger smaller (of NaN, the second)
//
//   sqrt floor ceil round (half to even) trunc abs copysign isnan
//
//   integers also & | ^ ~ << >> shift_right_logical; int32 mul_even odd_lanes pair_lanes
//
//   as_int as_float the bits; to_int to_float to_double to_single the value (see below)
//
//   reduce_add reduce_max reduce_min  lane i + lane i+8, then i+4, i+2, i+1 (V8: 4, 2, 1), and so max and min
//
//   load_f16 load_bf16 store_f16 store_bf16  sixteen halves widened, or rounded to nearest even
//
// Zeros keep their signs and NaNs stay NaN alike on every ISA; which NaN is not fixed.
#pragma once
#include <cstdint>

#include "base/inline.h"

#ifndef CKERAS_ISA
#error "cpu/vec.h is for .isa.cpp files, which are compiled with CKERAS_ISA set"
#endif

#if defined(CKERAS_ISA_CUDA)
#include "cuda/lane.h"  // the same names, one lane wide
#else
#if defined(CKERAS_ISA_AVX512)
#include "cpu/vec_avx512.h"
#elif defined(CKERAS_ISA_AVX2)
#include "cpu/vec_avx2.h"
#elif defined(CKERAS_ISA_NEON)
#include "cpu/vec_neon.h"
#else
#include "cpu/vec_generic.h"
#endif
#include "cpu/vec_reg.h"

namespace ckeras::CKERAS_ISA {

// N lanes of T as one register or a tree of pairs.
template <class T, int N, bool kFits = (sizeof(T) * N <= kRegisterBytes)>
struct VecType {
  using type = Reg<T, N>;
};
template <class T, int N>
struct VecType<T, N, false> {
  using type = Pair<typename VecType<T, N / 2>::type>;
};
template <class T, int N>
using Vec = typename VecType<T, N>::type;

using V16 = Vec<float, 16>;
using V8 = Vec<double, 8>;
using I16 = Vec<int32_t, 16>;
using L8 = Vec<int64_t, 8>;
using M16 = V16::M;
using M8 = V8::M;

CKERAS_INLINE V16 load(const float* p) { return V16::load(p); }
CKERAS_INLINE V8 load(const double* p) { return V8::load(p); }
CKERAS_INLINE I16 load(const int32_t* p) { return I16::load(p); }
CKERAS_INLINE L8 load(const int64_t* p) { return L8::load(p); }
CKERAS_INLINE V16 load(const float* p, int64_t n) { return V16::load(p, n); }
CKERAS_INLINE V8 load(const double* p, int64_t n) { return V8::load(p, n); }
CKERAS_INLINE I16 load(const int32_t* p, int64_t n) { return I16::load(p, n); }
CKERAS_INLINE L8 load(const int64_t* p, int64_t n) { return L8::load(p, n); }

// The vector of a lane type: VecOf<float> is V16.
template <class T>
using VecOf = Vec<T, 64 / static_cast<int>(sizeof(T))>;

// ---- between floats and integers

template <int N>
CKERAS_INLINE Reg<float, N> as_float(Reg<int32_t, N> a) {
  return Reg<float, N>::from((Raw<float, N>)a.r);
}
template <int N>
CKERAS_INLINE Reg<double, N> as_float(Reg<int64_t, N> a) {
  return Reg<double, N>::from((Raw<double, N>)a.r);
}
// Towards zero; defined for |a| < 2^31.
template <int N>
CKERAS_INLINE Reg<int32_t, N> to_int(Reg<float, N> a) {
  return Reg<int32_t, N>::from(__builtin_convertvector(a.r, Raw<int32_t, N>));
}
template <int N>
CKERAS_INLINE Reg<float, N> to_float(Reg<int32_t, N> a) {
  return Reg<float, N>::from(__builtin_convertvector(a.r, Raw<float, N>));
}
// Towards zero; defined for |a| < 2^51: 1.5 * 2^52 is added, and the low bits are the integer.
template <int N>
CKERAS_INLINE Reg<int64_t, N> to_int(Reg<double, N> a) {
  const Reg<double, N> magic = 6755399441055744.0;
  return as_int(trunc(a) + magic) - as_int(magic);
}
// Exact for |a| < 2^51; not defined beyond.
template <int N>
CKERAS_INLINE Reg<double, N> to_float(Reg<int64_t, N> a) {
  const Reg<double, N> magic = 6755399441055744.0;
  return as_float(a + as_int(magic)) - magic;
}
template <class H>
CKERAS_INLINE auto as_float(Pair<H> a) {
  return Pair<decltype(as_float(a.lo))>(as_float(a.lo), as_float(a.hi));
}
template <class H>
CKERAS_INLINE auto to_int(Pair<H> a) {
  return Pair<decltype(to_int(a.lo))>(to_int(a.lo), to_int(a.hi));
}
template <class H>
CKERAS_INLINE auto to_float(Pair<H> a) {
  return Pair<decltype(to_float(a.lo))>(to_float(a.lo), to_float(a.hi));
}

// Sixteen floats as doubles, eight in each half; and back, rounded.
using W16 = Pair<V8>;
template <int N, int... I>
CKERAS_INLINE Pair<Reg<double, N / 2> > widen_halves(Reg<float, N> a, Indices<I...>) {
  using D = Reg<double, N / 2>;
  return {D::from(__builtin_convertvector(__builtin_shufflevector(a.r, a.r, I...), Raw<double, N / 2>)),
          D::from(__builtin_convertvector(__builtin_shufflevector(a.r, a.r, (I + N / 2)...), Raw<double, N / 2>))};
}
template <int N, int... I>
CKERAS_INLINE Reg<float, N> narrow_halves(Pair<Reg<double, N / 2> > a, Indices<I...>) {
  return Reg<float, N>::from(__builtin_shufflevector(__builtin_convertvector(a.lo.r, Raw<float, N / 2>),
                                                     __builtin_convertvector(a.hi.r, Raw<float, N / 2>), I...));
}
template <int N>
CKERAS_INLINE auto to_double(Reg<float, N> a) {
  return widen_halves(a, IndicesTo<N / 2>{});
}
template <class H>
CKERAS_INLINE auto to_double(Pair<H> a) {
  return Pair<decltype(to_double(a.lo))>(to_double(a.lo), to_double(a.hi));
}
template <int N>
CKERAS_INLINE Reg<float, 2 * N> to_single(Pair<Reg<double, N> > a) {
  return narrow_halves<2 * N>(a, IndicesTo<2 * N>{});
}
template <class H>
CKERAS_INLINE auto to_single(Pair<Pair<H> > a) {
  return Pair<decltype(to_single(a.lo))>(to_single(a.lo), to_single(a.hi));
}

// ---- across the lanes

template <int H, class F, class T, int N>
CKERAS_INLINE T reduce_tree(Reg<T, N> v, F f) {
  if constexpr (H == 0) {
    return v.r[0];
  } else {
    return reduce_tree<H / 2>(f(v, v.template rotate<H>()), f);
  }
}
template <class T, int N, class F>
CKERAS_INLINE T reduce(Reg<T, N> v, F f) {
  return reduce_tree<N / 2>(v, f);
}
template <class H, class F>
CKERAS_INLINE typename H::Lane reduce(Pair<H> v, F f) {
  return reduce(f(v.lo, v.hi), f);
}
template <class V>
CKERAS_INLINE typename V::Lane reduce_add(V v) {
  return reduce(v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}
template <class V>
CKERAS_INLINE typename V::Lane reduce_max(V v) {
  return reduce(v, [](auto a, auto b) __attribute__((always_inline)) { return max(a, b); });
}
template <class V>
CKERAS_INLINE typename V::Lane reduce_min(V v) {
  return reduce(v, [](auto a, auto b) __attribute__((always_inline)) { return min(a, b); });
}

// ---- halves

template <int N>
CKERAS_INLINE void widen_f16(const uint16_t* p, Reg<float, N>& v) {
  v.r = from_f16_raw(load_raw<uint16_t, N>(p));
}
template <int N>
CKERAS_INLINE void round_f16(uint16_t* p, Reg<float, N> v) {
  store_raw(p, to_f16_raw(v.r));
}
template <int N>
CKERAS_INLINE void widen_bf16(const uint16_t* p, Reg<float, N>& v) {
  v = as_float(Reg<int32_t, N>::from(__builtin_convertvector(load_raw<uint16_t, N>(p), Raw<int32_t, N>)) << 16);
}
template <int N>
CKERAS_INLINE void round_bf16(uint16_t* p, Reg<float, N> v) {
  using I = Reg<int32_t, N>;
  const I bits = as_int(v);
  const I odd = shift_right_logical(bits, 16) & I(1);
  const I rounded = select(isnan(v), bits | I(0x400000), bits + I(0x7fff) + odd);
  store_raw(p, __builtin_convertvector(shift_right_logical(rounded, 16).r, Raw<uint16_t, N>));
}
template <class H>
CKERAS_INLINE void widen_f16(const uint16_t* p, Pair<H>& v) {
  widen_f16(p, v.lo);
  widen_f16(p + H::kLanes, v.hi);
}
template <class H>
CKERAS_INLINE void round_f16(uint16_t* p, Pair<H> v) {
  round_f16(p, v.lo);
  round_f16(p + H::kLanes, v.hi);
}
template <class H>
CKERAS_INLINE void widen_bf16(const uint16_t* p, Pair<H>& v) {
  widen_bf16(p, v.lo);
  widen_bf16(p + H::kLanes, v.hi);
}
template <class H>
CKERAS_INLINE void round_bf16(uint16_t* p, Pair<H> v) {
  round_bf16(p, v.lo);
  round_bf16(p + H::kLanes, v.hi);
}
CKERAS_INLINE V16 load_f16(const uint16_t* p) {
  V16 v;
  widen_f16(p, v);
  return v;
}
CKERAS_INLINE V16 load_bf16(const uint16_t* p) {
  V16 v;
  widen_bf16(p, v);
  return v;
}
CKERAS_INLINE void store_f16(uint16_t* p, V16 v) { round_f16(p, v); }
CKERAS_INLINE void store_bf16(uint16_t* p, V16 v) { round_bf16(p, v); }

// ---- one at a time, with the rounding of the vectors

#if defined(__FMA__) || defined(__aarch64__)
inline constexpr bool kFusedMultiplyAdd = true;
#else
inline constexpr bool kFusedMultiplyAdd = false;
#endif
CKERAS_INLINE float fma(float a, float b, float c) { return kFusedMultiplyAdd ? __builtin_fmaf(a, b, c) : a * b + c; }
CKERAS_INLINE double fma(double a, double b, double c) {
  return kFusedMultiplyAdd ? __builtin_fma(a, b, c) : a * b + c;
}

// NaN wins, of equals the second.
CKERAS_INLINE float max(float a, float b) { return a != a || a > b ? a : b; }
CKERAS_INLINE double max(double a, double b) { return a != a || a > b ? a : b; }
CKERAS_INLINE float min(float a, float b) { return a != a || a < b ? a : b; }
CKERAS_INLINE double min(double a, double b) { return a != a || a < b ? a : b; }

}  // namespace ckeras::CKERAS_ISA
#endif
