// frames: windows of the last dimension, which may overlap.
//
//   in   x [..., n], any dtype
//   out  [..., count, size]: window i begins at i * step; (count - 1) * step + size <= n
//   ints step
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

inline Copy frames_copy(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t n = x.shape[x.rank - 1], count = y.shape[y.rank - 2], size = y.shape[y.rank - 1];
  int64_t rows = 1;
  for (int d = 0; d < x.rank - 1; ++d) rows *= x.shape[d];
  return {{{rows, count * size, n}, {count, size, call.ints[0]}, {size, 1, 1}}, 3};
}

}  // namespace ckeras::move
