#include "ops/concatenate/concatenate.h"

#include "ops/move/strided_copy.h"

namespace ckeras::portable {
namespace {

void concatenate(const Call& call) noexcept {
  const View& y = call.out[0];
  const int axis = static_cast<int>(call.ints[0]);
  const int64_t itemsize = size_of(y.dtype);
  int64_t outer = 1, inner = 1;
  for (int d = 0; d < axis; ++d) outer *= y.shape[d];
  for (int d = axis + 1; d < y.rank; ++d) inner *= y.shape[d];
  char* dst = y.as<char>();
  for (int i = 0; i < call.n_in; ++i) {
    const int64_t run = call.in[i].shape[axis] * inner;
    const move::Dim dims[] = {{outer, y.shape[axis] * inner, run}, {run, 1, 1}};
    move::strided_copy(dst, call.in[i].data, itemsize, dims, 2);
    dst += run * itemsize;
  }
}

}  // namespace

extern const Kernel kernel_concatenate;
constinit const Kernel kernel_concatenate = {concatenate, nullptr, nullptr};

}  // namespace ckeras::portable
