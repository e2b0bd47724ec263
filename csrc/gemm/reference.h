// What the plain references of products, convolutions and pools share: elements as doubles. Not for .isa.cpp files.
#pragma once
#include <cmath>

#include "base/dtype.h"
#include "cpu/half.h"
#include "gemm/activation.h"

namespace ckeras::reference {

// The storage of a float dtype; get and set go through double.
struct Half {
  uint16_t bits;
  double get() const { return f16_to_f32(bits); }
  void set(double x) { bits = f32_to_f16(static_cast<float>(x)); }
};
struct BHalf {
  uint16_t bits;
  double get() const { return bf16_to_f32(bits); }
  void set(double x) { bits = f32_to_bf16(static_cast<float>(x)); }
};
template <class T>
struct Real {
  T value;
  double get() const { return value; }
  void set(double x) { value = static_cast<T>(x); }
};

// f(T{}) with the storage type of a float dtype.
template <class F>
void with_float(DType dtype, const F& f) {
  if (dtype == DType::F16) f(Half{});
  if (dtype == DType::BF16) f(BHalf{});
  if (dtype == DType::F32) f(Real<float>{});
  if (dtype == DType::F64) f(Real<double>{});
}

inline double activate(double x, int64_t epilogue) {
  switch (static_cast<Epilogue>(epilogue)) {
    case Epilogue::Relu:
      return x > 0 || std::isnan(x) ? x : 0;
    case Epilogue::Relu6:
      return x > 6 ? 6 : x > 0 || std::isnan(x) ? x : 0;
    case Epilogue::Sigmoid:
      return 1 / (1 + std::exp(-x));
    case Epilogue::Tanh:
      return std::tanh(x);
    default:
      return x;
  }
}

}  // namespace ckeras::reference
