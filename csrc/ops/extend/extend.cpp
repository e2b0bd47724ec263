#include "ops/extend/extend.h"

#include <algorithm>
#include <cstdlib>

#include "base/with_size.h"
#include "ops/pad/borders.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kWrap = 3;  // the mode

// Rows whose elements change places alone, in a circle: all are moved together, then what came from another row is
// written again.
bool only_turns(const Borders& borders) {
  for (int d = 0; d + 1 < borders.rank; ++d) {
    if (borders.dims[d].border() != 0 || borders.dims[d].low != 0) return false;
  }
  const Bordered& last = borders.dims[borders.rank - 1];
  return last.total == last.n && std::abs(last.low) < last.n;
}
template <class T>
void turn_rows(const Borders& borders, const T* x, T* y) {
  const Bordered& last = borders.dims[borders.rank - 1];
  const int64_t width = last.n * borders.inner, low = last.low * borders.inner, part = std::abs(low);
  const int64_t to_first = low > 0 ? part : 0, from_first = low > 0 ? 0 : part;      // of what is moved together
  const int64_t to = low > 0 ? 0 : width - part, from = low > 0 ? width - part : 0;  // of what comes around
  const int64_t together = std::max<int64_t>(1, kBorderPiece / 4 / width);
  const auto bytes = static_cast<size_t>(part) * sizeof(T);
  cpu::parallel_for(borders.rows(), std::max<int64_t>(1, kBorderPiece / width), [&](int64_t begin, int64_t end) {
    for (; begin < end; begin += together) {
      const int64_t rows = std::min(together, end - begin);
      const T* const source = x + begin * width;
      T* const result = y + begin * width;
      copy_some(result + to_first, source + from_first, rows * width - part);
      for (int64_t row = 0; row < rows; ++row) {
        move::copy_bytes(result + row * width + to, source + row * width + from, bytes);
      }
    }
  });
}

void extend(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  Borders borders(x, y, call.ints);
  auto* places = static_cast<int64_t*>(call.workspace);
  for (int d = 0; d < borders.rank; ++d) {
    Bordered& dim = borders.dims[d];
    dim.places = places;
    for (int64_t i = 0; i < dim.low; ++i) *places++ = extended_place(i - dim.low, dim.n, call.ints[x.rank]);
    for (int64_t i = std::max<int64_t>(0, dim.low + dim.n); i < dim.total; ++i) {
      *places++ = extended_place(i - dim.low, dim.n, call.ints[x.rank]);
    }
  }
  const bool turned = call.ints[x.rank] == kWrap && borders.rank > 0 && only_turns(borders);
  with_size(size_of(y.dtype), [&](auto u) {
    using U = decltype(u);
    if (turned) return turn_rows(borders, x.as<const U>(), y.as<U>());
    write_bordered<U>(borders, x.as<const U>(), y.as<U>(), nullptr);
  });
}

int64_t workspace(const Call& call) noexcept { return Borders(call.in[0], call.out[0], call.ints).places() * 8; }

}  // namespace

extern const Kernel kernel_extend;
constinit const Kernel kernel_extend = {extend, workspace, nullptr};

}  // namespace ckeras::portable
