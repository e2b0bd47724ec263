// How a float dtype lies in memory and in which vectors it computes: halves widen to float32. Only for .isa.cpp files.
#pragma once
#include "base/dtype.h"
#include "base/with_integer.h"
#include "cpu/half.h"
#include "cpu/vmath.h"
#include "cpu/whole.h"

namespace ckeras::CKERAS_ISA {

// Element: what memory holds. T, V: what computes. kSmallest: the least positive number that is not flushed to 0. load,
// store: V::kLanes elements or the first n of them, the rest 0.
template <class E>
struct Plain {
  using Element = E;
  using T = E;
  using V = VecOf<E>;
  static constexpr bool kHalf = false;
  static constexpr T kSmallest = FloatTraits<E>::kSmallest;
  static CKERAS_MEMBER V load(const E* p) { return V::load(p); }
  static CKERAS_MEMBER V load(const E* p, int64_t n) { return n >= V::kLanes ? V::load(p) : V::load(p, n); }
  static CKERAS_MEMBER void store(E* p, V v) { v.store(p); }
  static CKERAS_MEMBER void store(E* p, V v, int64_t n) { n >= V::kLanes ? v.store(p) : v.store(p, n); }
  static CKERAS_MEMBER T get(E x) { return x; }
  static CKERAS_MEMBER E put(T x) { return x; }
};
struct F16Bits {
  static constexpr float kSmallest = 0x1p-24f;
  static CKERAS_MEMBER V16 load(const uint16_t* p) { return load_f16(p); }
  static CKERAS_MEMBER void store(uint16_t* p, V16 v) { store_f16(p, v); }
  static CKERAS_MEMBER float get(uint16_t x) { return f16_to_f32(x); }
  static CKERAS_MEMBER uint16_t put(float x) { return f32_to_f16(x); }
};
struct BF16Bits {
  static constexpr float kSmallest = 0x1p-126f;
  static CKERAS_MEMBER V16 load(const uint16_t* p) { return load_bf16(p); }
  static CKERAS_MEMBER void store(uint16_t* p, V16 v) { store_bf16(p, v); }
  static CKERAS_MEMBER float get(uint16_t x) { return bf16_to_f32(x); }
  static CKERAS_MEMBER uint16_t put(float x) { return f32_to_bf16(x); }
};
template <class Bits>
struct Half {
  using Element = uint16_t;
  using T = float;
  using V = V16;
  static constexpr bool kHalf = true;
  static constexpr T kSmallest = Bits::kSmallest;
  static CKERAS_MEMBER V load(const uint16_t* p) { return Bits::load(p); }
  static CKERAS_MEMBER V load(const uint16_t* p, int64_t n) {
    if (n >= 16) return Bits::load(p);
    uint16_t bits[16] = {};
    for (int64_t i = 0; i < n; ++i) bits[i] = p[i];
    return Bits::load(bits);
  }
  static CKERAS_MEMBER void store(uint16_t* p, V v) { Bits::store(p, v); }
  static CKERAS_MEMBER void store(uint16_t* p, V v, int64_t n) {
    if (n >= 16) return Bits::store(p, v);
    uint16_t bits[16];
    Bits::store(bits, v);
    for (int64_t i = 0; i < n; ++i) p[i] = bits[i];
  }
  static CKERAS_MEMBER T get(uint16_t x) { return Bits::get(x); }
  static CKERAS_MEMBER uint16_t put(T x) { return Bits::put(x); }
};

// f(storage) for a float dtype; false for another.
template <class F>
CKERAS_INLINE bool with_storage(DType dtype, const F& f) {
  switch (dtype) {
    case DType::F32:
      return f(Plain<float>{}), true;
    case DType::F64:
      return f(Plain<double>{}), true;
    case DType::F16:
      return f(Half<F16Bits>{}), true;
    case DType::BF16:
      return f(Half<BF16Bits>{}), true;
    default:
      return false;
  }
}

// Elements of a row as ChunkFold reads them.
template <class S>
struct RowOf {
  const typename S::Element* p;
  CKERAS_MEMBER typename S::V operator()(int64_t i) const { return S::load(p + i); }
  CKERAS_MEMBER typename S::V operator()(int64_t i, int64_t n) const { return S::load(p + i, n); }
};

}  // namespace ckeras::CKERAS_ISA
