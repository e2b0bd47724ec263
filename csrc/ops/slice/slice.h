// slice: x[start::step] in each dimension, as many elements as the output's shape says.
//
//   in   x, any dtype
//   out  the same rank; start + (n - 1) * step lies inside x for every dimension of size n > 0
//   ints starts (rank), steps (rank; not 0, may be negative)
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

inline Copy slice_copy(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return kNoCopy;
  int64_t from[kMaxRank], to[kMaxRank];
  strides_of(x, from);
  strides_of(y, to);
  Copy copy;
  copy.rank = y.rank;
  for (int d = 0; d < y.rank; ++d) {
    copy.src += call.ints[d] * from[d];
    copy.dims[d] = {y.shape[d], to[d], call.ints[y.rank + d] * from[d]};
  }
  return copy;
}

}  // namespace ckeras::move
