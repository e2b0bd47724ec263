// The vectors of cpu/vec.h one lane wide: what a CUDA thread computes with. So vmath.h, functors.h and rules.h are the
// kernels' mathematics too, and give the CPU's bits: sums, products and fma round alike, and denormal float32 numbers
// are flushed (-ftz=true). Denormal float64 numbers are not flushed on a GPU.
#pragma once
#include <math.h>

#include <cstdint>

#include "base/inline.h"
#include "cpu/half.h"

#if defined(__CUDACC__)
#define CKERAS_UNROLL _Pragma("unroll")
#else
#define CKERAS_UNROLL
#endif

namespace ckeras::CKERAS_ISA {

inline constexpr bool kFusedMultiplyAdd = true;

// A mask of one lane.
struct Truth {
  static constexpr int kLanes = 1;
  bool value;

  CKERAS_MEMBER Truth(bool b) : value(b) {}
  CKERAS_MEMBER bool any() const { return value; }
  CKERAS_MEMBER bool all() const { return value; }
  friend CKERAS_MEMBER Truth operator&(Truth a, Truth b) { return a.value && b.value; }
  friend CKERAS_MEMBER Truth operator|(Truth a, Truth b) { return a.value || b.value; }
  friend CKERAS_MEMBER Truth operator^(Truth a, Truth b) { return a.value != b.value; }
  friend CKERAS_MEMBER Truth operator!(Truth a) { return !a.value; }
};

// ---- what only the two precisions tell apart

CKERAS_INLINE float lane_fma(float a, float b, float c) { return ::fmaf(a, b, c); }
CKERAS_INLINE double lane_fma(double a, double b, double c) { return ::fma(a, b, c); }
CKERAS_INLINE float lane_sqrt(float a) { return ::sqrtf(a); }
CKERAS_INLINE double lane_sqrt(double a) { return ::sqrt(a); }
CKERAS_INLINE float lane_floor(float a) { return ::floorf(a); }
CKERAS_INLINE double lane_floor(double a) { return ::floor(a); }
CKERAS_INLINE float lane_ceil(float a) { return ::ceilf(a); }
CKERAS_INLINE double lane_ceil(double a) { return ::ceil(a); }
CKERAS_INLINE float lane_round(float a) { return ::rintf(a); }
CKERAS_INLINE double lane_round(double a) { return ::rint(a); }
CKERAS_INLINE float lane_trunc(float a) { return ::truncf(a); }
CKERAS_INLINE double lane_trunc(double a) { return ::trunc(a); }

template <class T>
struct LaneBits;
template <>
struct LaneBits<float> {
  using Int = int32_t;
  using Uint = uint32_t;
  static constexpr bool kFloat = true;
};
template <>
struct LaneBits<double> {
  using Int = int64_t;
  using Uint = uint64_t;
  static constexpr bool kFloat = true;
};
template <>
struct LaneBits<int32_t> {
  using Int = int32_t;
  using Uint = uint32_t;
  static constexpr bool kFloat = false;
};
template <>
struct LaneBits<int64_t> {
  using Int = int64_t;
  using Uint = uint64_t;
  static constexpr bool kFloat = false;
};

template <class T>
struct One {
  using Lane = T;
  using M = Truth;
  using Int = typename LaneBits<T>::Int;
  using Uint = typename LaneBits<T>::Uint;
  using AsInt = One<Int>;
  static constexpr int kLanes = 1;
  static constexpr bool kFloat = LaneBits<T>::kFloat;

  T x;

  One() = default;
  CKERAS_MEMBER One(T value) : x(value) {}
  static CKERAS_MEMBER One load(const T* p) { return *p; }
  CKERAS_MEMBER void store(T* p) const { *p = x; }

  // Unsigned underneath: integers wrap.
  friend CKERAS_MEMBER One operator+(One a, One b) {
    if constexpr (kFloat)
      return a.x + b.x;
    else
      return static_cast<T>(static_cast<Uint>(a.x) + static_cast<Uint>(b.x));
  }
  friend CKERAS_MEMBER One operator-(One a, One b) {
    if constexpr (kFloat)
      return a.x - b.x;
    else
      return static_cast<T>(static_cast<Uint>(a.x) - static_cast<Uint>(b.x));
  }
  friend CKERAS_MEMBER One operator*(One a, One b) {
    if constexpr (kFloat)
      return a.x * b.x;
    else
      return static_cast<T>(static_cast<Uint>(a.x) * static_cast<Uint>(b.x));
  }
  friend CKERAS_MEMBER One operator/(One a, One b) { return a.x / b.x; }
  friend CKERAS_MEMBER One operator-(One a) {
    if constexpr (kFloat)
      return -a.x;
    else
      return static_cast<T>(Uint{0} - static_cast<Uint>(a.x));
  }

