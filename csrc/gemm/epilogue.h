// What ends a product: bias, activation and residual, on a block of C that is still in the cache. Only for .isa.cpp
// files.
#pragma once
#include "gemm/activation.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {

template <class T>
struct Ending {
  const T* bias;  // one a column, or null
  Epilogue epilogue;
  const T* residual = nullptr;  // one an element, rows `stride` apart, or null
  int64_t stride = 0;

  CKERAS_MEMBER bool nothing() const { return bias == nullptr && epilogue == Epilogue::None && residual == nullptr; }
  // That of the block of C that begins at (row, column).
  CKERAS_MEMBER Ending at(int64_t row, int64_t column) const {
    return {bias != nullptr ? bias + column : nullptr, epilogue,
            residual != nullptr ? residual + row * stride + column : nullptr, stride};
  }
};

namespace {

template <class T, class F>
CKERAS_INLINE void end_rows(Ending<T> ending, T* const* c, int64_t rows, int64_t n, const F& f) {
  using Vector = VecOf<T>;
  using S = Plain<T>;  // a masked load would wait until what the tile stored has reached the cache
  for (int64_t j = 0; j < n; j += Vector::kLanes) {
    const Vector bias = ending.bias != nullptr ? S::load(ending.bias + j, n - j) : Vector(T{0});
    for (int64_t i = 0; i < rows; ++i) {
      Vector v = S::load(c[i] + j, n - j);
      if (ending.bias != nullptr) v = v + bias;
      v = f(v);
      if (ending.residual != nullptr) v = v + S::load(ending.residual + i * ending.stride + j, n - j);
      S::store(c[i] + j, v, n - j);
    }
  }
}

// What end_block of `rows` rows of `vectors` vectors will wait for besides C.
template <class T>
CKERAS_INLINE void fetch_ending(Ending<T> ending, int64_t rows, int64_t vectors) {
  if (ending.residual == nullptr) return;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < vectors; ++j) {
      __builtin_prefetch(ending.residual + i * ending.stride + j * VecOf<T>::kLanes);
    }
  }
}

// c[i][j] = activation(c[i][j] + bias[j]) + residual[i][j], j < n; `ending` is that of c[0][0].
template <class T>
void end_block(Ending<T> ending, T* const* c, int64_t rows, int64_t n) noexcept {
  using Vector = VecOf<T>;
  switch (ending.epilogue) {
    case Epilogue::None:
      return end_rows(ending, c, rows, n, [](Vector v) { return v; });
    case Epilogue::Relu:
      return end_rows(ending, c, rows, n, [](Vector v) { return max(v, Vector(T{0})); });
    case Epilogue::Sigmoid:
      return end_rows(ending, c, rows, n, [](Vector v) { return sigmoid(v); });
    case Epilogue::Tanh:
      return end_rows(ending, c, rows, n, [](Vector v) { return tanh(v); });
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
