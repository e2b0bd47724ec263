// extend: x with borders of its own elements.
//
//   in   x, any dtype; a dimension that is extended is not empty
//   out  size low + n + high in each dimension
//   ints lows (rank; a negative one crops, as does a size less than low + n), mode: 0 edge (the outermost element),
//        1 reflect (mirrored at it), 2 symmetric (mirrored with it), 3 wrap (the other end)
#pragma once
#include "base/inline.h"
#include "runtime/kernel.h"

namespace ckeras {

// The element of 0 ... n - 1 that lies at place `i`, which may be outside.
CKERAS_INLINE int64_t extended_place(int64_t i, int64_t n, int64_t mode) {
  if (i >= 0 && i < n) return i;
  if (mode == 0) return i < 0 ? 0 : n - 1;
  const int64_t period = mode == 3 ? n : mode == 2 ? 2 * n : n > 1 ? 2 * n - 2 : 1;
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : mode == 2 ? period - 1 - i : period - i;
}

}  // namespace ckeras
