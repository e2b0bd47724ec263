// The epilogues that a matrix product or convolution can end with: the attribute `activation`.
#pragma once
#include <cstdint>

namespace ckeras {

enum class Epilogue : int64_t { None, Relu, Sigmoid, Tanh };

}  // namespace ckeras
