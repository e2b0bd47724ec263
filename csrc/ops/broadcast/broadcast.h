// broadcast: dimensions of size 1 repeated, trailing dimensions aligned.
//
//   in   x, any dtype, of the output's rank or less
//   out  the shape to reach
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

inline Copy broadcast_copy(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  int64_t from[kMaxRank], to[kMaxRank];
  strides_of(x, from);
  strides_of(y, to);
  Copy copy;
  copy.rank = y.rank;
  const int extra = y.rank - x.rank;
  for (int d = 0; d < y.rank; ++d) {
    const bool repeats = d < extra || x.shape[d - extra] == 1;
    copy.dims[d] = {y.shape[d], to[d], repeats ? 0 : from[d - extra]};
  }
  return copy;
}

}  // namespace ckeras::move
