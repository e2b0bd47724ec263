// The numbers whose order, unsigned, is the order of a dtype's elements: equal zeros, NaN last.
#pragma once
#include <array>
#include <cstdint>
#include <type_traits>

#include "base/dtype.h"
#include "base/inline.h"

namespace ckeras {

// Floats of U's width: the bits of infinity tell them apart. Value: a type that compares them (but NaN), or U.
template <class U, uint64_t kInfinity, class V = U>
struct FloatKey {
  using Element = U;
  using Key = U;
  using Value = V;
  static constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
  static constexpr U kZero = kSign, kNone = static_cast<U>(~U{0});
  static constexpr U kShared[] = {kZero, kNone};  // by both zeros, by what is no number
  static CKERAS_MEMBER U magnitude(U bits) { return static_cast<U>(bits & static_cast<U>(~kSign)); }
  static CKERAS_MEMBER U of(U bits) {
    const U key = static_cast<U>(bits & kSign ? ~bits : bits | kSign), size = magnitude(bits);
    return size > static_cast<U>(kInfinity) ? kNone : size == 0 ? kZero : key;
  }
  static CKERAS_MEMBER bool shares(U bits, U key) {
    return key == kZero ? magnitude(bits) == 0 : magnitude(bits) > kInfinity;
  }
  // Whether it is not the one element that its key gives back.
  static CKERAS_MEMBER bool differs(U bits) { return bits == kSign || magnitude(bits) > kInfinity; }
  // The element of a key that is not shared, or the positive zero.
  static CKERAS_MEMBER U element(U key) { return static_cast<U>(key & kSign ? key ^ kSign : ~key); }
};
template <class T>
struct IntegerKey {
  using Element = T;
  using Value = T;
  using Key = std::make_unsigned_t<T>;
  static constexpr Key kSign = std::is_signed_v<T> ? static_cast<Key>(Key{1} << (8 * sizeof(T) - 1)) : Key{0};
  static constexpr std::array<Key, 0> kShared{};
  static CKERAS_MEMBER Key of(T x) { return static_cast<Key>(static_cast<Key>(x) ^ kSign); }
  static CKERAS_MEMBER Key element(Key key) { return static_cast<Key>(key ^ kSign); }
  static CKERAS_MEMBER bool shares(Key, Key) { return false; }
  static CKERAS_MEMBER bool differs(Key) { return false; }
};

// f(key of a dtype).
template <class F>
CKERAS_INLINE constexpr void with_key(DType dtype, const F& f) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return f(IntegerKey<uint8_t>{});
    case DType::I8:
      return f(IntegerKey<int8_t>{});
    case DType::I16:
      return f(IntegerKey<int16_t>{});
    case DType::I32:
      return f(IntegerKey<int32_t>{});
    case DType::I64:
      return f(IntegerKey<int64_t>{});
    case DType::U16:
      return f(IntegerKey<uint16_t>{});
    case DType::U32:
      return f(IntegerKey<uint32_t>{});
    case DType::U64:
      return f(IntegerKey<uint64_t>{});
    case DType::F16:
      return f(FloatKey<uint16_t, 0x7c00>{});
    case DType::BF16:
      return f(FloatKey<uint16_t, 0x7f80>{});
    case DType::F32:
      return f(FloatKey<uint32_t, 0x7f800000, float>{});
    case DType::F64:
      return f(FloatKey<uint64_t, 0x7ff0000000000000, double>{});
  }
}

}  // namespace ckeras