  friend CKERAS_MEMBER M operator<(One a, One b) { return a.x < b.x; }
  friend CKERAS_MEMBER M operator>(One a, One b) { return a.x > b.x; }
  friend CKERAS_MEMBER M operator<=(One a, One b) { return a.x <= b.x; }
  friend CKERAS_MEMBER M operator>=(One a, One b) { return a.x >= b.x; }
  friend CKERAS_MEMBER M operator==(One a, One b) { return a.x == b.x; }
  friend CKERAS_MEMBER M operator!=(One a, One b) { return a.x != b.x; }
  friend CKERAS_MEMBER One select(M m, One a, One b) { return m.value ? a : b; }

  // ---- integers
  friend CKERAS_MEMBER One operator&(One a, One b) { return a.x & b.x; }
  friend CKERAS_MEMBER One operator|(One a, One b) { return a.x | b.x; }
  friend CKERAS_MEMBER One operator^(One a, One b) { return a.x ^ b.x; }
  friend CKERAS_MEMBER One operator~(One a) { return ~a.x; }
  friend CKERAS_MEMBER One operator<<(One a, int n) { return static_cast<T>(static_cast<Uint>(a.x) << n); }
  friend CKERAS_MEMBER One operator>>(One a, int n) { return a.x >> n; }
  friend CKERAS_MEMBER One shift_right_logical(One a, int n) { return static_cast<T>(static_cast<Uint>(a.x) >> n); }

  // ---- floats
  friend CKERAS_MEMBER One fma(One a, One b, One c) { return lane_fma(a.x, b.x, c.x); }
  friend CKERAS_MEMBER One fnma(One a, One b, One c) { return lane_fma(-a.x, b.x, c.x); }
  // NaN wins; of two equal zeros, the second.
  friend CKERAS_MEMBER One max(One a, One b) { return a.x != a.x || a.x > b.x ? a : b; }
  friend CKERAS_MEMBER One min(One a, One b) { return a.x != a.x || a.x < b.x ? a : b; }
  // The second where they are equal or one is NaN.
  friend CKERAS_MEMBER One larger(One a, One b) { return a.x > b.x ? a : b; }
  friend CKERAS_MEMBER One smaller(One a, One b) { return a.x < b.x ? a : b; }
  friend CKERAS_MEMBER One sqrt(One a) { return lane_sqrt(a.x); }
  friend CKERAS_MEMBER One floor(One a) { return lane_floor(a.x); }
  friend CKERAS_MEMBER One ceil(One a) { return lane_ceil(a.x); }
  friend CKERAS_MEMBER One round(One a) { return lane_round(a.x); }  // half to even
  friend CKERAS_MEMBER One trunc(One a) { return lane_trunc(a.x); }
  friend CKERAS_MEMBER One abs(One a) { return from_bits(bits(a) & ~kSignBit); }
  friend CKERAS_MEMBER One copysign(One a, One b) { return from_bits((bits(a) & ~kSignBit) | (bits(b) & kSignBit)); }
  friend CKERAS_MEMBER M isnan(One a) { return a.x != a.x; }
  friend CKERAS_MEMBER AsInt as_int(One a) { return __builtin_bit_cast(Int, a.x); }

 private:
  static constexpr Uint kSignBit = Uint{1} << (sizeof(T) * 8 - 1);
  static CKERAS_MEMBER Uint bits(One a) { return __builtin_bit_cast(Uint, a.x); }
  static CKERAS_MEMBER One from_bits(Uint u) { return __builtin_bit_cast(T, u); }
};

using V16 = One<float>;
using V8 = One<double>;
using I16 = One<int32_t>;
using L8 = One<int64_t>;
using M16 = Truth;
using M8 = Truth;
using W16 = V8;
template <class T>
using VecOf = One<T>;

CKERAS_INLINE V16 as_float(I16 a) { return __builtin_bit_cast(float, a.x); }
CKERAS_INLINE V8 as_float(L8 a) { return __builtin_bit_cast(double, a.x); }
// Towards zero; defined for |a| < 2^31, of float64 for |a| < 2^51.
CKERAS_INLINE I16 to_int(V16 a) { return static_cast<int32_t>(a.x); }
CKERAS_INLINE L8 to_int(V8 a) { return static_cast<int64_t>(a.x); }
CKERAS_INLINE V16 to_float(I16 a) { return static_cast<float>(a.x); }
CKERAS_INLINE V8 to_float(L8 a) { return static_cast<double>(a.x); }
CKERAS_INLINE V8 to_double(V16 a) { return static_cast<double>(a.x); }
CKERAS_INLINE V16 to_single(V8 a) { return static_cast<float>(a.x); }

CKERAS_INLINE V16 load_f16(const uint16_t* p) { return f16_to_f32(*p); }
CKERAS_INLINE V16 load_bf16(const uint16_t* p) { return bf16_to_f32(*p); }
CKERAS_INLINE void store_f16(uint16_t* p, V16 v) { *p = f32_to_f16(v.x); }
CKERAS_INLINE void store_bf16(uint16_t* p, V16 v) { *p = f32_to_bf16(v.x); }

}  // namespace ckeras::CKERAS_ISA
