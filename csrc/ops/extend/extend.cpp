#include "ops/extend/extend.h"

#include <algorithm>

#include "base/with_size.h"
#include "ops/pad/borders.h"

namespace ckeras::portable {
namespace {

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
  with_size(size_of(y.dtype), [&](auto u) {
    using U = decltype(u);
    write_bordered<U>(borders, x.as<const U>(), y.as<U>(), nullptr);
  });
}

int64_t workspace(const Call& call) noexcept { return Borders(call.in[0], call.out[0], call.ints).places() * 8; }

}  // namespace

extern const Kernel kernel_extend;
constinit const Kernel kernel_extend = {extend, workspace, nullptr};

}  // namespace ckeras::portable
