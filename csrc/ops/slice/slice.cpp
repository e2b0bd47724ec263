#include "ops/slice/slice.h"

#include "ops/move/strided_copy.h"

namespace ckeras::portable {
namespace {

void slice(const Call& call) noexcept {
  const View& x = call.in[0];
  const View& y = call.out[0];
  if (y.size() == 0) return;
  int64_t from[kMaxRank], to[kMaxRank];
  move::strides_of(x, from);
  move::strides_of(y, to);
  move::Dim dims[kMaxRank];
  int64_t first = 0;
  for (int d = 0; d < y.rank; ++d) {
    first += call.ints[d] * from[d];
    dims[d] = {y.shape[d], to[d], call.ints[y.rank + d] * from[d]};
  }
  const int64_t itemsize = size_of(x.dtype);
  move::strided_copy(y.data, x.as<const char>() + first * itemsize, itemsize, dims, y.rank);
}

}  // namespace

extern const Kernel kernel_slice;
constinit const Kernel kernel_slice = {slice, nullptr, nullptr};

}  // namespace ckeras::portable
