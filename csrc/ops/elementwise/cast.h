// Conversions between all dtypes, as tiles. Only for elementwise.isa.cpp.
//
// Float to integer truncates, saturates, and makes 0 of NaN; integer to integer wraps; anything to bool is "not 0"; to
// a half rounds to nearest even, from float64 as well in one rounding.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "cpu/half.h"
#include "cpu/vec.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {

struct Cast;

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
  return float_of(__builtin_fabs(back) > __builtin_fabs(x) ? bits - 1 : bits + 1);
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
    return {static_cast<uint8_t>(x != 0)};
  }
};
template <>
struct Convert<F16> {
  template <class From>
  static CKERAS_MEMBER F16 from(From x) {
    return {f32_to_f16(before_half(x))};
  }
};
template <>
struct Convert<BF16> {
  template <class From>
  static CKERAS_MEMBER BF16 from(From x) {
    return {f32_to_bf16(before_half(x))};
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

// Never in place where the sizes differ: the fused loop sees to that.
template <int kFrom, int kTo>
void cast_tile(void* out, const void* const* in, int64_t n) noexcept {
  using From = typename ElementOf<kFrom>::type;
  using To = typename ElementOf<kTo>::type;
  const From* a = static_cast<const From*>(in[0]);
  To* r = static_cast<To*>(out);
  CKERAS_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) r[i] = Convert<To>::from(number(a[i]));
}

template <int kSize>
void copy_tile(void* out, const void* const* in, int64_t n) noexcept {
  __builtin_memmove(out, in[0], static_cast<size_t>(n * kSize));
}

// Between a half and float32, sixteen at a time.
template <V16 (*kLoad)(const uint16_t*)>
void widen_tile(void* out, const void* const* in, int64_t n) noexcept {
  const uint16_t* a = static_cast<const uint16_t*>(in[0]);
  float* r = static_cast<float*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) kLoad(a + i).store(r + i);
  if (i < n) {
    uint16_t last[16] = {};
    __builtin_memcpy(last, a + i, static_cast<size_t>(n - i) * 2);
    kLoad(last).store(r + i, n - i);
  }
}
template <void (*kStore)(uint16_t*, V16)>
void round_tile(void* out, const void* const* in, int64_t n) noexcept {
  const float* a = static_cast<const float*>(in[0]);
  uint16_t* r = static_cast<uint16_t*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) kStore(r + i, load(a + i));
  if (i < n) {
    uint16_t last[16];
    kStore(last, load(a + i, n - i));
    __builtin_memcpy(r + i, last, static_cast<size_t>(n - i) * 2);
  }
}

struct CastTiles {
  TileFn fn[kDTypes * kDTypes] = {};

  template <int kFrom, int... kTo>
  constexpr void set_row(Indices<kTo...>) {
    ((fn[kFrom * kDTypes + kTo] = cast_tile<kFrom, kTo>), ...);
  }
  template <int... kFrom>
  constexpr void set_rows(Indices<kFrom...>) {
    (set_row<kFrom>(IndicesTo<kDTypes>{}), ...);
  }
  constexpr void set(DType from, DType to, TileFn f) {
    fn[static_cast<int>(from) * kDTypes + static_cast<int>(to)] = f;
  }

  constexpr CastTiles() {
    set_rows(IndicesTo<kDTypes>{});
    constexpr TileFn copies[9] = {nullptr, copy_tile<1>, copy_tile<2>, nullptr,     copy_tile<4>,
                                  nullptr, nullptr,      nullptr,      copy_tile<8>};
    for (int d = 0; d < kDTypes; ++d) fn[d * kDTypes + d] = copies[kDTypeSizes[d]];
    set(DType::F16, DType::F32, widen_tile<load_f16>);
    set(DType::BF16, DType::F32, widen_tile<load_bf16>);
    set(DType::F32, DType::F16, round_tile<store_f16>);
    set(DType::F32, DType::BF16, round_tile<store_bf16>);
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
