// The activations that a matrix product or convolution can end with: the attribute `activation`.
#pragma once
#include <cstdint>

namespace ckeras {

enum class Epilogue : int64_t { None, Relu, Sigmoid, Tanh, Relu6 };

// Whether it costs so little that tiles of sums are ended in registers.
constexpr bool is_cheap(Epilogue epilogue) {
  return epilogue == Epilogue::None || epilogue == Epilogue::Relu || epilogue == Epilogue::Relu6;
}

}  // namespace ckeras
