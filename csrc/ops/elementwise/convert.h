// Conversions between all dtypes, one element at a time: Convert<To>::from(number(x)).
//
// Float to integer truncates, saturates, and makes 0 of NaN; integer to integer wraps; anything to bool is "not 0"; to
// a half rounds to nearest even, from float64 as well in one rounding.
#pragma once
#include <cstdint>

#include "base/dtype.h"
#include "cpu/half.h"

namespace ckeras::CKERAS_ISA {
namespace {

struct Bool {
  uint8_t value;
};
struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};

// Indexed by DType.
template <int D>
struct ElementOf;
template <>
struct ElementOf<0> {
  using type = Bool;
};
template <>
struct ElementOf<1> {
  using type = int8_t;
};
template <>
struct ElementOf<2> {
  using type = int16_t;
};
template <>
struct ElementOf<3> {
  using type = int32_t;
};
template <>
struct ElementOf<4> {
  using type = int64_t;
};
template <>
struct ElementOf<5> {
  using type = uint8_t;
};
template <>
struct ElementOf<6> {
  using type = uint16_t;
};
template <>
struct ElementOf<7> {
  using type = uint32_t;
};
template <>
struct ElementOf<8> {
  using type = uint64_t;
};
template <>
struct ElementOf<9> {
  using type = F16;
};
template <>
struct ElementOf<10> {
  using type = BF16;
};
template <>
struct ElementOf<11> {
  using type = float;
};
template <>
struct ElementOf<12> {
  using type = double;
};

template <class T>
CKERAS_INLINE T number(T x) {
  return x;
}
CKERAS_INLINE uint8_t number(Bool x) { return x.value; }
CKERAS_INLINE float number(F16 x) { return f16_to_f32(x.bits); }
CKERAS_INLINE float number(BF16 x) { return bf16_to_f32(x.bits); }

// What a half is rounded from: a float32 that lost nothing the half's rounding could see. An inexact conversion makes
// the last bit odd ("round to odd"), so no tie arises that was none.
CKERAS_INLINE float before_half(float x) { return x; }
CKERAS_INLINE float before_half(double x) {
  const float f = static_cast<float>(x);
  const double back = f;
  const uint32_t bits = bits_of(f);
  if (back == x || x != x || (bits & 1) || (bits & 0x7f800000u) == 0x7f800000u) return f;
  return float_of((x < 0 ? back < x : back > x) ? bits - 1 : bits + 1);
}
template <class T>
CKERAS_INLINE float before_half(T x) {
  return before_half(static_cast<double>(x));
}

template <class To>
struct Convert {
  static constexpr bool kSigned = static_cast<To>(-1) < static_cast<To>(0);
  static constexpr int kBits = 8 * sizeof(To) - kSigned;
  static constexpr To kMost = static_cast<To>(~uint64_t{0} >> (64 - kBits));
  static constexpr To kLeast = kSigned ? static_cast<To>(-kMost - 1) : To{0};

  template <class From>
  static CKERAS_MEMBER To from(From x) {
    if constexpr (static_cast<From>(0.5) == static_cast<From>(0)) {
      return static_cast<To>(x);
    } else {
      constexpr From kEnd = static_cast<From>(uint64_t{1} << (kBits - 1)) * 2;  // the first value that is too large
      if (!(x == x)) return 0;
      if (x >= kEnd) return kMost;
      if (x < static_cast<From>(kLeast)) return kLeast;
      return static_cast<To>(x);
    }
  }
};
template <>
struct Convert<Bool> {
  template <class From>
  static CKERAS_MEMBER Bool from(From x) {
    return Bool{static_cast<uint8_t>(x != 0)};
  }
};
template <>
struct Convert<F16> {
  template <class From>
  static CKERAS_MEMBER F16 from(From x) {
    return F16{f32_to_f16(before_half(x))};
  }
};
template <>
struct Convert<BF16> {
  template <class From>
  static CKERAS_MEMBER BF16 from(From x) {
    return BF16{f32_to_bf16(before_half(x))};
  }
};
template <>
struct Convert<float> {
  template <class From>
  static CKERAS_MEMBER float from(From x) {
    return static_cast<float>(x);
  }
};
template <>
struct Convert<double> {
  template <class From>
  static CKERAS_MEMBER double from(From x) {
    return static_cast<double>(x);
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
