// The numbers whose order, unsigned, is the order of a dtype's elements: equal zeros, NaN last.
#pragma once
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
  static CKERAS_MEMBER U of(U bits) {
    constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
    const U magnitude = static_cast<U>(bits & static_cast<U>(~kSign));
    if (magnitude > kInfinity) return static_cast<U>(~U{0});
    if (magnitude == 0) return kSign;
    return static_cast<U>(bits & kSign ? ~bits : bits | kSign);
  }
};
template <class T>
struct IntegerKey {
  using Element = T;
  using Value = T;
  using Key = std::make_unsigned_t<T>;
  static CKERAS_MEMBER Key of(T x) {
    constexpr Key kSign = std::is_signed_v<T> ? static_cast<Key>(Key{1} << (8 * sizeof(T) - 1)) : Key{0};
    return static_cast<Key>(static_cast<Key>(x) ^ kSign);
  }
};

// f(key of a dtype).
template <class F>
CKERAS_INLINE void with_key(DType dtype, const F& f) {
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
