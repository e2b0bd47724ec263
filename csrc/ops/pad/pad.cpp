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

// Rows so short that filling some together and copying what lies inside is faster than writing each part of a row.
bool has_short_rows(const Borders& borders, int64_t size) {
  constexpr int64_t kShort = 192;  // bytes
  return borders.rank > 0 && borders.dims[borders.rank - 1].total * borders.inner * size < kShort;
}

template <class T>
void write_short_rows(const Borders& borders, const T* x, T* y, T value) {
  const Bordered last = borders.dims[borders.rank - 1], rows = borders.row_dim();
  const int64_t width = last.total * borders.inner, inside = last.n * borders.inner, low = last.low * borders.inner;
  const int64_t together = kBorderPiece / 4 / width;  // rows that stay in a cache
  cpu::parallel_for(borders.rows(), kBorderPiece / width, [&, bytes = inside * sizeof(T)](int64_t begin, int64_t end) {
    for (int64_t stop; begin < end; begin = stop) {
      const int64_t plane = begin / rows.total, first = plane * rows.total;
      stop = std::min({end, begin + together, first + rows.total});
      std::fill(y + begin * width, y + stop * width, value);
      const int64_t at = borders.plane_inside(plane);
      if (at < 0 || inside == 0) continue;
      const int64_t top = std::max(begin, first + rows.low), bottom = std::min(stop, first + rows.low + rows.n);
      const T* from = x + (at * rows.n + (top - first - rows.low)) * inside;
      T* to = y + top * width + low;
      for (int64_t row = top; row < bottom; ++row, from += inside, to += width) move::copy_bytes(to, from, bytes);
    }
  });
}

void pad(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0], &value = call.in[1];
  if (y.size() == 0) return;
  if (!only_around(call)) {
    move::fill(y.data, value.data, size_of(y.dtype), y.size());
    return move::copy_input(call, 0, move::pad_copy(call));
  }
  with_size(size_of(y.dtype), [&](auto u) {
    using U = decltype(u);
    const Borders borders(x, y, call.ints);
    if (has_short_rows(borders, sizeof(U))) {
      write_short_rows(borders, x.as<const U>(), y.as<U>(), *value.as<const U>());
    } else {
      write_bordered<U>(borders, x.as<const U>(), y.as<U>(), value.as<const U>());
    }
  });
}

}  // namespace

extern const Kernel kernel_pad;
constinit const Kernel kernel_pad = {pad, nullptr, nullptr};

}  // namespace ckeras::portable
