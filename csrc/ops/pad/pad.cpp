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

// Rows so short that filling all and copying what lies inside is faster than writing each part of a row once.
bool has_short_rows(const Borders& borders, int64_t size) {
  constexpr int64_t kShort = 192;  // bytes
  return borders.rank > 0 && borders.dims[borders.rank - 1].total * borders.inner * size < kShort;
}

void pad(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0], &value = call.in[1];
  if (y.size() == 0) return;
  if (!only_around(call) || has_short_rows(Borders(x, y, call.ints), size_of(y.dtype))) {
    move::fill(y.data, value.data, size_of(y.dtype), y.size());
    return move::copy_input(call, 0, move::pad_copy(call));
  }
  with_size(size_of(y.dtype), [&](auto u) {
    using U = decltype(u);
    write_bordered<U>(Borders(x, y, call.ints), x.as<const U>(), y.as<U>(), value.as<const U>());
  });
}

}  // namespace

extern const Kernel kernel_pad;
constinit const Kernel kernel_pad = {pad, nullptr, nullptr};

}  // namespace ckeras::portable
