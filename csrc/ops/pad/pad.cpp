#include "ops/pad/pad.h"

#include "base/with_size.h"
#include "ops/pad/borders.h"

namespace ckeras::portable {
namespace {

// Neither crops nor puts values between elements.
bool only_around(const Call& call) {
  const int rank = call.in[0].rank;
  for (int d = 0; d < rank; ++d) {
    if (call.ints[d] < 0 || call.ints[rank + d] < 0 || call.ints[2 * rank + d] != 0) return false;
  }
  return true;
}

void pad(const Call& call) noexcept {
  const View& y = call.out[0];
  if (!only_around(call)) {
    move::fill(y.data, call.in[1].data, size_of(y.dtype), y.size());
    return move::copy_input(call, 0, move::pad_copy(call));
  }
  if (y.size() == 0) return;
  with_size(size_of(y.dtype), [&](auto u) {
    using U = decltype(u);
    write_bordered<U>(Borders(call.in[0], y, call.ints), call.in[0].as<const U>(), y.as<U>(), call.in[1].as<const U>());
  });
}

}  // namespace

extern const Kernel kernel_pad;
constinit const Kernel kernel_pad = {pad, nullptr, nullptr};

}  // namespace ckeras::portable
