// What ends a product or convolution: bias, scale and shift, activation and residual, on a block of C that is still in
// the cache. Each step rounds, as ops of their own would. Only for .isa.cpp files.
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
  const T *scale = nullptr, *shift = nullptr;  // one a column, or both null
  bool early = false;                          // the residual is added before the activation

  CKERAS_MEMBER bool nothing() const {
    return bias == nullptr && epilogue == Epilogue::None && residual == nullptr && scale == nullptr;
  }
  // That of the block of C that begins at (row, column).
  CKERAS_MEMBER Ending at(int64_t row, int64_t column) const {
    Ending own = *this;
    if (bias != nullptr) own.bias += column;
    if (residual != nullptr) own.residual += row * stride + column;
    if (scale != nullptr) own.scale += column, own.shift += column;
    return own;
  }
  // That of what begins so many elements behind, where rows of C lie as the residual's do.
  CKERAS_MEMBER Ending behind(int64_t elements) const {
    Ending own = *this;
    own.residual = residual_behind(elements);
    return own;
  }
  CKERAS_MEMBER const T* residual_behind(int64_t elements) const {
    return residual != nullptr ? residual + elements : nullptr;
  }
};

namespace {

// A cheap activation.
template <class Vector>
CKERAS_INLINE Vector activate_cheap(Epilogue epilogue, Vector v) {
  if (epilogue != Epilogue::None) v = max(v, Vector(0));
  if (epilogue == Epilogue::Relu6) v = min(v, Vector(6));
  return v;
}

// visit(the activation as a function of a vector).
template <class Vector, class Visit>
CKERAS_INLINE void with_activation(Epilogue epilogue, const Visit& visit) {
  switch (epilogue) {
    case Epilogue::None:
      return visit([](Vector v) { return v; });
    case Epilogue::Relu:
      return visit([](Vector v) { return activate_cheap(Epilogue::Relu, v); });
    case Epilogue::Sigmoid:
      return visit([](Vector v) { return sigmoid(v); });
    case Epilogue::Tanh:
      return visit([](Vector v) { return tanh(v); });
    case Epilogue::Relu6:
      return visit([](Vector v) { return activate_cheap(Epilogue::Relu6, v); });
  }
}

template <class T, class F>
CKERAS_INLINE void end_rows(const Ending<T>& ending, T* const* c, int64_t rows, int64_t n, const F& f) {
  using Vector = VecOf<T>;
  using S = Plain<T>;  // a masked load would wait until what the tile stored has reached the cache
  const T *const early = ending.early ? ending.residual : nullptr, *const late =
                                                                       ending.early ? nullptr : ending.residual;
  for (int64_t j = 0; j < n; j += Vector::kLanes) {
    const auto column = [&](const T* from) { return from != nullptr ? S::load(from + j, n - j) : Vector(T{0}); };
    const Vector bias = column(ending.bias), scale = column(ending.scale), shift = column(ending.shift);
    for (int64_t i = 0; i < rows; ++i) {
      Vector v = S::load(c[i] + j, n - j);
      if (ending.bias != nullptr) v = v + bias;
      if (ending.scale != nullptr) v = v * scale + shift;
      if (early != nullptr) v = v + S::load(early + i * ending.stride + j, n - j);
      v = f(v);
      if (late != nullptr) v = v + S::load(late + i * ending.stride + j, n - j);
      S::store(c[i] + j, v, n - j);
    }
  }
}

// What end_block of `rows` rows of `vectors` vectors will wait for besides C.
template <class T>
CKERAS_INLINE void fetch_ending(const Ending<T>& ending, int64_t rows, int64_t vectors) {
  if (ending.residual == nullptr) return;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < vectors; ++j) {
      __builtin_prefetch(ending.residual + i * ending.stride + j * VecOf<T>::kLanes);
    }
  }
}

// c[i][j] = activation((c[i][j] + bias[j]) * scale[j] + shift[j]) + residual[i][j], j < n, or with the residual inside;
// `ending` is that of c[0][0].
template <class T>
void end_block(const Ending<T>& ending, T* const* c, int64_t rows, int64_t n) noexcept {
  with_activation<VecOf<T>>(ending.epilogue, [&](const auto& f) { end_rows(ending, c, rows, n, f); });
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
