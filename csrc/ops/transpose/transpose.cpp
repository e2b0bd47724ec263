#include "ops/transpose/transpose.h"

#include "ops/move/strided_copy.h"

namespace ckeras::portable {
namespace {

void transpose(const Call& call) noexcept {
  const View& x = call.in[0];
  const View& y = call.out[0];
  int64_t from[kMaxRank], to[kMaxRank];
  move::strides_of(x, from);
  move::strides_of(y, to);
  move::Dim dims[kMaxRank];
  for (int d = 0; d < y.rank; ++d) dims[d] = {y.shape[d], to[d], from[call.ints[d]]};
  move::strided_copy(y.data, x.data, size_of(x.dtype), dims, y.rank);
}

}  // namespace

extern const Kernel kernel_transpose;
constinit const Kernel kernel_transpose = {transpose, nullptr, nullptr};

}  // namespace ckeras::portable
