#include "ops/argmax/argmax.h"

#include "ops/reference.h"

namespace ckeras::reference {
namespace {

// `get(i)` is element i of x.
template <bool kMax, class Get>
void arg(const Call& call, const Get& get) {
  const View& x = call.in[0];
  const int64_t axis = call.ints[0], n = x.shape[axis];
  int64_t inner = 1;
  for (int64_t d = axis + 1; d < x.rank; ++d) inner *= x.shape[d];
  const int64_t outputs = call.out[0].size();
  for (int64_t o = 0; o < outputs; ++o) {
    const int64_t base = o / inner * n * inner + o % inner;
    int64_t best = 0;
    for (int64_t i = 1; i < n; ++i) {
      const auto a = get(base + i * inner), b = get(base + best * inner);
      const bool better = kMax ? a > b : a < b;
      if (b == b && (better || a != a)) best = i;
    }
    call.out[0].as<int32_t>()[o] = static_cast<int32_t>(best);
  }
}

template <bool kMax>
void run(const Call& call) noexcept {
  const View& x = call.in[0];
  with_float(x.dtype, [&](auto t) { arg<kMax>(call, [&](int64_t i) { return x.as<const decltype(t)>()[i].get(); }); });
  with_integer(x.dtype, [&](auto t) { arg<kMax>(call, [&](int64_t i) { return x.as<const decltype(t)>()[i]; }); });
}

}  // namespace

extern const Kernel kernel_argmax, kernel_argmin;
constinit const Kernel kernel_argmax = {run<true>, nullptr, nullptr};
constinit const Kernel kernel_argmin = {run<false>, nullptr, nullptr};

}  // namespace ckeras::reference
