// What ends a product: bias and activation, on a block of C that is still in the cache. Only for .isa.cpp files.
#pragma once
#include "cpu/vec.h"
#include "cpu/vmath.h"
#include "gemm/activation.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct Ending {
  const T* bias;  // one a column, or null
  Epilogue epilogue;

  CKERAS_MEMBER bool nothing() const { return bias == nullptr && epilogue == Epilogue::None; }
};

namespace {

template <class T, class F>
CKERAS_INLINE void end_rows(const T* bias, T* const* c, int64_t rows, int64_t n, const F& f) {
  using Vector = VecOf<T>;
  for (int64_t j = 0; j < n; j += Vector::kLanes) {
    const int64_t count = n - j < Vector::kLanes ? n - j : Vector::kLanes;
    const Vector add = bias != nullptr ? Vector::load(bias + j, count) : Vector(T{0});
    for (int64_t i = 0; i < rows; ++i) f(Vector::load(c[i] + j, count) + add).store(c[i] + j, count);
  }
}

// c[i][j] = activation(c[i][j] + bias[j]), j < n; ending.bias is column 0's.
template <class T>
void end_block(Ending<T> ending, T* const* c, int64_t rows, int64_t n) noexcept {
  using Vector = VecOf<T>;
  switch (ending.epilogue) {
    case Epilogue::None:
      return end_rows(ending.bias, c, rows, n, [](Vector v) { return v; });
    case Epilogue::Relu:
      return end_rows(ending.bias, c, rows, n, [](Vector v) { return max(v, Vector(T{0})); });
    case Epilogue::Sigmoid:
      return end_rows(ending.bias, c, rows, n, [](Vector v) { return sigmoid(v); });
    case Epilogue::Tanh:
      return end_rows(ending.bias, c, rows, n, [](Vector v) { return tanh(v); });
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
