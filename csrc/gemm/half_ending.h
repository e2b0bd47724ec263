// What ends a product of halves: float32 sums become halves, with bias, activation and residual; each step rounds, as
// ops of their own would. Only for .isa.cpp files.
#pragma once
#include "gemm/activation.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {

// S: Half<...> of ops/storage.h.
template <class S>
struct HalfEnding {
  const uint16_t* bias;  // one a column, or null
  Epilogue epilogue;
  const uint16_t* residual;  // one an element, rows `stride` apart, or null
  int64_t stride;

  // That of the block that begins at (row, column).
  CKERAS_MEMBER HalfEnding at(int64_t row, int64_t column) const {
    return {bias != nullptr ? bias + column : nullptr, epilogue,
            residual != nullptr ? residual + row * stride + column : nullptr, stride};
  }
};

namespace {

template <class S>
CKERAS_INLINE V16 rounded(V16 v) {
  uint16_t bits[V16::kLanes];
  S::store(bits, v);
  return S::load(bits);
}

template <class S, class F>
CKERAS_INLINE void end_half_rows(const HalfEnding<S>& ending, const float* const* from, uint16_t* to, int64_t stride,
                                 int64_t rows, int64_t n, const F& f) {
  for (int64_t j = 0; j < n; j += V16::kLanes) {
    const int64_t count = n - j < V16::kLanes ? n - j : V16::kLanes;
    const V16 bias = ending.bias != nullptr ? S::load(ending.bias + j, count) : V16(0.0f);
    for (int64_t i = 0; i < rows; ++i) {
      V16 v = Plain<float>::load(from[i] + j, count);
      if (ending.bias != nullptr) v = rounded<S>(v) + bias;
      v = f(v);
      if (ending.residual != nullptr) v = rounded<S>(v) + S::load(ending.residual + i * ending.stride + j, count);
      S::store(to + i * stride + j, v, count);
    }
  }
}

// to[i][j] = activation(from[i][j] + bias[j]) + residual[i][j], j < n; `ending` is that of to[0][0], whose rows are
// `stride` apart.
template <class S>
void end_halves(const HalfEnding<S>& ending, const float* const* from, uint16_t* to, int64_t stride, int64_t rows,
                int64_t n) noexcept {
  const auto end = [&](const auto& f) { end_half_rows(ending, from, to, stride, rows, n, f); };
  switch (ending.epilogue) {
    case Epilogue::None:
      return end([](V16 v) { return v; });
    case Epilogue::Relu:
      return end([](V16 v) { return max(v, V16(0.0f)); });
    case Epilogue::Sigmoid:
      return end([](V16 v) { return sigmoid(rounded<S>(v)); });
    case Epilogue::Tanh:
      return end([](V16 v) { return tanh(rounded<S>(v)); });
    case Epilogue::Relu6:
      return end([](V16 v) { return min(max(v, V16(0.0f)), V16(6.0f)); });
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
