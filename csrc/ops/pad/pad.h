// pad: x with a value around and between its elements; negative lows and highs crop.
//
//   in   x, any dtype; value (rank 0, the same dtype)
//   out  size low + n + max(0, n - 1) * interior + high in each dimension
//   ints lows (rank), highs (rank), interiors (rank; not negative)
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

// Of x into the output, which holds the value elsewhere.
inline Copy pad_copy(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  int64_t from[kMaxRank], to[kMaxRank];
  strides_of(x, from);
  strides_of(y, to);
  Copy copy;
  copy.rank = x.rank;
  for (int d = 0; d < x.rank; ++d) {
    const int64_t low = call.ints[d], step = call.ints[2 * x.rank + d] + 1;
    // Element i of x goes to low + i * step; those outside the output are cropped.
    const int64_t first = low < 0 ? (-low + step - 1) / step : 0;
    int64_t last = y.shape[d] - low <= 0 ? -1 : (y.shape[d] - 1 - low) / step;
    if (last > x.shape[d] - 1) last = x.shape[d] - 1;
    if (last < first) return kNoCopy;
    copy.dims[d] = {last - first + 1, step * to[d], from[d]};
    copy.src += first * from[d];
    copy.dst += (low + first * step) * to[d];
  }
  return copy;
}

}  // namespace ckeras::move
