#include "ops/pad/pad.h"

#include <algorithm>

#include "ops/move/strided_copy.h"

namespace ckeras::portable {
namespace {

void pad(const Call& call) noexcept {
  const View& x = call.in[0];
  const View& y = call.out[0];
  const int64_t itemsize = size_of(x.dtype);
  move::fill(y.data, call.in[1].data, itemsize, y.size());
  int64_t from[kMaxRank], to[kMaxRank];
  move::strides_of(x, from);
  move::strides_of(y, to);
  move::Dim dims[kMaxRank];
  int64_t src = 0, dst = 0;
  for (int d = 0; d < x.rank; ++d) {
    const int64_t low = call.ints[d], step = call.ints[2 * x.rank + d] + 1;
    // Element i of x goes to low + i * step; those outside the output are cropped.
    const int64_t first = low < 0 ? (-low + step - 1) / step : 0;
    const int64_t last = y.shape[d] - low <= 0 ? -1 : std::min(x.shape[d] - 1, (y.shape[d] - 1 - low) / step);
    if (last < first) return;
    dims[d] = {last - first + 1, step * to[d], from[d]};
    src += first * from[d];
    dst += (low + first * step) * to[d];
  }
  move::strided_copy(y.as<char>() + dst * itemsize, x.as<const char>() + src * itemsize, itemsize, dims, x.rank);
}

}  // namespace

extern const Kernel kernel_pad;
constinit const Kernel kernel_pad = {pad, nullptr, nullptr};

}  // namespace ckeras::portable
