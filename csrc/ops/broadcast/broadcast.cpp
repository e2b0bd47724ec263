#include "ops/broadcast/broadcast.h"

#include "ops/move/strided_copy.h"

namespace ckeras::portable {
namespace {

void broadcast(const Call& call) noexcept {
  const View& x = call.in[0];
  const View& y = call.out[0];
  int64_t from[kMaxRank], to[kMaxRank];
  move::strides_of(x, from);
  move::strides_of(y, to);
  move::Dim dims[kMaxRank];
  const int extra = y.rank - x.rank;
  for (int d = 0; d < y.rank; ++d) {
    const bool repeats = d < extra || x.shape[d - extra] == 1;
    dims[d] = {y.shape[d], to[d], repeats ? 0 : from[d - extra]};
  }
  move::strided_copy(y.data, x.data, size_of(x.dtype), dims, y.rank);
}

}  // namespace

extern const Kernel kernel_broadcast;
constinit const Kernel kernel_broadcast = {broadcast, nullptr, nullptr};

}  // namespace ckeras::portable
