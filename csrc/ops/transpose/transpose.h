// transpose: the dimensions in another order.
//
//   in   x, any dtype
//   out  output dim i is input dim ints[i]
//   ints a permutation of 0 ... rank - 1
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

inline Copy transpose_copy(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  int64_t from[kMaxRank], to[kMaxRank];
  strides_of(x, from);
  strides_of(y, to);
  Copy copy;
  copy.rank = y.rank;
  for (int d = 0; d < y.rank; ++d) copy.dims[d] = {y.shape[d], to[d], from[call.ints[d]]};
  return copy;
}

}  // namespace ckeras::move
