// What convolution and pooling share: windows that slide along up to three spatial dimensions of [N, ..., C] arrays.
// One and two dimensions are three whose first ones have size 1. Included by .isa.cpp files.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int kSpatial = 3;  // planes, rows, columns

// Result i's window has its tap t at place(i, t) of the input; may lie outside.
struct Dim {
  int64_t size, window, result;  // of the input, taps of a window, of the output
  int64_t stride, dilation, low;

  CKERAS_MEMBER int64_t place(int64_t i, int64_t t) const { return i * stride + t * dilation - low; }
  // Whether result i is made of place i alone.
  CKERAS_MEMBER bool same() const { return window == 1 && stride == 1 && low == 0 && result == size; }
  // Places [first, end) of the input lie in result i's window, where the dilation is 1.
  CKERAS_MEMBER int64_t first(int64_t i) const { return i * stride - low < 0 ? 0 : i * stride - low; }
  CKERAS_MEMBER int64_t end(int64_t i) const {
    return i * stride - low + window > size ? size : i * stride - low + window;
  }
};

// Spatial dimension `i` of the three as a number of the array's own; negative where the array has no such.
CKERAS_INLINE int own_dim(const View& x, int i) { return i - (kSpatial - (x.rank - 2)); }

constexpr Dim kNoDim = {1, 1, 1, 1, 1, 0};

}  // namespace ckeras
