#include "ops/pad/pad.h"

namespace ckeras::portable {
namespace {

void pad(const Call& call) noexcept {
  const View& y = call.out[0];
  move::fill(y.data, call.in[1].data, size_of(y.dtype), y.size());
  move::copy_input(call, 0, move::pad_copy(call));
}

}  // namespace

extern const Kernel kernel_pad;
constinit const Kernel kernel_pad = {pad, nullptr, nullptr};

}  // namespace ckeras::portable
