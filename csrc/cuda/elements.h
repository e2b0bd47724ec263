// Elements of any dtype as few computing types, chosen at run time: for kernels that memory limits, so that one serves
// all dtypes. Only for .cu files.
#pragma once
#include <type_traits>

#include "base/with_size.h"
#include "cuda/device.h"
#include "ops/elementwise/convert.h"

namespace ckeras::cuda {

// Element i of an array. Integers that wrap are read unsigned.
template <class T>
CKERAS_INLINE T element_as(const void* p, int64_t i, DType dtype) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return static_cast<T>(static_cast<const uint8_t*>(p)[i]);
    case DType::U16:
      return static_cast<T>(static_cast<const uint16_t*>(p)[i]);
    case DType::U32:
      return static_cast<T>(static_cast<const uint32_t*>(p)[i]);
    case DType::U64:
      return static_cast<T>(static_cast<const uint64_t*>(p)[i]);
    case DType::I8:
      return static_cast<T>(static_cast<const int8_t*>(p)[i]);
    case DType::I16:
      return static_cast<T>(static_cast<const int16_t*>(p)[i]);
    case DType::I32:
      return static_cast<T>(static_cast<const int32_t*>(p)[i]);
    case DType::I64:
      return static_cast<T>(static_cast<const int64_t*>(p)[i]);
    case DType::F16:
      return static_cast<T>(f16_to_f32(static_cast<const uint16_t*>(p)[i]));
    case DType::BF16:
      return static_cast<T>(bf16_to_f32(static_cast<const uint16_t*>(p)[i]));
    case DType::F32:
      return static_cast<T>(static_cast<const float*>(p)[i]);
    default:
      return static_cast<T>(static_cast<const double*>(p)[i]);
  }
}

// Integers into integer dtypes, floats into those of floats.
template <class T>
CKERAS_INLINE void put_element(void* p, int64_t i, DType dtype, T x) {
  if constexpr (std::is_floating_point_v<T>) {
    switch (dtype) {
      case DType::F16:
        static_cast<uint16_t*>(p)[i] = Convert<F16>::from(x).bits;
        break;
      case DType::BF16:
        static_cast<uint16_t*>(p)[i] = Convert<BF16>::from(x).bits;
        break;
      case DType::F32:
        static_cast<float*>(p)[i] = static_cast<float>(x);
        break;
      default:
        static_cast<double*>(p)[i] = static_cast<double>(x);
    }
  } else {
    switch (size_of(dtype)) {
      case 1:
        static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(x);
        break;
      case 2:
        static_cast<uint16_t*>(p)[i] = static_cast<uint16_t>(x);
        break;
      case 4:
        static_cast<uint32_t*>(p)[i] = static_cast<uint32_t>(x);
        break;
      default:
        static_cast<uint64_t*>(p)[i] = static_cast<uint64_t>(x);
    }
  }
}

// f(T{}) with the type that computes the elements of a dtype exactly: double, int64_t or uint64_t.
template <class F>
void with_wide(DType dtype, const F& f) {
  if (dtype >= DType::F16) {
    f(double{});
  } else if (dtype >= DType::I8 && dtype <= DType::I64) {
    f(int64_t{});
  } else {
    f(uint64_t{});
  }
}

// Indices of either integer dtype.
struct Indices {
  const void* p;
  bool wide;
  explicit Indices(const View& view) : p(view.data), wide(view.dtype == DType::I64) {}
  CKERAS_MEMBER int64_t operator[](int64_t i) const {
    return wide ? static_cast<const int64_t*>(p)[i] : static_cast<const int32_t*>(p)[i];
  }
};

}  // namespace ckeras::cuda
